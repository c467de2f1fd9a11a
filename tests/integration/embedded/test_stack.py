"""The embedded stack: private to its user, and ended by a second Ctrl-C."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import running_stack
from tests.support.waiting import wait_until

_NOBODY = 65534


def _open_to_others(home: Path) -> list[str]:
    paths = [home, *home.rglob("*")]
    return [str(path) for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def test_nothing_of_it_can_be_read_by_others(tmp_path: Path) -> None:
    """Neither what it makes, whatever the umask, nor what an older version has left open."""
    home = tmp_path / "home"
    before = os.umask(0)
    try:
        for folder in ("valkey/appendonlydir", "logs", "sandbox"):
            (home / folder).mkdir(parents=True)
        for file in ("emasai.sqlite", "logs/worker-1.log", "sandbox/bill.jsonl", "owner.lock"):
            (home / file).touch()
        with running_stack(home, workers=1):
            seen = {path.name for path in home.rglob("*")}

            assert {"stack.json", "emasai.sqlite", "valkey.conf", "worker-1.log"} <= seen
            assert "appendonly.aof.manifest" in seen
            assert _open_to_others(home) == []
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
def test_another_user_is_kept_out(tmp_path: Path) -> None:
    """Asked as that user, even where the folder is in a public place."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    home = tmp_path / "home"
    with running_stack(home, workers=0):
        for target in (home, home / "emasai.sqlite", home / "logs" / "valkey.log"):
            ended = subprocess.run(
                ["cat", target],
                user=_NOBODY,
                group=_NOBODY,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
            )

            assert ended.stdout == ""
            assert f"{target}: Permission denied" in ended.stderr


def test_a_second_ctrl_c_ends_up_while_others_use_its_stack(tmp_path: Path) -> None:
    """The first waits for them, and says so; the second does not."""
    home = tmp_path / "home"
    with (tmp_path / "up.log").open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", "up", "--port", "0", "--workers", "1"],
            env={**os.environ, "EMASAI_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def printed(words: str) -> bool:
        return words in (tmp_path / "up.log").read_text("utf-8")

    try:
        wait_until(lambda: printed("api.listening"), description="it serves")
        with (home / "users.lock").open("r+b") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            up.send_signal(signal.SIGINT)
            wait_until(lambda: printed("Ctrl-C ends it at once"), description="it waits")
            assert up.poll() is None

            up.send_signal(signal.SIGINT)

            assert up.wait(60) == 1
        assert not (home / "stack.json").exists()
    finally:
        up.kill()
        up.wait()

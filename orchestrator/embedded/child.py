"""One child process of the embedded stack, and its files, which only its user may read.

A child has a session of its own, so that Ctrl-C reaches only its parent.
"""

import contextlib
import os
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO, Any, Final

import psutil

#: What the stack's processes must not grant to other users: leads are personal data.
PRIVATE_UMASK: Final = 0o077
#: Seconds that a child has to end by itself: a worker finishes the calls it has paid for.
GRACE_S = 30.0


class StackError(Exception):
    """*part* did not start or stay up, for *reason*; *log* has the details."""

    def __init__(self, part: str, reason: str, log: Path) -> None:
        super().__init__(part, reason, log)
        self.part = part
        self.reason = reason
        self.log = log

    def __str__(self) -> str:
        return f"the embedded {self.part} {self.reason}; see {self.log}"


@dataclass(frozen=True, slots=True)
class ChildId:
    """Identity of a process that survives reuse of its pid: pid and start time."""

    pid: int
    born_at: float

    def process(self) -> psutil.Process | None:
        """Return the process if it still lives."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.born_at) < 1 and process.is_running():
                return process
        return None


def free_port() -> int:
    """Return a loopback port that no process listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A running child whose output goes to *log*."""

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._env = dict(env)
        self._process = self._spawn()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with private_file(self.log, "ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own commands, no shell
                self._command,
                env={**os.environ, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )

    @property
    def identity(self) -> ChildId:
        """Identifies the child to a later process that may have to end it."""
        return ChildId(self._process.pid, psutil.Process(self._process.pid).create_time())

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.poll() is None

    def wait_until(self, is_ready: Callable[[], bool], part: str, within_s: float) -> None:
        """Wait until the child, the stack's *part*, is ready; end it if it does not become so.

        Raises:
            StackError: It ended, or was not ready in time.
        """
        deadline, pause = monotonic() + within_s, Event()
        while monotonic() < deadline and self.is_alive:
            if is_ready():
                return
            pause.wait(0.02)
        reason = "did not answer in time" if self.is_alive else "ended at once"
        self.end()
        raise StackError(part, reason, self.log)

    def restart(self) -> None:
        """Start the same command again after it has ended."""
        self._process = self._spawn()

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self.is_alive:
            self._process.terminate()

    def kill(self) -> None:
        """End the child at once."""
        self._process.kill()
        self._process.wait()

    def end(self, grace_s: float = GRACE_S) -> None:
        """Wait for the child to end, after SIGTERM; kill it when *grace_s* have passed."""
        self.ask_to_end()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()


def end_leftover(identity: ChildId) -> None:
    """End a child of a parent that was killed before it could do so."""
    process = identity.process()
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(GRACE_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


def private_folder(path: Path) -> None:
    """Create *path* and its missing parents; take all rights on it and its content from others.

    Raises:
        OSError: It cannot be created, or belongs to another user.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o777 & ~PRIVATE_UMASK)
    _tighten(path)
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            _tighten(Path(parent, name))


def private_file(path: Path, mode: str) -> IO[Any]:
    """Open *path* as `open` does with *mode*; only its owner may read it."""
    file = open(path, mode, opener=_open_private)  # noqa: SIM115 - Path has no opener
    _tighten(path)
    return file


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666 & ~PRIVATE_UMASK)


def _tighten(path: Path) -> None:
    """Take all rights on *path* from others; the target of a link is left as it is."""
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & PRIVATE_UMASK:
            path.chmod(stat.S_IMODE(mode) & ~PRIVATE_UMASK)
    except FileNotFoundError:
        return  # a server that is ending removes its files

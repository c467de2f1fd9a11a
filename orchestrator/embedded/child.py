"""One child process: started in a session of its own, so that Ctrl-C reaches only its parent."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.embedded.private import PRIVATE_UMASK, private_file

#: Seconds that a child has to end by itself: a worker finishes the calls it has paid for.
GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class ChildId:
    """Identity of a process that survives reuse of its number: pid and time of birth."""

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
    """Return a loopback port that nobody listens on at the moment."""
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
        """Who the child is, for a later process that may have to end it."""
        return ChildId(self._process.pid, psutil.Process(self._process.pid).create_time())

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.poll() is None

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

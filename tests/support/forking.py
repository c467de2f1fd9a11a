"""Python processes forked from one that has imported what they need.

Importing Celery, SQLAlchemy, pydantic and our own modules takes a new process most of a second of
processor time, and the tests start some hundred workers and other processes. A forked one is in all
else as one of `python -m`: it has an environment, a command line and a pid of its own, by which
it is stopped and killed. `emasai` and the embedded stack start theirs anew, as users do.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.support.project import ROOT

FORKS = multiprocessing.get_context("forkserver")
#: What workers, API and commands import, but what reads the environment: `celery_app`, tasks.
FORKS.set_forkserver_preload(
    [
        "aiohttp.web",
        "celery.app.events",
        "celery.apps.worker",
        "celery.bin.celery",
        "celery.worker.components",
        "celery.worker.consumer",
        "httpx",
        "kombu.transport.redis",
        "orchestrator.dispatch",
        "orchestrator.http",
        "orchestrator.leadfile",
        "orchestrator.messaging.consumer",
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "uvloop",
    ]
)


class ForkedProcess:
    """A process in which Python runs a module; what tests use of `subprocess.Popen`."""

    def __init__(
        self, arguments: Sequence[str], *, env: Mapping[str, str], files: Mapping[int, Connection]
    ) -> None:
        """Start it as `python -m` does.

        Args:
            arguments: The module, and what it finds in `sys.argv` after it.
            env: Its environment.
            files: What it has under which file descriptor; its standard input is empty otherwise.
        """
        self._arguments = list(arguments)
        self._process = FORKS.Process(target=_run, args=(self._arguments, dict(env), dict(files)))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def sentinel(self) -> int:
        """A file descriptor that is readable once it has ended."""
        return self._process.sentinel

    def poll(self) -> int | None:
        """Return the exit code, the negative of the signal that ended it, or None: it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs after *timeout* seconds.
        """
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._arguments, timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def forked(arguments: Sequence[str], *, env: Mapping[str, str], log: Path) -> ForkedProcess:
    """Start a module as `python -m` does; what it writes is added to *log*."""
    with log.open("ab") as file:
        output = Connection(os.dup(file.fileno()), readable=False)
    with output:
        return ForkedProcess(arguments, env=env, files={1: output, 2: output})


def _run(arguments: list[str], env: dict[str, str], files: dict[int, Connection]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    for number, file in files.items():
        os.dup2(file.fileno(), number)
    for file in files.values():
        file.close()
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - until its end
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)

"""The `emasai` command as a process of its own, with a whole embedded stack under it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.settings import REQUIRED
from tests.support.valkey import running_valkey

#: RabbitMQ takes longer to start than all other servers together, so its test runs where one is.
collect_ignore = [] if os.environ.get("TEST_RABBITMQ_URL") else ["test_rabbitmq.py"]


@dataclass(slots=True)
class Command:
    """A running `emasai`, and the stack that it owns."""

    home: Path
    process: "subprocess.Popen[str]"

    @property
    def state(self) -> dict[str, Any] | None:
        """What the stack says of itself; None before it runs and after it has ended."""
        try:
            return dict(json.loads((self.home / "stack.json").read_text("utf-8")))
        except FileNotFoundError:
            return None

    def variable(self, name: str) -> str:
        """Return how the stack configures its processes."""
        state = self.state
        assert state is not None
        return str(state["variables"][name])

    def workers(self) -> list[psutil.Process]:
        """Return the stack's worker processes."""
        children = self.process_children()
        return [each for each in children if "orchestrator.celery_app" in each.cmdline()]

    def process_children(self) -> list[psutil.Process]:
        """Return the processes that the command has started."""
        return psutil.Process(self.process.pid).children()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code and what was printed."""
        out, err = self.process.communicate(timeout=200)
        return self.process.returncode, out, err

    def close(self) -> None:
        """Interrupt what still runs; kill what does not end, with all that it has started."""
        if self.process.poll() is not None:
            return
        self.interrupt()
        try:
            self.end()
        except subprocess.TimeoutExpired:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.kill()
            self.process.communicate()
            raise


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start `emasai` with a home of its own; what still runs at the end is interrupted."""
    started: list[Command] = []
    environment = {k: v for k, v in os.environ.items() if k not in REQUIRED}

    def run(*arguments: str | Path, **variables: str) -> Command:
        home = tmp_path / "home"
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", *map(str, arguments)],
            env={**environment, "EMASAI_HOME": str(home), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(Command(home, process))
        return started[-1]

    yield run
    for command in started:
        command.close()
    for kept in {command.home / "valkey" for command in started}:
        if kept.exists():
            with running_valkey(kept):
                """Its server is gone with the command; what it has kept is looked at."""

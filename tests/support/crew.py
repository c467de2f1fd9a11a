"""Worker processes that a test starts, signals and sees end."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tests.support.forking import forked
from tests.support.waiting import wait_until

#: Seconds that a worker may take to start or to end on a busy machine.
PATIENCE_S = 100


class CrewMember:
    """A Celery worker in a process of its own, whose log goes to a file."""

    def __init__(
        self, name: str, variables: Mapping[str, str], folder: Path, *options: str, app: str
    ) -> None:
        self.name = f"{name}@test"
        self.log = folder / f"{name}.log"
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        command = ["celery", "-A", app, "worker", "--pool", "threads", "--hostname", self.name]
        self.process = forked(
            [*command, *quiet, *options], env={**os.environ, **variables}, log=self.log
        )

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for its end; return what it ended with."""
        return self.process.wait(PATIENCE_S)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what it has logged so far under the event *name*."""
        lines = self.log.read_text("utf-8").splitlines()
        logged = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in logged if line["event"] == name]

    def wait_until_ready(self, celery: Celery) -> None:
        """Wait until it answers over the broker, as `celery inspect ping` asks."""

        def answers() -> bool:
            try:
                return bool(celery.control.inspect([self.name], timeout=0.5).ping())
            except (OperationalError, OSError, RedisError):
                return False

        wait_until(answers, description=f"{self.name} answers", timeout_s=PATIENCE_S)


class Crew:
    """Starts workers with the same *variables*."""

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        self._variables = dict(variables)
        self._folder = folder
        self.members: list[CrewMember] = []

    def start(
        self,
        name: str,
        *options: str,
        app: str = "orchestrator.celery_app",
        **variables: str,
    ) -> CrewMember:
        """Start a worker; *options* are Celery's."""
        member = CrewMember(name, {**self._variables, **variables}, self._folder, *options, app=app)
        self.members.append(member)
        return member

    def end(self) -> None:
        """End the workers that still run."""
        for member in self.members:
            member.process.kill()
            member.process.wait()


@contextmanager
def crew_of(variables: Mapping[str, str], folder: Path) -> Iterator[Crew]:
    """Have workers for the duration of the block."""
    crew = Crew(variables, folder)
    try:
        yield crew
    finally:
        crew.end()

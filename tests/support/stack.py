"""Embedded stacks for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.embedded.stack import EmbeddedStack, open_stack
from tests.support.crew import crew_of
from tests.support.database import migrated_file
from tests.support.lasting import guarded


@contextmanager
def running_stack(home: Path, *, workers: int) -> Iterator[EmbeddedStack]:
    """Run a stack with its data in *home* for the duration of the block."""
    if not (home / "emasai.sqlite").exists():
        migrated_file(home)
    with (
        open_stack(home, workers=workers) as stack,
        guarded(stack.variables["REDIS_URL"].removesuffix("/1")),
    ):
        yield stack


@contextmanager
def working_stack(home: Path) -> Iterator[EmbeddedStack]:
    """Run a stack in *home* and, beside it, a worker that is not its child."""
    with running_stack(home, workers=0) as stack, crew_of(stack.variables, home) as crew:
        crew.start("worker")
        yield stack

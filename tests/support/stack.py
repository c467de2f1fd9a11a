"""Embedded stacks for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.embedded.stack import EmbeddedStack, open_stack
from tests.support.lasting import guarded


@contextmanager
def running_stack(home: Path, *, workers: int) -> Iterator[EmbeddedStack]:
    """Run a stack with its data in *home* for the duration of the block."""
    with (
        open_stack(home, workers=workers) as stack,
        guarded(stack.variables["REDIS_URL"].removesuffix("/1")),
    ):
        yield stack

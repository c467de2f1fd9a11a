"""How a flight that nobody waits for any more is ended: only where its loader allows it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.memo.flight import NotShared


class Abandoned(NotShared):
    """Nobody of this process waits for the flight any more, and its loader may give it up."""

    def __str__(self) -> str:
        return "nobody waits for it any more"


class Abandonment:
    """Whether one flight shall end early. The flight says where it can."""

    def __init__(self) -> None:
        self._asked = False
        self._inside: asyncio.Task[object] | None = None

    def ask(self) -> None:
        """End the flight, now or when it next comes to where it can be ended."""
        self._asked = True
        if self._inside is not None:
            self._inside.cancel()

    @contextmanager
    def possible(self) -> Iterator[None]:
        """Let the block be interrupted.

        Raises:
            Abandoned: The flight is to end. The loader may still go on, outside of the block.
        """
        if self._asked:
            raise Abandoned
        self._inside = task = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._asked and task is not None and not task.uncancel():
                raise Abandoned from None
            raise
        finally:
            self._inside = None

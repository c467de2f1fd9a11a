"""The flights of one process: callers of one key share one, and may all go away.

A flight goes on without its callers, because what is being paid for is finished and stored.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from orchestrator.memo.abandonment import Abandonment
from orchestrator.memo.errors import LeaseLost
from orchestrator.memo.flight import Loader, NotShared
from orchestrator.memo.leader import FlightResult
from orchestrator.memo.outcome import Outcome, Source

#: Flies one: key, loader, and how the flight can be ended early.
Fly = Callable[[str, Loader, Abandonment], Coroutine[Any, Any, FlightResult]]


@dataclass(slots=True)
class _Flying:
    task: asyncio.Task[FlightResult]
    abandonment: Abandonment
    waiting: int = field(default=0)


class Flights:
    """All flights of one event loop."""

    def __init__(self, fly: Fly) -> None:
        self._fly = fly
        self._flying: dict[str, _Flying] = {}

    def __len__(self) -> int:
        return len(self._flying)

    async def lead_or_join(self, key: str, load: Loader) -> Outcome:
        """Wait for the flight of *key*, beginning one with *load* where there is none."""
        while True:
            flying = self._flying.get(key)
            # One that has ended may still be listed. Waiting for it would not give way to the
            # callback that strikes it off: the loop would stand still.
            if flying is None or flying.task.done():
                return (await _wait_for(self.begin(key, load))).outcome
            joined = await _join(flying)
            if joined is not None:
                return joined

    def begin(self, key: str, load: Loader) -> _Flying:
        """Begin a flight that nobody waits for yet."""
        abandonment = Abandonment()
        flight = self._fly(key, load, abandonment)
        task = asyncio.create_task(flight, name=f"memo-flight {key}")
        self._flying[key] = _Flying(task, abandonment)

        def landed(done: asyncio.Task[FlightResult]) -> None:
            if self._flying[key].task is done:  # and not its successor
                del self._flying[key]
            if not done.cancelled():
                done.exception()  # marks it as seen: every caller may have gone away

        task.add_done_callback(landed)
        return self._flying[key]

    def abandon(self, key: str) -> bool:
        """Ask the flight of *key* to end early, if there is one and nobody waits for it."""
        flying = self._flying.get(key)
        if flying is None or flying.waiting:
            return False
        flying.abandonment.ask()
        return True

    async def landed(self) -> None:
        """Wait until there is no flight."""
        while self._flying:
            await asyncio.wait([flying.task for flying in self._flying.values()])


async def _wait_for(flying: _Flying) -> FlightResult:
    flying.waiting += 1
    try:
        return await asyncio.shield(flying.task)
    finally:
        flying.waiting -= 1


async def _join(flying: _Flying) -> Outcome | None:
    """Wait for another caller's flight; None tells the joiner to try for itself."""
    try:
        landing = await _wait_for(flying)
    except asyncio.CancelledError:
        if flying.task.cancelled():
            return None
        raise
    except (NotShared, LeaseLost):
        return None
    if not landing.stored:
        return None
    outcome = landing.outcome
    return Outcome(outcome.key, Source.COALESCED, outcome.entry, outcome.age_ms)

"""Who may begin: at most so many at once, and some places only for those somebody waits for."""

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator.jobs.model import Lane

#: One place in so many is kept for the lane `interactive`, at least one; with a single place none.
RESERVED = 10
#: One place in so many is as much as the lane `refresh` takes, at least one.
REFRESHING = 4


@dataclass(frozen=True, slots=True)
class Shares:
    """How *places* are shared out among the lanes. Pure."""

    places: int

    @property
    def reserve(self) -> int:
        """Places that only the lane `interactive` takes."""
        return max(1, self.places // RESERVED) if self.places > 1 else 0

    def admits(self, lane: Lane, taken: Mapping[Lane, int]) -> bool:
        """Say whether one more of *lane* may begin beside those that have *taken* places."""
        return self.free(lane, taken) > 0

    def free(self, lane: Lane, taken: Mapping[Lane, int]) -> int:
        """Return how many more of *lane* may begin beside those that have *taken* places."""
        others = taken[Lane.PIPELINE] + taken[Lane.REFRESH]
        free = self.places - others - taken[Lane.INTERACTIVE]
        if lane is not Lane.INTERACTIVE:
            free = min(free, self.places - self.reserve - others)
        if lane is Lane.REFRESH:
            free = min(free, max(1, self.places // REFRESHING) - taken[Lane.REFRESH])
        return max(0, free)


class Admission:
    """Gives places to those that ask, of one event loop.

    Of those that may begin, who is interactive goes first, then who came first.
    """

    def __init__(self, places: int) -> None:
        self._shares = Shares(places)
        self._taken: Counter[Lane] = Counter()
        self._numbers = itertools.count()
        self._lines: dict[Lane, deque[_Waiting]] = {lane: deque() for lane in Lane}

    def free(self, lane: Lane) -> int:
        """Return how many of *lane* could begin now, if nobody else did."""
        return self._shares.free(lane, self._taken)

    def taken(self, lane: Lane) -> int:
        """Return how many places *lane* has."""
        return self._taken[lane]

    def waiting(self, lane: Lane) -> int:
        """Return how many of *lane* wait, at most: who has given up is in line for a while yet."""
        return len(self._lines[lane])

    async def acquire(self, lane: Lane) -> None:
        """Wait for a place; whoever is cancelled meanwhile has none."""
        if self._shares.admits(lane, self._taken):
            # Nobody who waits may take it: places are given out whenever one is free.
            self._taken[lane] += 1
            return
        waiting = _Waiting(next(self._numbers), asyncio.get_running_loop().create_future())
        self._lines[lane].append(waiting)
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if not waiting.admitted.cancelled():
                self.release(lane)
            raise

    def release(self, lane: Lane) -> None:
        """Give a place of *lane* back."""
        self._taken[lane] -= 1
        self._admit()

    @asynccontextmanager
    async def place(self, lane: Lane) -> AsyncIterator[None]:
        """Hold a place for the length of the block."""
        await self.acquire(lane)
        try:
            yield
        finally:
            self.release(lane)

    def _admit(self) -> None:
        while (lane := self._next()) is not None:
            waiting = self._lines[lane].popleft()
            if not waiting.admitted.cancelled():  # else it has given up, in line
                self._taken[lane] += 1
                waiting.admitted.set_result(None)

    def _next(self) -> Lane | None:
        """Return the lane whose first in line may begin before all others."""
        may = [
            lane
            for lane, line in self._lines.items()
            if line and self._shares.admits(lane, self._taken)
        ]
        return min(may, key=self._order, default=None)

    def _order(self, lane: Lane) -> tuple[bool, int]:
        return lane is not Lane.INTERACTIVE, self._lines[lane][0].number


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    number: int
    admitted: asyncio.Future[None]

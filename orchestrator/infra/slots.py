"""Bounds how much one process has in flight, with a share for each lane.

The lane `interactive` has slots of its own, so that a caller that waits never waits for a batch;
the lane `refresh` never takes more than its share.
"""

import asyncio
from collections import Counter, deque
from enum import StrEnum
from typing import Final


class Lane(StrEnum):
    """The queue that work waits in. Lanes do not wait for each other.

    `interactive`: a caller waits for it; `pipeline`: batches; `refresh`: scheduled work.
    """

    INTERACTIVE = "interactive"
    PIPELINE = "pipeline"
    REFRESH = "refresh"


#: One slot in so many is kept for `interactive`, at least one; with a single slot none.
RESERVED: Final = 10
#: One slot in so many is as much as `refresh` takes, at least one.
REFRESHING: Final = 4


class Slots:
    """Grants slots to those that ask, of one event loop.

    Of the waiting that may begin, `interactive` goes first, then the one that came first.

    Attributes:
        capacity: Slots in all.
        reserve: How many of them only `interactive` takes.
        in_use: By lane.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.reserve = max(1, capacity // RESERVED) if capacity > 1 else 0
        self.in_use: Counter[Lane] = Counter()
        self._refreshing = max(1, capacity // REFRESHING)
        self._number = 0
        self._lines: dict[Lane, deque[tuple[int, asyncio.Future[None]]]] = {
            lane: deque() for lane in Lane
        }

    def free(self, lane: Lane) -> int:
        """Return how many of *lane* may begin now, if no other lane does."""
        others = self.in_use[Lane.PIPELINE] + self.in_use[Lane.REFRESH]
        free = self.capacity - others - self.in_use[Lane.INTERACTIVE]
        if lane is not Lane.INTERACTIVE:
            free = min(free, self.capacity - self.reserve - others)
        if lane is Lane.REFRESH:
            free = min(free, self._refreshing - self.in_use[Lane.REFRESH])
        return max(0, free)

    def waiting(self, lane: Lane) -> int:
        """Return how many of *lane* wait, at most: a cancelled one stays in line for a while."""
        return len(self._lines[lane])

    async def acquire(self, lane: Lane) -> None:
        """Wait for a slot; a caller that is cancelled meanwhile has none."""
        if self.free(lane):
            # No waiting caller may take it: slots are granted whenever one is free.
            self.in_use[lane] += 1
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        self._lines[lane].append((self._number, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self.release(lane)
            raise

    def release(self, lane: Lane) -> None:
        """Give a slot of *lane* back, and grant what is free."""
        self.in_use[lane] -= 1
        while may := [lane for lane, line in self._lines.items() if line and self.free(lane)]:
            first = min(
                may, key=lambda lane: (lane is not Lane.INTERACTIVE, self._lines[lane][0][0])
            )
            _, granted = self._lines[first].popleft()
            if not granted.cancelled():
                self.in_use[first] += 1
                granted.set_result(None)

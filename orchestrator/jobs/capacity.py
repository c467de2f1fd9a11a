"""How much work one process takes on, so that no lane waits for another.

A chunk's turn is decided when it is taken: one that is taken before it can be worked on delays
all work that comes later. So a process takes another chunk only while it has capacity for it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from orchestrator.infra.slots import Lane, Slots

#: Items that one process has in flight. They mostly wait, which costs memory and nothing else; the
#: limit keeps a process from taking more than it can finish in good time.
MAX_ITEMS: Final = 1_000
#: Items of a lane that may queue for a slot while more is taken, so that no slot stays empty until
#: the next chunk has been read. As many as the largest job of `interactive` has.
AHEAD: Final = 20
#: An item that has run for so long, and neither has nor wants a purchase slot, waits for something
#: else: another purchase of the same company, or a fault that is to pass.
SETTLING: Final = timedelta(milliseconds=250)


class ChunkInFlight:
    """A chunk that is being taken or worked on; how many items are left is known once it is read.

    Attributes:
        left: Items that have not ended.
        read_at: When they were read, by the loop's clock.
    """

    def __init__(self, lane: Lane, items: Slots, changed: asyncio.Event) -> None:
        self.left: int | None = None
        self.read_at = 0.0
        self._lane = lane
        self._items = items
        self._changed = changed

    def read(self, items: int) -> None:
        """Note how many items there are to work on."""
        self.left, self.read_at = items, asyncio.get_running_loop().time()
        self._items.in_use[self._lane] += items
        self._changed.set()

    def ended(self, items: int = 1) -> None:
        """Note that so many more *items* have ended, with or without a result."""
        if self.left:
            self.left -= items
            self._items.in_use[self._lane] -= items
        self._changed.set()


class Capacity:
    """Decides when a process takes another chunk. Of one event loop.

    The one rule: a lane takes a chunk while none of it is still being read, while its share of
    `MAX_ITEMS` is not used up, and while its items do not queue for purchase slots (backpressure).
    """

    def __init__(self, purchases: Slots, *, max_items: int = MAX_ITEMS) -> None:
        """Hold chunks against *purchases*, slots that most items come to need one of."""
        self._purchases = purchases
        self._items = Slots(max_items)
        self._chunks: dict[Lane, set[ChunkInFlight]] = {lane: set() for lane in Lane}
        self._changed = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Allow no further chunk."""
        self._closed = True
        self._changed.set()

    @contextmanager
    def chunk(self, lane: Lane) -> Iterator[ChunkInFlight]:
        """Count one more chunk of *lane* as in flight for the length of the block."""
        chunk = ChunkInFlight(lane, self._items, self._changed)
        self._chunks[lane].add(chunk)
        try:
            yield chunk
        finally:
            self._chunks[lane].discard(chunk)
            chunk.ended(chunk.left or 0)

    async def wait_for(self, lane: Lane) -> bool:
        """Wait until *lane* may take another chunk; return False once closed."""
        while not (self._closed or self._may_take(lane)):
            self._changed.clear()
            # Time, too, makes room: see `SETTLING`.
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLING.total_seconds()):
                    await self._changed.wait()
        return not self._closed

    def _may_take(self, lane: Lane) -> bool:
        chunks = self._chunks[lane]
        if any(chunk.left is None for chunk in chunks):
            return False
        if not self._items.free(lane) or self._purchases.waiting(lane) > AHEAD:
            return False
        # Items that have no purchase slot and may come to want one, at most.
        young = asyncio.get_running_loop().time() - SETTLING.total_seconds()
        unsettled = min(
            self._items.in_use[lane] - self._purchases.in_use[lane],
            sum(chunk.left or 0 for chunk in chunks if chunk.read_at > young),
        )
        return unsettled <= self._purchases.free(lane) + AHEAD

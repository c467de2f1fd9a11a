"""Whether a process may take another chunk: while its items do not wait for places in a long line.

Whose turn it is, is decided when a chunk is taken. Whatever is taken before it can be worked on
stands in front of everybody who comes later.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Final

from orchestrator.infra.slots import Lane, Slots

#: Items of a lane that may wait for a place while more is taken: so no place stays empty until
#: the next chunk has been read. As many as the largest job of `interactive` has.
AHEAD: Final = 20
#: An item that is begun for so long, and neither has nor wants a place, waits for something
#: else: somebody else's purchase of the same company, or a fault that is to pass.
SETTLING: Final = timedelta(milliseconds=250)


class InHand:
    """A chunk that is being taken or worked on; how many items are left is known once it is read.

    Attributes:
        left: Items that have not ended.
        read_at: When they were read, by the loop's clock.
    """

    def __init__(self, changed: asyncio.Event) -> None:
        self.left: int | None = None
        self.read_at = 0.0
        self._changed = changed

    def read(self, items: int) -> None:
        """Note how many items there are to work on."""
        self.left, self.read_at = items, asyncio.get_running_loop().time()
        self._changed.set()

    def ended(self) -> None:
        """Note that one more item has ended, with or without a result."""
        if self.left:
            self.left -= 1
        self._changed.set()


class Room:
    """What one process has in hand of each lane, held against its places. Of one event loop."""

    def __init__(self, slots: Slots, purchases: Slots) -> None:
        """Hold chunks against two kinds of places.

        Args:
            slots: Of items that are begun.
            purchases: Of purchases, which most items come to need one of.
        """
        self._slots = slots
        self._purchases = purchases
        self._hands: defaultdict[Lane, set[InHand]] = defaultdict(set)
        self._turns: defaultdict[Lane, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._changed = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Let nobody take anything any more."""
        self._closed = True
        self._changed.set()

    @contextmanager
    def hand(self, lane: Lane) -> Iterator[InHand]:
        """Count a chunk of *lane* as in hand for the length of the block, room or not."""
        hand = InHand(self._changed)
        self._hands[lane].add(hand)
        try:
            yield hand
        finally:
            self._hands[lane].discard(hand)
            self._changed.set()

    @asynccontextmanager
    async def another(self, lane: Lane) -> AsyncIterator[InHand | None]:
        """Wait until there is room for one more chunk of *lane*, and count it; None once closed."""
        with ExitStack() as held:
            async with self._turns[lane]:
                while not (self._closed or self._is_room(lane)):
                    await self._change()
                hand = None if self._closed else held.enter_context(self.hand(lane))
            yield hand

    async def _change(self) -> None:
        """Wait until something is different; time, too, makes room: see `SETTLING`."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLING.total_seconds()):
                await self._changed.wait()

    def _is_room(self, lane: Lane) -> bool:
        waiting = max(self._slots.waiting(lane), self._purchases.waiting(lane))
        if waiting > AHEAD or any(hand.left is None for hand in self._hands[lane]):
            return False
        return self._unsettled(lane) <= self._purchases.free(lane) + AHEAD

    def _unsettled(self, lane: Lane) -> int:
        """Return how many items in hand have no place and may come to want one, at most."""
        young = asyncio.get_running_loop().time() - SETTLING.total_seconds()
        hands = [(hand.left or 0, hand.read_at > young) for hand in self._hands[lane]]
        without = sum(left for left, _ in hands) - self._purchases.in_use[lane]
        return min(max(0, without), sum(left for left, is_young in hands if is_young))

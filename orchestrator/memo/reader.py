"""Reads many keys for the price of one: reads that come together travel as one MGET.

One connection of its own and one command at a time: what is asked for while a command is under
way leaves with the next, so the busier the loop, the larger the batches. What that gains stands
in docs/architecture.md, "Why reads are coalesced".
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain
from typing import cast

from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors

#: Keys of one MGET. Larger ones hold up every other client of the server for longer.
BATCH = 500

Value = asyncio.Future["bytes | None"]


class Reader:
    """Coalescing reader. Not safe across event loops; make one per loop, and `aclose` it."""

    def __init__(self, redis: Redis) -> None:
        # Keeps the connection that its first command takes from the pool: to take one and give
        # it back for every read would be a third of what a read costs.
        self._redis = redis.client()
        self._waiting: dict[str, list[Value]] = {}
        self._reading: asyncio.Task[None] | None = None

    def get(self, key: str) -> Value:
        """Return the future value of *key*; None where there is none.

        A caller may cancel its own future. `StoreUnavailable` reaches every caller of a batch.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._reading is None:
            # Begins in the loop's next round, after everybody who is about to ask in this one.
            self._reading = loop.create_task(self._read(), name="memo-reads")
        return future

    async def get_many(
        self, keys: Sequence[str]
    ) -> AsyncIterator[Iterator[tuple[str, bytes | None]]]:
        """Yield each of *keys* with its value, in order, in batches of at most `BATCH`.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            with store_errors("read"):
                values = await self._redis.mget(batch)
            # The client never decodes.
            yield zip(batch, cast("list[bytes | None]", values), strict=True)

    async def aclose(self) -> None:
        """Let reads under way end, then give the connection back. The pool stays open."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
        await self._redis.aclose()

    async def _read(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                await self._answer(waiting)
        finally:
            self._reading = None

    async def _answer(self, waiting: dict[str, list[Value]]) -> None:
        try:
            async for found in self.get_many(list(waiting)):
                for key, value in found:
                    for future in waiting.pop(key):
                        if not future.done():  # else its caller has cancelled it
                            future.set_result(value)
        except Exception as error:  # noqa: BLE001 - handed to everybody who still waits
            for future in chain.from_iterable(waiting.values()):
                if not future.done():
                    future.set_exception(error)

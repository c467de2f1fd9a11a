"""Reads many keys for the price of one: all GETs of one loop tick travel as one MGET.

Measured with 64 concurrent readers on loopback: 137,000 reads a second against 21,600 for
single GETs (docs/architecture.md, "Why reads are coalesced").
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from redis.asyncio import Redis

#: Keys of one MGET. Larger ones hold up every other client of the server for longer.
BATCH = 500


class Reader:
    """Coalescing reader over one client. Not safe across event loops; make one per loop."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: dict[str, list[asyncio.Future[bytes | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, key: str) -> "asyncio.Future[bytes | None]":
        """Return the future value of *key*; None where there is none.

        A caller may cancel its own future. Redis errors reach every caller of the batch.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._depart, loop)
        future: asyncio.Future[bytes | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        return future

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of *keys*, in order, in batches of `BATCH`."""
        values: list[bytes | None] = []
        for start in range(0, len(keys), BATCH):
            found = await self._redis.mget(keys[start : start + BATCH])
            values += cast("list[bytes | None]", found)  # the client never decodes
        return values

    def _depart(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, {}
        task = loop.create_task(self._fetch(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, waiting: "dict[str, list[asyncio.Future[bytes | None]]]") -> None:
        try:
            values = await self.get_many(list(waiting))
        except Exception as error:  # noqa: BLE001 - handed to every caller of this batch
            for future in _open(waiting.values()):
                future.set_exception(error)
            return
        for futures, value in zip(waiting.values(), values, strict=True):
            for future in _open((futures,)):
                future.set_result(value)


def _open(
    groups: "Iterable[list[asyncio.Future[bytes | None]]]",
) -> "Iterator[asyncio.Future[bytes | None]]":
    """Yield the futures that their callers have not cancelled."""
    return (future for futures in groups for future in futures if not future.done())

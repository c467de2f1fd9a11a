"""Counts what happens in all processes of the fleet, by name and UTC day, in Redis DB 3.

Statistics, not accounts: counts are buffered for seconds, so those of a process that is
killed with `kill -9` are lost, and a flush whose reply is lost may be counted twice.
"""

import asyncio
import contextlib
from collections import Counter
from datetime import date, timedelta
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.clock import Clock, utc_now
from orchestrator.complaint import Complaint

log = structlog.get_logger(__name__)

#: How long a day's counts are kept after they last grew.
TTL = timedelta(days=35)
#: How long a count stays in the process before it is written.
FLUSH_AFTER = timedelta(seconds=5)
#: How long one flush may take; whoever closes waits no longer than this for a dead server.
PATIENCE = timedelta(seconds=2)


def day_key(day: date) -> str:
    """Return the key of the hash with the counts of *day*: name -> count."""
    return f"counters1:{day.isoformat()}"


class Counters:
    """Buffered counters over the jobs' database. One per event loop; `aclose` it."""

    def __init__(
        self, redis: Redis, *, clock: Clock = utc_now, flush_after: timedelta = FLUSH_AFTER
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._flush_after = flush_after
        self._buffer: Counter[tuple[date, str]] = Counter()
        self._flushing: asyncio.Task[None] | None = None
        self._complaint = Complaint(log)

    def add(self, name: str, n: int = 1) -> None:
        """Count *n* more of *name* today. Does no I/O; needs the running loop."""
        self._buffer[self._clock().date(), name] += n
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later(), name="counters-flush")

    async def read(self, days: int) -> dict[str, int]:
        """Return what all processes have written over the last *days*, today included.

        Raises:
            RedisError, OSError: Redis is away.
        """
        today = self._clock().date()
        pipe = self._redis.pipeline(transaction=False)
        for back in range(days):
            pipe.hgetall(day_key(today - timedelta(days=back)))
        totals: Counter[str] = Counter()
        for counts in cast("list[dict[bytes, bytes]]", await pipe.execute()):
            totals.update({name.decode(): int(count) for name, count in counts.items()})
        return dict(totals)

    async def aclose(self) -> None:
        """Write what is buffered, in bounded time. The client stays open."""
        if self._flushing is not None:
            await asyncio.sleep(0)  # one that was made just now begins, and so writes at its end
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing

    async def _flush_later(self) -> None:
        """Write after a while, and again while there is more; ends when all is written."""
        try:
            while self._buffer:
                await asyncio.sleep(self._flush_after.total_seconds())
                await self._flush()
        except asyncio.CancelledError:
            # By `aclose`, or by a loop that ends: the last moment to write.
            await self._flush()
            raise

    async def _flush(self) -> None:
        pending, self._buffer = self._buffer, Counter()
        if not pending:
            return
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._write(pending)
        except asyncio.CancelledError:
            self._buffer.update(pending)
            raise
        except (RedisError, OSError) as error:
            self._buffer.update(pending)
            self._complaint.make("counters.not_written", error=type(error).__name__)

    async def _write(self, pending: Counter[tuple[date, str]]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for (day, name), count in pending.items():
            pipe.hincrby(day_key(day), name, count)
        for day in {day for day, _ in pending}:
            pipe.expire(day_key(day), TTL)
        await pipe.execute()

"""Counts events of all processes of the fleet, without delaying any caller.

Statistics, not accounts: counts are buffered for seconds, so those of a killed process are lost,
and a flush whose reply is lost may be counted twice.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from datetime import date, timedelta
from typing import Final, Generic, TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.logs import ThrottledLog

log = structlog.get_logger(__name__)
KeyT = TypeVar("KeyT", bound=Hashable)

#: Prefix of the counts of what workers have refused.
REFUSED: Final = "refused:"
#: How long a day's counts are kept after they last grew.
TTL = timedelta(days=35)
#: How long a count stays in the process before it is written.
FLUSH_AFTER = timedelta(seconds=5)
#: How long one flush may take, and so how long `aclose` waits for a dead server.
PATIENCE = timedelta(seconds=2)


class LateCounts(Generic[KeyT]):
    """Counts in memory, and writes the counts together after a while. One per event loop."""

    def __init__(
        self,
        write: Callable[[Counter[KeyT]], Awaitable[None]],
        *,
        event: str,
        expected: tuple[type[Exception], ...],
        flush_after: timedelta = FLUSH_AFTER,
    ) -> None:
        """Buffer counts for *write*.

        Args:
            write: Writes all or nothing.
            event: Logged when it fails.
            expected: Its errors; the counts are then kept for the next flush.
            flush_after: How long a count stays in memory.
        """
        self._write = write
        self._event = event
        self._expected = expected
        self._flush_after = flush_after
        self._buffer: Counter[KeyT] = Counter()
        self._flushing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._throttled = ThrottledLog(log)

    def add(self, key: KeyT, n: int = 1) -> None:
        """Count *n* more of *key*. Does no I/O; needs the running loop."""
        self._buffer[key] += n
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later(), name="counts-flush")

    async def aclose(self) -> None:
        """Write what is buffered, in bounded time."""
        self._closing.set()
        if self._flushing is not None:
            # Not cancelled: what it is writing might be written, and would be counted again.
            await self._flushing

    async def _flush_later(self) -> None:
        """Write after a while, and again while there is more; ends when all is written."""
        try:
            while self._buffer:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._flush_after.total_seconds()):
                        await self._closing.wait()
                is_last = self._closing.is_set()
                await self._flush()
                if is_last:
                    return
        except asyncio.CancelledError:
            # The event loop ends: this is the last moment to write.
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
        except self._expected as error:
            self._buffer.update(pending)
            self._throttled.warning(self._event, error=type(error).__name__)


def lookup_count(kind: str, *, hit: bool) -> str:
    """Return the name of the count of lookups of *kind* that were a hit, or a miss."""
    return f"cache.{kind}.{'hit' if hit else 'miss'}"


def day_key(day: date) -> str:
    """Return the key of the hash with the counts of *day*: name -> count."""
    return f"counters1:{day.isoformat()}"


class Counters:
    """Counts by name and UTC day, in Redis DB 3. One per event loop; `aclose` it."""

    def __init__(
        self, redis: Redis, *, clock: Clock = utc_now, flush_after: timedelta = FLUSH_AFTER
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._counts = LateCounts(
            self._write,
            event="counters.not_written",
            expected=(RedisError, OSError),
            flush_after=flush_after,
        )

    def add(self, name: str, n: int = 1) -> None:
        """Count *n* more of *name* today. Does no I/O; needs the running loop."""
        self._counts.add((self._clock().date(), name), n)

    async def read(self, days: int) -> dict[str, int]:
        """Return what all processes have written over the last *days*, today included.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        today = self._clock().date()
        pipe = self._redis.pipeline(transaction=False)
        for back in range(days):
            pipe.hgetall(day_key(today - timedelta(days=back)))
        totals: Counter[str] = Counter()
        for counts in cast("list[dict[bytes, bytes]]", await pipe.execute()):
            totals.update(
                {
                    name.decode("utf-8", "backslashreplace"): int(count)
                    for name, count in counts.items()
                    # Another program has written any other value.
                    if count.isdigit()
                }
            )
        return dict(totals)

    async def aclose(self) -> None:
        """Write what is buffered, in bounded time. The client stays open."""
        await self._counts.aclose()

    async def _write(self, pending: Counter[tuple[date, str]]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for (day, name), count in pending.items():
            pipe.hincrby(day_key(day), name, count)
        for day in {day for day, _ in pending}:
            pipe.expire(day_key(day), TTL)
        await pipe.execute()

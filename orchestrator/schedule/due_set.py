"""Which watches are due, answered by Redis in one step; rebuilt from SQL at any time.

A sorted set in DB 3. It is an index and no truth: whatever is missing from it is added by the
next rebuild, and whatever stands in it too early is looked at and put back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar, cast
from uuid import UUID

import structlog
from redis.asyncio import Redis

from orchestrator.infra.redis_client import DAMAGE, StoreRefused, load_script, store_errors

log = structlog.get_logger(__name__)
T = TypeVar("T")

DUE: Final = "schedule1:due"
BUILT: Final = "schedule1:built"

#: After which what a scheduler took, and did not put elsewhere, is given out again. Longer
#: than a batch takes to enqueue, on a busy machine too.
LEASE: Final = timedelta(minutes=5)
#: How long the set is remembered after its last use.
TTL: Final = timedelta(days=2)
#: How often what may be missing from it is added again.
REBUILD: Final = timedelta(hours=1)
#: Members that one command adds.
MOST: Final = 1000

_MS: Final = timedelta(milliseconds=1)


class DueSet:
    """The due set of one installation. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, *, lease: timedelta = LEASE) -> None:
        self._redis = redis
        self._lease = lease
        self._take = load_script(redis, "orchestrator.schedule", "take")

    async def take(self, limit: int) -> list[UUID]:
        """Take up to *limit* watches that are due; no other scheduler gets them for a lease."""

        async def take() -> list[bytes]:
            args = [limit, self._lease // _MS, TTL // _MS]
            return cast("list[bytes]", await self._take(keys=[DUE], args=args))

        taken = await self._sound("take due watches", take)
        watches = {member: _watch_id(member) for member in taken}
        if strange := [member for member, watch in watches.items() if watch is None]:
            # Something else has written them; the set is an index, and nothing is lost with them.
            log.warning("schedule.strangers_dropped", count=len(strange))
            with store_errors("drop watches"):
                await self._redis.zrem(DUE, *strange)
        return [watch for watch in watches.values() if watch is not None]

    async def put(self, instants: Mapping[UUID, datetime]) -> None:
        """Look at each of the watches at its instant, and not before."""
        await self._add(instants, only_new=False)

    async def drop(self, watches: Collection[UUID]) -> None:
        """Look at *watches* no more."""
        if watches:
            with store_errors("drop watches"):
                await self._redis.zrem(DUE, *map(str, watches))

    async def rebuild(self, stored: Callable[[], AsyncIterator[Mapping[UUID, datetime]]]) -> bool:
        """Add what is *stored* and missing, if that was not done for an hour.

        Whatever is in the set already stays as it is: it may be under way. The mark is set at
        the end, so that a rebuild that was killed counts for nothing.
        """
        with store_errors("find the due set"):
            if await self._redis.exists(BUILT, DUE) == len((BUILT, DUE)):
                return False
        async for instants in stored():
            await self._add(instants, only_new=True)
        with store_errors("rebuild the due set"):
            await self._redis.set(BUILT, "1", px=REBUILD)
        return True

    async def _add(self, instants: Mapping[UUID, datetime], *, only_new: bool) -> None:
        pairs = [(str(watch), at.timestamp() * 1000) for watch, at in instants.items()]
        for start in range(0, len(pairs), MOST):
            some = dict(pairs[start : start + MOST])
            await self._sound("put watches", partial(self._write, some, only_new=only_new))

    async def _write(self, instants: Mapping[str, float], *, only_new: bool) -> None:
        async with self._redis.pipeline(transaction=True) as both:
            both.zadd(DUE, dict(instants), nx=only_new)
            both.pexpire(DUE, TTL)
            await both.execute()

    async def _sound(self, operation: str, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step; if something else stands in the place of the set, drop that before."""
        try:
            with store_errors(operation):
                return await step()
        except StoreRefused as refused:
            if refused.reason not in DAMAGE:
                raise
        log.error("schedule.due_set_dropped")
        with store_errors(operation):
            await self._redis.unlink(DUE, BUILT)
            return await step()


def _watch_id(member: bytes) -> UUID | None:
    try:
        return UUID(member.decode())
    except ValueError:
        return None

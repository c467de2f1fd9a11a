"""For how long the next in each lane has waited: for people, who start more workers by it."""

from datetime import timedelta
from functools import partial
from typing import Final, cast

from redis.asyncio import Redis

from orchestrator.infra.slots import Lane
from orchestrator.jobs.damage import undamaged
from orchestrator.jobs.keys import LaneKeys
from orchestrator.jobs.paging import readable

#: Tenants of a lane that are looked at.
MOST: Final = 10_000


class Lines:
    """Reads who stands in line; how much waits is the `Backlog`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def waited(self, lane: Lane) -> timedelta | None:
        """Return for how long whoever is next has waited for a turn; None if nobody is in line.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        return await undamaged(self._redis, "job line", partial(self._waited, LaneKeys(lane)))

    async def _waited(self, keys: LaneKeys) -> timedelta | None:
        turns = await self._redis.zrange(keys.tenants, 0, MOST - 1, withscores=True)
        tenants = [(readable(name), at) for name, at in cast("list[tuple[bytes, float]]", turns)]
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for tenant, _ in tenants:
            pipe.zcard(keys.jobs(tenant))
        (seconds, micros), *counts = await pipe.execute()
        now = seconds * 1_000_000 + micros
        # A tenant without work stays in line until somebody comes across it.
        turns_us = [at for (_, at), jobs in zip(tenants, counts, strict=True) if jobs]
        return timedelta(microseconds=max(0, now - turns_us[0])) if turns_us else None

"""What waits in each lane, and for how long: for people, who start more workers by it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

from redis.asyncio import Redis

from orchestrator.jobs.errors import store_errors
from orchestrator.jobs.keys import LaneKeys
from orchestrator.jobs.model import Lane

#: Tenants of a lane that are looked at.
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one lane.

    Attributes:
        jobs: Jobs with work that nobody has begun.
        waited: For how long whoever is next has waited for a turn; None if nobody is in line.
        in_hand: Chunks that workers have, or that rest for a moment.
    """

    jobs: int
    waited: timedelta | None
    in_hand: int


class Lines:
    """Reads lines."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def of(self, lane: Lane) -> Line:
        """Return the line of *lane*.

        Raises:
            StoreUnavailable: Redis is away.
        """
        keys = LaneKeys(lane)
        with store_errors("line"):
            turns = await self._redis.zrange(keys.tenants, 0, MOST - 1, withscores=True)
            tenants = [(name.decode(), at) for name, at in cast("list[tuple[bytes, float]]", turns)]
            pipe = self._redis.pipeline(transaction=False)
            pipe.time()
            pipe.zcard(keys.held)
            for tenant, _ in tenants:
                pipe.zcard(keys.jobs(tenant))
            (seconds, micros), in_hand, *counts = await pipe.execute()
        now = seconds * 1_000_000 + micros
        # A tenant without work stays in line until somebody comes across it.
        turns_us = [at for (_, at), jobs in zip(tenants, counts, strict=True) if jobs]
        waited = timedelta(microseconds=max(0, now - turns_us[0])) if turns_us else None
        return Line(sum(counts), waited, in_hand)

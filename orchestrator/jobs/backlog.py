"""How much waits in each lane, and since when: what autoscaling and `emasai doctor` look at."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, cast

from redis.asyncio import Redis

from orchestrator.infra.slots import Lane
from orchestrator.jobs.keys import LaneKeys
from orchestrator.jobs.listing import readable
from orchestrator.jobs.repair import undamaged

#: Tenants of a lane that are looked at.
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class LaneBacklog:
    """What waits in one lane: chunks that no worker has, of jobs that are not paused.

    `oldest` is how long ago the oldest of those jobs was accepted, zero without one. `held` counts
    chunks that workers have, and those that rest because a backend is unavailable.
    """

    lane: Lane
    chunks: int
    jobs: int
    oldest: timedelta
    held: int


class Backlog:
    """Reads what waits. Every method raises StoreUnavailable without Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def lanes(self) -> list[LaneBacklog]:
        """Return the backlog of every lane, in one round trip, however much waits."""
        *found, (seconds, micros) = await undamaged(self._redis, "job backlog", self._read)
        now_ms = seconds * 1000 + micros // 1000
        each = (found[start : start + 4] for start in range(0, len(found), 4))
        return [
            LaneBacklog(lane, _number(chunks), jobs, _age(oldest, now_ms), held)
            for lane, (chunks, jobs, oldest, held) in zip(Lane, each, strict=True)
        ]

    async def waited(self, lane: Lane) -> timedelta | None:
        """Return how long the next tenant of *lane* has waited for its turn; None without one."""
        return await undamaged(self._redis, "job line", partial(self._waited, LaneKeys(lane)))

    async def _read(self) -> list[Any]:
        pipe = self._redis.pipeline(transaction=True)
        for lane in Lane:
            keys = LaneKeys(lane)
            pipe.hget(keys.backlog, "chunks")
            pipe.zcard(keys.waiting)
            pipe.zrange(keys.waiting, 0, 0, withscores=True)
            pipe.zcard(keys.held)
        pipe.time()
        return await pipe.execute()

    async def _waited(self, keys: LaneKeys) -> timedelta | None:
        turns = await self._redis.zrange(keys.tenants, 0, MOST - 1, withscores=True)
        tenants = [(readable(name), at) for name, at in cast("list[tuple[bytes, float]]", turns)]
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for tenant, _ in tenants:
            pipe.zcard(keys.jobs(tenant))
        (seconds, micros), *counts = await pipe.execute()
        now = seconds * 1_000_000 + micros
        # A tenant without work stays queued until a worker comes to it.
        turns_us = [at for (_, at), jobs in zip(tenants, counts, strict=True) if jobs]
        return timedelta(microseconds=max(0, now - turns_us[0])) if turns_us else None


def _number(text: bytes | None) -> int:
    """Return a count; 0 for what no script of ours has written."""
    return int(text) if text is not None and text.isdigit() else 0


def _age(oldest: object, now_ms: int) -> timedelta:
    found = cast("list[tuple[bytes, float]]", oldest)
    return timedelta(milliseconds=max(0, now_ms - int(found[0][1]))) if found else timedelta(0)

"""Marks on items that may be poison: begun, where they are, ended.

Written only for chunks with which workers have vanished, one item at a time, so that the
item which was begun and never ended is the one that did it.
"""

from datetime import timedelta
from typing import cast

from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors
from orchestrator.jobs.keys import JobKeys


class PoisonTracker:
    """The marks of all jobs; they are remembered for *ttl*."""

    def __init__(self, redis: Redis, *, ttl: timedelta) -> None:
        self._redis = redis
        self._ttl = ttl

    async def beginnings(self, job_id: str, number: int) -> tuple[int, str | None]:
        """Return how often an item was begun and never ended, and the last step it began."""
        with store_errors("job marks"):
            found = await self._redis.hmget(JobKeys(job_id).begun, [str(number), f"{number}:step"])
        count, step = cast("list[bytes | None]", found)
        return int(count or 0), None if step is None else step.decode()

    async def begin(self, job_id: str, number: int) -> None:
        """Mark an item as begun once more."""
        key = JobKeys(job_id).begun
        with store_errors("job begin"):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hincrby(key, str(number), 1)
            pipe.pexpire(key, self._ttl)
            await pipe.execute()

    async def step(self, job_id: str, number: int, step: str) -> None:
        """Note the *step* that an item begins."""
        key = JobKeys(job_id).begun
        with store_errors("job step"):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(key, f"{number}:step", step)
            pipe.pexpire(key, self._ttl)
            await pipe.execute()

    async def end(self, job_id: str, number: int) -> None:
        """Take all marks off an item."""
        with store_errors("job end"):
            await self._redis.hdel(JobKeys(job_id).begun, str(number), f"{number}:step")

"""The way out: the results of a job, in order and in bounded memory."""

from collections.abc import AsyncIterator

import orjson
from redis.asyncio import Redis

from orchestrator.jobs.errors import store_errors
from orchestrator.jobs.keys import JobKeys
from orchestrator.jobs.model import JsonObject

#: Results of one read.
RESULTS_BATCH = 1000


class JobResults:
    """Reads what has been reported of a job's items."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def between(
        self, job_id: str, start: int, stop: int
    ) -> AsyncIterator[tuple[int, JsonObject]]:
        """Yield (number, result) in order, for the items from *start* to *stop* that have one."""
        key = JobKeys(job_id).results
        for first in range(start, stop, RESULTS_BATCH):
            numbers = range(first, min(first + RESULTS_BATCH, stop))
            with store_errors("results"):
                stored = await self._redis.hmget(key, [str(number) for number in numbers])
            for number, result in zip(numbers, stored, strict=True):
                if result is not None:
                    yield number, orjson.loads(result)

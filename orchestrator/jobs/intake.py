"""The way in for jobs: items are stored first, then the job becomes visible in one step."""

from collections.abc import Iterable
from datetime import timedelta

import orjson
from redis.asyncio import Redis

from orchestrator.jobs.errors import store_errors
from orchestrator.jobs.keys import ACTIVE, JobKeys, pointer
from orchestrator.jobs.model import NewJob
from orchestrator.scripts import load_script

_MS = timedelta(milliseconds=1)


class Intake:
    """Accepts jobs; they and their items are remembered for *ttl*."""

    def __init__(self, redis: Redis, *, ttl: timedelta) -> None:
        self._redis = redis
        self._ttl_ms = ttl // _MS
        self._accept = load_script(redis, "orchestrator.jobs", "accept")

    async def accept(self, job_id: str, new: NewJob, *, chunk_size: int) -> str:
        """Store *new* durably as *job_id*; return the job's id, or that of an unfinished equal one.

        Atomic: the job is visible as a whole or not at all. Items that were stored for a
        job that was never accepted expire.
        """
        keys = JobKeys(job_id)
        with store_errors("accept"):
            chunks = 0
            for chunk in new.chunks(chunk_size):
                await self._redis.set(keys.items(chunks), orjson.dumps(chunk), px=self._ttl_ms)
                chunks += 1
            accepted: bytes = await self._accept(
                keys=[pointer(new.digest), keys.record, keys.open, ACTIVE],
                args=[job_id, JobKeys("").record, self._ttl_ms, chunks, *_fields(new, chunks)],
            )
        return accepted.decode()


def _fields(new: NewJob, chunks: int) -> Iterable[str | int]:
    yield from ("kind", new.kind, "tenant", new.tenant, "lane", new.lane, "origin", new.origin)
    yield from ("total", len(new.items), "chunks", chunks)
    if new.max_cost_micros is not None:
        yield from ("max_cost_micros", new.max_cost_micros)
    if new.deadline is not None:
        yield from ("deadline_ms", int(new.deadline.timestamp() * 1000))
    if new.parent is not None:
        yield from ("parent", new.parent)

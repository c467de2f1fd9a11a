"""Walks through jobs from the newest to the oldest, page by page, whatever happens meanwhile."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, cast

from redis.asyncio import Redis

from orchestrator.connections import store_errors
from orchestrator.jobs.keys import JobKeys
from orchestrator.jobs.model import Job
from orchestrator.jobs.reading import job_of

#: Records of one read.
PAGE = 200


class Place(NamedTuple):
    """Where a job stands in a sorted set: after all that are newer. Places are in its order."""

    at_ms: int
    job_id: str


async def walk(
    redis: Redis, key: str, *, after: Place | None = None, since_ms: int = 0
) -> AsyncIterator[tuple[Place, Job]]:
    """Yield the jobs of the sorted set *key*, newest first; one whose record is gone is left out.

    What is added while somebody reads is newer than what was read, so it is not met, and nothing
    is met twice.

    Args:
        redis: DB 3.
        key: Job ids, by an instant in milliseconds.
        after: Where to go on; from the newest, if not given.
        since_ms: The oldest instant of interest.

    Raises:
        StoreUnavailable: Redis is away.
    """
    top: int | str = "+inf" if after is None else after.at_ms
    # How many at the instant `top` were met: as many jobs as fit into a millisecond.
    met = 0
    while True:
        with store_errors("job list"):
            found = await redis.zrevrangebyscore(
                key, top, since_ms, start=met, num=PAGE, withscores=True
            )
            page = [
                Place(int(at_ms), job_id.decode())
                for job_id, at_ms in cast("list[tuple[bytes, float]]", found)
            ]
            jobs = await read_jobs(redis, [place.job_id for place in page])
        for place, job in zip(page, jobs, strict=True):
            if job is not None and (after is None or place < after):
                yield place, job
        if len(page) < PAGE:
            return
        last_ms = page[-1].at_ms
        met = sum(place.at_ms == last_ms for place in page) + (met if last_ms == top else 0)
        top = last_ms


async def read_jobs(redis: Redis, job_ids: Sequence[str]) -> list[Job | None]:
    """Return the record of each job, None for one that is not there, in one round trip."""
    pipe = redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipe.hgetall(JobKeys(job_id).record)
    records = cast("list[dict[bytes, bytes]]", await pipe.execute())
    return [_job(job_id, record) for job_id, record in zip(job_ids, records, strict=True)]


def _job(job_id: str, record: dict[bytes, bytes]) -> Job | None:
    fields = {name.decode(): value.decode() for name, value in record.items()}
    return job_of(job_id, fields) if fields else None

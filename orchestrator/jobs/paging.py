"""Walks through jobs from the newest to the oldest, page by page, whatever happens meanwhile."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.jobs.damage import undamaged
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.keys import UNREADABLE, JobKeys
from orchestrator.jobs.model import Job
from orchestrator.jobs.reading import job_of

#: Records of one read.
PAGE = 200
#: Later than any instant of ours: what stands behind it was not written by us.
LATEST_MS = 1 << 53


class JobCursor(NamedTuple):
    """Where a job stands in a sorted set: after all that are newer. Places are in its order."""

    at_ms: int
    job_id: str


async def walk(
    redis: Redis, key: str, *, after: JobCursor | None = None, since_ms: int = 0
) -> AsyncIterator[tuple[JobCursor, Job | UnreadableJob]]:
    """Yield the jobs of the sorted set *key*, newest first; one whose record is gone is left out.

    One whose record cannot be read is yielded as such.

    What is added while somebody reads is newer than what was read, so it is not met, and nothing
    is met twice.

    Args:
        redis: DB 3.
        key: Job ids, by an instant in milliseconds.
        after: Where to go on; from the newest, if not given.
        since_ms: The oldest instant of interest.

    Raises:
        StoreUnavailable: Redis is unavailable.
    """
    top: int | str = "+inf" if after is None else after.at_ms
    # How many at the instant `top` were met: as many jobs as fit into a millisecond.
    met = 0
    while True:
        page, jobs = await undamaged(
            redis, "job list", partial(_page, redis, key, top, since_ms, met)
        )
        for place, job in zip(page, jobs, strict=True):
            if job is not None and (after is None or place < after):
                yield place, job
        if len(page) < PAGE:
            return
        last_ms = page[-1].at_ms
        met = sum(place.at_ms == last_ms for place in page) + (met if last_ms == top else 0)
        top = last_ms


async def _page(
    redis: Redis, key: str, top: int | str, since_ms: int, met: int
) -> "tuple[list[JobCursor], list[Job | UnreadableJob | None]]":
    found = await redis.zrevrangebyscore(key, top, since_ms, start=met, num=PAGE, withscores=True)
    page = [
        JobCursor(int(min(max(at_ms, 0), LATEST_MS)), readable(job_id))
        for job_id, at_ms in cast("list[tuple[bytes, float]]", found)
    ]
    return page, await read_jobs(redis, [place.job_id for place in page])


async def read_jobs(redis: Redis, job_ids: Sequence[str]) -> list[Job | UnreadableJob | None]:
    """Return the record of each job, None for one that is not there, in one round trip."""
    if not job_ids:
        return []
    pipe = redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipe.hgetall(JobKeys(job_id).record)
    pipe.zmscore(UNREADABLE, list(job_ids))
    *records, aside = await pipe.execute(raise_on_error=False)
    jobs = [_job(job_id, record) for job_id, record in zip(job_ids, records, strict=True)]
    if isinstance(aside, Exception):
        return jobs
    return [
        UnreadableJob(job.job_id, "set aside, a part of it is damaged")
        if isinstance(job, Job) and at_ms is not None
        else job
        for job, at_ms in zip(jobs, aside, strict=True)
    ]


def readable(member: bytes) -> str:
    """Return a member of a set as text; one that no program of ours has written, too."""
    return member.decode("utf-8", "backslashreplace")


def is_wrong_type(error: object) -> bool:
    """Say whether a key holds something else than its name says."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in f"{error.status_code} {error}"


def text_or_nothing(found: object) -> bytes:
    """Return what a key holds as text; nothing where that is another type.

    Raises:
        Exception: What the server said instead, of another kind.
    """
    if isinstance(found, Exception) and not is_wrong_type(found):
        raise found
    return found if isinstance(found, bytes) else b""


def _job(job_id: str, record: Mapping[bytes, bytes] | Exception) -> Job | UnreadableJob | None:
    if is_wrong_type(record):
        return UnreadableJob(job_id, "no hash")
    if isinstance(record, Exception):
        raise record
    try:
        return job_of(job_id, record) if record else None
    except UnreadableJob as unreadable:
        return unreadable

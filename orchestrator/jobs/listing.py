"""Which jobs there are, from the newest to the oldest, page by page; how much waits in each lane.

Autoscaling and `emasai doctor` look at the backlog of the lanes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.infra.redis_client import scan_batches, store_errors
from orchestrator.infra.slots import Lane
from orchestrator.jobs.model import Job, JobState, UnreadableJob
from orchestrator.jobs.stored import ALL, ROOT, UNREADABLE, JobKeys, LaneKeys, job_of, with_repair

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

    Jobs that are added during the walk are newer than those read, so they are not met, and no job
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
        page, jobs = await with_repair(
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
    """Return a member of a set as text; also one that another program has written."""
    return member.decode("utf-8", "backslashreplace")


def is_wrong_type(error: object) -> bool:
    """Say whether a key holds a value of another type."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in f"{error.status_code} {error}"


def text_or_nothing(found: object) -> bytes:
    """Return what a key holds as text; nothing where it is of another type.

    Raises:
        Exception: The server answered with another error.
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


#: Jobs among which unreadable ones are looked for.
LOOKED_AT: Final = 10_000


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; None for all."""

    state: JobState | None = None
    lane: Lane | None = None
    tenant: str | None = None

    def fits(self, job: Job) -> bool:
        """Say whether *job* is wanted."""
        return (
            self.state in {None, job.state}
            and self.lane in {None, job.lane}
            and self.tenant in {None, job.tenant}
        )


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """What happened to a job, and when."""

    at: datetime
    event: str


class JobList:
    """Reads which jobs there are."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def newest(self, wanted: JobFilter) -> AsyncIterator[Job]:
        """Yield the readable jobs that are *wanted*, newest first."""
        async for _, job in self.walk(wanted):
            if isinstance(job, Job):
                yield job

    async def walk(
        self, wanted: JobFilter, *, after: JobCursor | None = None
    ) -> AsyncIterator[tuple[JobCursor, Job | UnreadableJob]]:
        """Yield the jobs that are *wanted* and come *after* a place, each with its own.

        Of one whose record cannot be read it is not known whether it is wanted, so it is yielded,
        too, unless something particular is wanted.
        """
        async for place, job in walk(self._redis, ALL, after=after):
            if wanted.fits(job) if isinstance(job, Job) else wanted == JobFilter():
                yield place, job

    async def unreadable(self) -> list[UnreadableJob]:
        """Return the jobs that cannot be read: those set aside, and others among the newest."""
        with store_errors("job unreadable"):
            aside = cast("list[bytes]", await self._redis.zrange(UNREADABLE, 0, LOOKED_AT - 1))
            found = await read_jobs(self._redis, [readable(job_id) for job_id in aside])
        known = {each.job_id: each for each in found if isinstance(each, UnreadableJob)}
        looked_at = 0
        async for _, job in walk(self._redis, ALL):
            if isinstance(job, UnreadableJob):
                known.setdefault(job.job_id, job)
            looked_at += 1
            if looked_at == LOOKED_AT:
                break
        return list(known.values())

    async def set_aside(self) -> int:
        """Return how many indexes of jobs another program has written over."""
        with store_errors("job set aside"):
            return sum([len(batch) async for batch in scan_batches(self._redis, f"{ROOT}aside:*")])

    async def timeline(self, job_id: str) -> list[TimelineEvent]:
        """Return the last events of a job, oldest first."""
        with store_errors("job timeline"):
            pipe = self._redis.pipeline(transaction=False)
            pipe.lrange(JobKeys(job_id).timeline, 0, -1)
            (found,) = await pipe.execute(raise_on_error=False)
            if is_wrong_type(found):
                return []
            if isinstance(found, Exception):
                raise found
        events = (_event(line) for line in cast("list[bytes]", found))
        return [event for event in events if event is not None]


def _event(line: bytes) -> TimelineEvent | None:
    """Return the event of a line; None of one that no script has written."""
    milliseconds, _, event = line.partition(b" ")
    try:
        at = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
        return TimelineEvent(at, event.decode())
    except (ValueError, OverflowError, OSError):
        return None


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
        *found, (seconds, micros) = await with_repair(self._redis, "job backlog", self._read)
        now_ms = seconds * 1000 + micros // 1000
        each = (found[start : start + 4] for start in range(0, len(found), 4))
        return [
            LaneBacklog(lane, _number(chunks), jobs, _age(oldest, now_ms), held)
            for lane, (chunks, jobs, oldest, held) in zip(Lane, each, strict=True)
        ]

    async def waited(self, lane: Lane) -> timedelta | None:
        """Return how long the next tenant of *lane* has waited for its turn; None without one."""
        return await with_repair(self._redis, "job line", partial(self._waited, LaneKeys(lane)))

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

"""Which jobs there are: newest first, page by page."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from redis.asyncio import Redis

from orchestrator.infra.redis_client import scan_batches, store_errors
from orchestrator.infra.slots import Lane
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.keys import ALL, ROOT, UNREADABLE, JobKeys
from orchestrator.jobs.model import Job
from orchestrator.jobs.paging import JobCursor, is_wrong_type, read_jobs, readable, walk
from orchestrator.jobs.state import JobState

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
        """Yield the readable jobs that are *wanted*, newest first, as far as somebody reads."""
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
        """Return how many indexes of jobs were set aside since something had written over them."""
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

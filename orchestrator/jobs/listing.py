"""Which jobs there are: newest first, page by page."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from redis.asyncio import Redis

from orchestrator.connections import store_errors
from orchestrator.jobs.keys import ALL, JobKeys
from orchestrator.jobs.model import Job, Lane
from orchestrator.jobs.paging import Place, walk
from orchestrator.jobs.state import JobState


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
        """Yield the jobs that are *wanted*, newest first, as far as somebody reads."""
        async for _, job in self.places(wanted):
            yield job

    async def places(
        self, wanted: JobFilter, *, after: Place | None = None
    ) -> AsyncIterator[tuple[Place, Job]]:
        """Yield the jobs that are *wanted* and come *after* a place, each with its own."""
        async for place, job in walk(self._redis, ALL, after=after):
            if wanted.fits(job):
                yield place, job

    async def timeline(self, job_id: str) -> list[TimelineEvent]:
        """Return the last events of a job, oldest first."""
        with store_errors("job timeline"):
            found = await self._redis.lrange(JobKeys(job_id).timeline, 0, -1)
        return [_event(line.decode()) for line in cast("list[bytes]", found)]


def _event(line: str) -> TimelineEvent:
    milliseconds, _, event = line.partition(" ")
    return TimelineEvent(datetime.fromtimestamp(int(milliseconds) / 1000, UTC), event)

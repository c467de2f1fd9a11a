"""Job records for tests that accept jobs without a door: each row is an item."""

from datetime import timedelta

from redis.asyncio import Redis

from orchestrator.jobs import Intake, Item, Job, JobRecords, NewJob
from orchestrator.jobs.model import WorkDigest

#: Items that are stored together.
TOGETHER = 5_000


class AcceptingRecords(JobRecords):
    """Job records that also accept jobs."""

    def __init__(
        self, redis: Redis, *, ttl: timedelta, chunk_lease: timedelta = timedelta(seconds=5)
    ) -> None:
        super().__init__(redis, ttl=ttl, chunk_lease=chunk_lease)
        self._new_jobs = redis, ttl

    async def accept(self, job_id: str, new: NewJob, *, chunk_size: int) -> Job:
        """Accept *new* in chunks of *chunk_size*; return it, or the unfinished equal job."""
        redis, ttl = self._new_jobs
        unsealed = Intake(redis, ttl=ttl, chunk_items=chunk_size).begin(job_id, new)
        for start in range(0, len(new.items), TOGETHER):
            await unsealed.add(new.items[start : start + TOGETHER])
        job = await self.job(await unsealed.seal())
        assert job is not None
        return job


async def open_items(records: JobRecords, job_id: str, chunk: int) -> list[tuple[int, Item]]:
    """Return what `items_of` returns of any chunk, whether a worker has it or not."""
    items = await records._items(job_id, chunk)  # noqa: SLF001 - a worker asks for its own chunk
    assert items is not None
    return await records._open(job_id, items)  # noqa: SLF001 - (as above)


def work_digest(new: NewJob) -> str:
    """Return the identity of the work of *new*."""
    digest = WorkDigest(new)
    digest.add(new.items)
    return digest.text()

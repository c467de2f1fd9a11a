"""Accepted work that no worker holds is found without any wake-up."""

from datetime import timedelta

from redis.asyncio import Redis

from orchestrator.infra.background import Supervisor, end_task
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import (
    ChunkRunner,
    Job,
    JobKind,
    JobState,
    Lane,
    NewJob,
    PoisonTracker,
)
from tests.support.async_waiting import eventually
from tests.support.handlers import FakeHandler
from tests.support.job_records import AcceptingRecords
from tests.support.notifier import FakeNotifier

NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d"), "default")
SOON = timedelta(milliseconds=20)


async def _is_done(records: AcceptingRecords, job_id: str) -> bool:
    job = await records.job(job_id)
    return job is not None and job.state is JobState.DONE


async def test_work_is_found_without_a_wake_up(
    records: AcceptingRecords, poison: PoisonTracker, notifier: FakeNotifier
) -> None:
    """A look wakes a place, which takes all there is and asks for help."""
    await records.accept("j1", NEW, chunk_size=1)
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: FakeHandler()}, notifier)

    runner.reconcile()

    async def is_done() -> bool:
        return await _is_done(records, "j1")

    await eventually(is_done, "the job is done")
    await runner.aclose()
    assert notifier.notified == [Lane.PIPELINE]


async def test_lanes_of_other_workers_are_left_to_them(
    records: AcceptingRecords, poison: PoisonTracker
) -> None:
    """A worker started for some queues looks into their lanes only."""
    await records.accept("j1", NEW, chunk_size=4)
    notifier = FakeNotifier([Lane.INTERACTIVE])
    handler = FakeHandler()
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier)

    runner.reconcile()
    await runner.aclose()

    assert not handler.worked


class Flaky(AcceptingRecords):
    """Is away the first three times."""

    outages = 3

    async def job(self, job_id: str) -> Job | None:
        """Return the job, or fail as when Redis is unavailable."""
        self.outages -= 1
        if self.outages >= 0:
            raise StoreUnavailable("job job")
        return await super().job(job_id)


async def test_it_waits_out_a_redis_that_is_away(
    jobs_redis: Redis, records: AcceptingRecords, poison: PoisonTracker, notifier: FakeNotifier
) -> None:
    """An unavailable store ends a look, not the reconciler; the chunk is free at once."""
    await records.accept("j1", NEW, chunk_size=4)
    flaky = Flaky(jobs_redis, ttl=timedelta(hours=1))
    runner = ChunkRunner(flaky, poison, {JobKind.ENRICH: FakeHandler()}, notifier)
    running = Supervisor().start(runner.reconciler(period=SOON))

    async def is_done() -> bool:
        return await _is_done(records, "j1")

    await eventually(is_done, "the job is done in spite of the outages")
    await end_task(running)
    await runner.aclose()

"""Accepted work that nobody holds is rung for again."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.background import end_task
from orchestrator.jobs import JobKind, JobRecords, NewJob, Reconciler, Report
from orchestrator.jobs.keys import JobKeys
from orchestrator.memo import StoreUnavailable
from tests.support.async_waiting import eventually
from tests.support.bells import FakeDoorbell

NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d"), "default")
SOON = timedelta(milliseconds=20)


@pytest.fixture
def doorbell() -> FakeDoorbell:
    """Return a doorbell whose rings nobody hears."""
    return FakeDoorbell()


async def test_a_lost_doorbell_is_rung_again(records: JobRecords, doorbell: FakeDoorbell) -> None:
    """Once its patience is over, a chunk that nobody has taken up is announced again."""
    await records.accept("j1", NEW, chunk_size=2)
    reconciler = Reconciler(records, doorbell)
    assert await reconciler.reconcile() == 2
    assert await reconciler.reconcile() == 0

    async def rung_again() -> bool:
        await reconciler.reconcile()
        return len(doorbell.rings) >= 4

    await eventually(rung_again, "both chunks are rung for again")
    assert sorted(doorbell.rings) == [("j1", 0), ("j1", 0), ("j1", 1), ("j1", 1)]


async def test_many_reconcilers_ring_once(records: JobRecords, doorbell: FakeDoorbell) -> None:
    """Every worker reconciles; a chunk is announced by one of them."""
    await records.accept("j1", NEW, chunk_size=1)

    rung = await asyncio.gather(*(Reconciler(records, doorbell).reconcile() for _ in range(8)))

    assert sum(rung) == 4
    assert sorted(doorbell.rings) == [("j1", chunk) for chunk in range(4)]


async def test_a_held_chunk_is_left_in_peace(records: JobRecords, doorbell: FakeDoorbell) -> None:
    """What a worker has in hand is not announced; what it hands back is."""
    await records.accept("j1", NEW, chunk_size=4)
    reconciler = Reconciler(records, doorbell)

    async with records.claimed("j1", 0):
        assert await reconciler.reconcile() == 0

    assert await reconciler.reconcile() == 1


async def test_a_dead_workers_chunk_is_announced_when_its_claim_runs_out(
    records: JobRecords, doorbell: FakeDoorbell, jobs_redis: Redis
) -> None:
    """Nobody has to notice the death: the claim is a lease."""
    await records.accept("j1", NEW, chunk_size=4)
    await jobs_redis.set(JobKeys("j1").claim(0), "dead", px=200)
    reconciler = Reconciler(records, doorbell)
    assert await reconciler.reconcile() == 0

    async def rung() -> bool:
        return await reconciler.reconcile() == 1

    await eventually(rung, "the dead worker's chunk is rung for")


async def test_nothing_is_rung_while_doorbells_wait(records: JobRecords) -> None:
    """A queue that is not empty has work for everybody already."""
    await records.accept("j1", NEW, chunk_size=4)

    assert await Reconciler(records, FakeDoorbell(waits=1)).reconcile() == 0


async def test_a_job_that_has_expired_is_forgotten(
    records: JobRecords, doorbell: FakeDoorbell, jobs_redis: Redis
) -> None:
    """What is remembered no more is not looked for every second."""
    await records.accept("j1", NEW, chunk_size=4)
    await jobs_redis.delete(JobKeys("j1").record)

    await Reconciler(records, doorbell).reconcile()

    assert await records.active() == []
    assert doorbell.rings == []


async def test_a_report_to_an_expired_job_does_not_stop_the_reconciler(
    records: JobRecords, doorbell: FakeDoorbell, jobs_redis: Redis
) -> None:
    """One worker too late does not keep the others' work from being announced."""
    await records.accept("j1", NEW, chunk_size=4)
    await jobs_redis.delete(JobKeys("j1").record)
    await records.report("j1", 0, Report({}))
    await records.accept("j2", NEW, chunk_size=4)

    await Reconciler(records, doorbell).reconcile()

    assert doorbell.rings == [("j2", 0)]


class Flaky(JobRecords):
    """Is away the first three times."""

    outages = 3

    async def active(self) -> list[str]:
        """Return the active jobs, or fail as when Redis is away."""
        self.outages -= 1
        if self.outages >= 0:
            raise StoreUnavailable("job active")
        return await super().active()


async def test_it_waits_out_a_redis_that_is_away(jobs_redis: Redis, doorbell: FakeDoorbell) -> None:
    """An unavailable store ends a look, not the reconciler."""
    flaky = Flaky(jobs_redis, ttl=timedelta(hours=1))
    await flaky.accept("j1", NEW, chunk_size=4)
    running = asyncio.create_task(Reconciler(flaky, doorbell, period=SOON).run())

    async def rung() -> bool:
        return bool(doorbell.rings)

    await eventually(rung, "it has rung in spite of the outages")
    await end_task(running)

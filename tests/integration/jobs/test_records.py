"""Job records: accepted as a whole, claimed by one, counted once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.connections import open_redis
from orchestrator.jobs import JobKind, JobRecords, JobState, NewJob, Report
from orchestrator.jobs.keys import JobKeys
from orchestrator.memo import StoreUnavailable
from tests.support.async_waiting import eventually
from tests.support.results import reported_results

#: Where no server listens.
NOBODY = "redis://127.0.0.1:1"
#: Where no server listens.
NOBODY = "redis://127.0.0.1:1"
NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d", "e"), "default", max_cost_micros=70)


async def _finish(records: JobRecords, job_id: str, chunk: int) -> None:
    async with records.claimed(job_id, chunk) as claim:
        assert claim is not None
        for number, item in await records.open_items(job_id, chunk):
            await records.report(job_id, number, Report({"item": item}))
        claim.done = True


async def test_an_accepted_job_is_there_as_it_was_asked_for(records: JobRecords) -> None:
    """The record says what is to be done, for whom, at what cap, since when."""
    job = await records.accept("j1", NEW, chunk_size=2)

    assert (job.job_id, job.kind, job.tenant) == ("j1", JobKind.ENRICH, "default")
    assert (job.total, job.chunks, job.done, job.max_cost_micros) == (5, 3, 0, 70)
    assert job.state is JobState.ACCEPTED
    assert job.finished_at is None
    assert abs(datetime.now(UTC) - job.accepted_at) < timedelta(minutes=1)
    assert await records.active() == ["j1"]
    assert await records.silent_chunks("j1") == [0, 1, 2]
    assert await records.open_items("j1", 1) == [(2, "c"), (3, "d")]


async def test_equal_unfinished_work_is_the_same_job(records: JobRecords) -> None:
    """Of twenty who ask for the same at once, all get one job."""
    jobs = await asyncio.gather(*(records.accept(f"j{n}", NEW, chunk_size=2) for n in range(20)))

    assert len({job.job_id for job in jobs}) == 1
    assert await records.active() == [jobs[0].job_id]


async def test_equal_work_after_the_end_is_a_new_job(records: JobRecords) -> None:
    """What is finished is not asked for again by its first request."""
    await records.accept("j1", NEW, chunk_size=5)
    await _finish(records, "j1", 0)

    job = await records.accept("j2", NEW, chunk_size=5)

    assert job.job_id == "j2"


async def test_a_job_without_work_is_done_at_once(records: JobRecords) -> None:
    """An empty list does not stay open for ever."""
    job = await records.accept("j1", NewJob(JobKind.ENRICH, (), "default"), chunk_size=2)

    assert job.state is JobState.DONE
    assert job.finished_at is not None
    assert await records.active() == []


async def test_a_chunk_is_claimed_by_one_of_many(records: JobRecords) -> None:
    """Twenty doorbells for a chunk give it to one worker."""
    await records.accept("j1", NEW, chunk_size=5)
    over = asyncio.Event()

    async def claim() -> bool:
        async with records.claimed("j1", 0) as claim:
            if claim is not None:
                await over.wait()
            return claim is not None

    claims = [asyncio.create_task(claim()) for _ in range(20)]
    await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)

    async def all_others_are_refused() -> bool:
        return sum(not task.done() for task in claims) == 1

    await eventually(all_others_are_refused, "one worker holds the chunk")
    assert await records.silent_chunks("j1") == []
    over.set()
    assert sum(await asyncio.gather(*claims)) == 1


async def test_a_claim_is_kept_while_the_work_goes_on(
    records: JobRecords, jobs_redis: Redis
) -> None:
    """A chunk that takes longer than its lease stays with its worker."""
    await records.accept("j1", NEW, chunk_size=5)

    async with records.claimed("j1", 0) as claim:
        assert claim is not None
        key = JobKeys("j1").claim(0)
        holder = await jobs_redis.get(key)
        for _ in range(6):
            await asyncio.sleep(0.1)
            assert await jobs_redis.get(key) == holder


async def test_a_chunk_that_is_not_done_is_handed_back(records: JobRecords) -> None:
    """Leaving a claim early makes the chunk free at once."""
    await records.accept("j1", NEW, chunk_size=5)
    await records.may_ring("j1", 0)

    async with records.claimed("j1", 0) as claim:
        assert claim is not None

    assert await records.silent_chunks("j1") == [0]


async def test_a_finished_chunk_is_never_claimed_again(records: JobRecords) -> None:
    """A doorbell that rings too late is a no-op."""
    await records.accept("j1", NEW, chunk_size=2)
    await _finish(records, "j1", 0)

    async with records.claimed("j1", 0) as claim:
        assert claim is None

    assert await records.silent_chunks("j1") == [1, 2]


async def test_a_job_is_done_with_its_last_chunk(records: JobRecords) -> None:
    """The state changes when nothing is open any more, and the job is active no longer."""
    await records.accept("j1", NEW, chunk_size=2)
    for chunk in (2, 0):
        await _finish(records, "j1", chunk)
    before = await records.job("j1")

    await _finish(records, "j1", 1)
    after = await records.job("j1")

    assert before is not None
    assert after is not None
    assert (before.state, before.done) == (JobState.ACCEPTED, 3)
    assert (after.state, after.done) == (JobState.DONE, 5)
    assert after.finished_at is not None
    assert await records.active() == []


async def test_a_result_counts_once(records: JobRecords, jobs_redis: Redis) -> None:
    """However often an item is reported, the first result stays and is counted once."""
    await records.accept("j1", NEW, chunk_size=5)

    counted = [
        await records.report("j1", 3, Report({"try": n}, {"spent_micros": 10})) for n in range(3)
    ]

    job = await records.job("j1")
    assert job is not None
    assert counted == [True, False, False]
    assert job.tally == {"done": 1, "spent_micros": 10}
    assert await reported_results(jobs_redis, job) == [(3, {"try": 0})]
    assert [number for number, _ in await records.open_items("j1", 0)] == [0, 1, 2, 4]


async def test_results_come_in_order_however_many(records: JobRecords, jobs_redis: Redis) -> None:
    """Reading results crosses the size of one read."""
    new = NewJob(JobKind.ENRICH, tuple(map(str, range(1100))), "default")
    job = await records.accept("j1", new, chunk_size=1000)
    for number in (1099, 5, 999, 1000):
        await records.report("j1", number, Report({"n": number}))

    found = [number for number, _ in await reported_results(jobs_redis, job)]

    assert found == [5, 999, 1000, 1099]


async def test_one_ringer_at_a_time(records: JobRecords) -> None:
    """Of many that want to ring for a chunk one may, until its patience is over."""
    await records.accept("j1", NEW, chunk_size=5)

    may = await asyncio.gather(*(records.may_ring("j1", 0) for _ in range(10)))

    assert sum(may) == 1
    assert await records.silent_chunks("j1") == []

    async def silent_again() -> bool:
        return await records.silent_chunks("j1") == [0]

    await eventually(silent_again, "the doorbell counts as lost")


async def test_what_has_expired_is_not_brought_back(records: JobRecords, jobs_redis: Redis) -> None:
    """A worker that reports to a job that is remembered no more leaves no trace of it."""
    await records.accept("j1", NEW, chunk_size=5)
    async with records.claimed("j1", 0) as claim:
        assert claim is not None
        await jobs_redis.delete(JobKeys("j1").record)

        assert not await records.report("j1", 0, Report({}))
        claim.done = True

    assert await records.job("j1") is None
    assert not await jobs_redis.exists(JobKeys("j1").results)


async def test_an_unknown_job_is_nothing(records: JobRecords) -> None:
    """Of a job that was never accepted there is no record, no chunk and no item."""
    assert await records.job("j1") is None
    assert await records.silent_chunks("j1") == []
    assert await records.open_items("j1", 0) == []


async def test_without_redis_records_say_so() -> None:
    """Every question to a server that is away ends as StoreUnavailable."""
    async with open_redis(NOBODY) as nobody:
        records = JobRecords(nobody, ttl=timedelta(hours=1))

        for question in (
            records.job("j1"),
            records.active(),
            records.accept("j", NEW, chunk_size=1),
        ):
            with pytest.raises(StoreUnavailable, match="job"):
                await question

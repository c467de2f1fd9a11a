"""Job records: accepted as a whole, claimed by one, counted once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.infra.redis_client import StoreUnavailable, open_redis
from orchestrator.jobs import (
    Command,
    Intake,
    JobKind,
    JobList,
    JobState,
    Lane,
    NewJob,
    Origin,
    Report,
    RequestKey,
)
from orchestrator.jobs.stored import JobKeys, LaneKeys
from tests.support.async_waiting import eventually
from tests.support.job_records import AcceptingRecords, open_items
from tests.support.results import reported_results
from tests.support.vanishing import vanish_with_a_chunk

from .conftest import TTL

#: Where no server listens.
NOWHERE = "redis://127.0.0.1:1"
NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d", "e"), "default", max_cost_micros=70)


async def _finish_next(records: AcceptingRecords) -> tuple[str, int]:
    """Take the next chunk, report its items, and return which it was."""
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        for number, item in await open_items(records, lease.job_id, lease.chunk):
            await records.report(lease.job_id, number, Report({"item": item}))
        lease.done = True
    return lease.job_id, lease.chunk


async def _take(records: AcceptingRecords) -> tuple[str, int] | None:
    """Take the next chunk and hand it back; say which it was."""
    async with records.taken(Lane.PIPELINE) as lease:
        return None if lease is None else (lease.job_id, lease.chunk)


async def test_an_accepted_job_is_there_as_it_was_asked_for(records: AcceptingRecords) -> None:
    """The record says what is to be done, for whom, at what cap, since when."""
    job = await records.accept("j1", NEW, chunk_size=2)

    assert (job.job_id, job.kind, job.tenant) == ("j1", JobKind.ENRICH, "default")
    assert (job.total, job.chunks, job.done, job.max_cost_micros) == (5, 3, 0, 70)
    assert job.state is JobState.ACCEPTED
    assert job.finished_at is None
    assert abs(datetime.now(UTC) - job.accepted_at) < timedelta(minutes=1)
    assert await records.active() == ["j1"]
    assert (job.lane, job.origin, job.started_at) == (Lane.PIPELINE, Origin.TASK, None)
    assert await open_items(records, "j1", 1) == [(2, "c"), (3, "d")]


async def test_equal_unfinished_work_is_the_same_job(records: AcceptingRecords) -> None:
    """Of twenty who ask for the same at once, all get one job."""
    jobs = await asyncio.gather(*(records.accept(f"j{n}", NEW, chunk_size=2) for n in range(20)))

    assert len({job.job_id for job in jobs}) == 1
    assert await records.active() == [jobs[0].job_id]


async def test_equal_work_after_the_end_is_a_new_job(records: AcceptingRecords) -> None:
    """What is finished is not asked for again by its first request."""
    await records.accept("j1", NEW, chunk_size=5)
    await _finish_next(records)

    job = await records.accept("j2", NEW, chunk_size=5)

    assert job.job_id == "j2"


async def test_a_job_without_work_is_done_at_once(records: AcceptingRecords) -> None:
    """An empty list does not stay open."""
    job = await records.accept("j1", NewJob(JobKind.ENRICH, (), "default"), chunk_size=2)

    assert job.state is JobState.DONE
    assert job.finished_at is not None
    assert await records.active() == []


async def test_a_chunk_is_taken_by_one_of_many(records: AcceptingRecords) -> None:
    """Twenty who look at once share three chunks; the others get nothing."""
    await records.accept("j1", NEW, chunk_size=2)
    over = asyncio.Event()
    got: list[int] = []

    async def take() -> None:
        async with records.taken(Lane.PIPELINE) as lease:
            if lease is not None:
                got.append(lease.chunk)
                await over.wait()

    takers = [asyncio.create_task(take()) for _ in range(20)]

    async def all_others_have_nothing() -> bool:
        return sum(not taker.done() for taker in takers) == 3

    await eventually(all_others_have_nothing, "three hold a chunk each")
    over.set()
    await asyncio.gather(*takers)
    assert sorted(got) == [0, 1, 2]


async def test_a_chunk_lease_is_kept_while_the_work_goes_on(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """A chunk that takes longer than its lease stays with its worker."""
    await records.accept("j1", NEW, chunk_size=5)

    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        key = JobKeys("j1").chunk_lease(0)
        holder = await jobs_redis.get(key)
        for _ in range(6):
            await asyncio.sleep(0.1)
            assert await jobs_redis.get(key) == holder
            assert await _take(records) is None


async def test_a_chunk_that_is_not_done_is_handed_back(records: AcceptingRecords) -> None:
    """Leaving a claim early makes the chunk free at once, and no worker counts as lost."""
    await records.accept("j1", NEW, chunk_size=5)

    assert await _take(records) == ("j1", 0)

    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        assert (lease.job_id, lease.chunk, lease.losses, lease.more) == ("j1", 0, 0, False)


async def test_a_chunk_that_cannot_be_worked_on_rests(records: AcceptingRecords) -> None:
    """No worker takes it for a while: an unavailable server is not asked all the time."""
    await records.accept("j1", NEW, chunk_size=5)
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        lease.rest = timedelta(milliseconds=100)
    assert await _take(records) is None

    async def is_taken() -> bool:
        return await _take(records) == ("j1", 0)

    await eventually(is_taken, "the chunk has rested")


async def test_a_dead_workers_chunk_is_taken_with_its_losses(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """No process has to notice the death: the chunk has a lease. Deaths are counted."""
    await records.accept("j1", NEW, chunk_size=5)
    for losses in range(3):

        async def vanishes(losses: int = losses) -> bool:
            return await vanish_with_a_chunk(jobs_redis) == losses

        await eventually(vanishes, "the next worker has taken the chunk, and vanished")

    async def is_taken() -> bool:
        async with records.taken(Lane.PIPELINE) as lease:
            return lease is not None and lease.losses == 3

    await eventually(is_taken, "the dead workers' chunk is taken")
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        assert lease.losses == 0  # it was handed back in good order


async def test_tenants_take_turns(records: AcceptingRecords) -> None:
    """A tenant's thousand chunks do not keep another's single one waiting; old jobs go first."""
    big = NewJob(JobKind.ENRICH, tuple(map(str, range(30))), "big")
    await records.accept("big", big, chunk_size=1)
    await records.accept("later", replace(big, items=("x",)), chunk_size=1)
    first = [await _finish_next(records) for _ in range(3)]
    await records.accept("small", replace(big, items=("y",), tenant="small"), chunk_size=1)
    await records.accept("third", replace(big, items=("z", "w"), tenant="third"), chunk_size=1)

    then = [(await _finish_next(records))[0] for _ in range(6)]

    assert first == [("big", 0), ("big", 1), ("big", 2)]
    assert then == ["big", "small", "third", "big", "third", "big"]


async def test_lanes_do_not_wait_for_each_other(records: AcceptingRecords) -> None:
    """What is taken comes from the lane that was asked for."""
    await records.accept("j1", NEW, chunk_size=5)

    async with records.taken(Lane.INTERACTIVE) as lease:
        assert lease is None


async def test_a_job_is_done_with_its_last_chunk(records: AcceptingRecords) -> None:
    """The state changes when no chunk is left, and the job is active no longer."""
    await records.accept("j1", NEW, chunk_size=2)
    for _ in range(2):
        await _finish_next(records)
    before = await records.job("j1")

    await _finish_next(records)
    after = await records.job("j1")

    assert before is not None
    assert after is not None
    assert (before.state, before.done) == (JobState.RUNNING, 4)
    assert (after.state, after.done) == (JobState.DONE, 5)
    assert after.finished_at is not None
    assert await records.active() == []
    assert await _take(records) is None


async def test_a_result_counts_once(records: AcceptingRecords, jobs_redis: Redis) -> None:
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
    assert [number for number, _ in await open_items(records, "j1", 0)] == [0, 1, 2, 4]


async def test_results_come_in_order_however_many(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """Reading results crosses the size of one read."""
    new = NewJob(JobKind.ENRICH, tuple(map(str, range(1100))), "default")
    job = await records.accept("j1", new, chunk_size=1000)
    for number in (1099, 5, 999, 1000):
        await records.report("j1", number, Report({"n": number}))

    found = [number for number, _ in await reported_results(jobs_redis, job)]

    assert found == [5, 999, 1000, 1099]


async def test_what_has_expired_is_not_brought_back(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """A worker that reports to a job that is remembered no more leaves no trace of it."""
    await records.accept("j1", NEW, chunk_size=5)
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        await jobs_redis.delete(JobKeys("j1").record)

        assert not await records.report("j1", 0, Report({}))
        lease.done = True

    assert await records.job("j1") is None
    assert not await jobs_redis.exists(JobKeys("j1").results)


async def test_an_unknown_job_is_nothing(records: AcceptingRecords) -> None:
    """Of a job that was never accepted there is no record, no chunk and no item."""
    assert await records.job("j1") is None
    assert await _take(records) is None
    assert await records.states(["j1"]) == [None]
    assert await records.command("j1", Command.CANCEL) is None
    assert await open_items(records, "j1", 0) == []


async def test_without_redis_records_say_so() -> None:
    """Every question to a server that is unavailable ends as StoreUnavailable."""
    async with open_redis(NOWHERE) as nowhere:
        records = AcceptingRecords(nowhere, ttl=timedelta(hours=1))

        for question in (
            records.job("j1"),
            records.active(),
            records.accept("j", NEW, chunk_size=1),
        ):
            with pytest.raises(StoreUnavailable, match="job"):
                await question


async def test_a_key_whose_job_is_gone_leads_to_a_new_one(
    jobs_redis: Redis,
) -> None:
    """A record that was lost does not keep its work from being accepted again."""
    intake, key = Intake(jobs_redis, ttl=TTL, chunk_items=2), RequestKey("name", TTL)

    async def accept(job_id: str) -> str:
        unsealed = intake.begin(job_id, NEW)
        await unsealed.add(NEW.items)
        return await unsealed.seal(key)

    assert [await accept("j1"), await accept("j2")] == ["j1", "j1"]
    await jobs_redis.delete(JobKeys("j1").record)

    assert await accept("j3") == "j3"


async def test_a_chunk_that_was_finished_by_whom_it_was_taken_from_is_not_taken_again(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """Who was thought to have vanished finishes; who had taken over vanishes for good."""
    await records.accept("j1", NEW, chunk_size=3)
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        await jobs_redis.delete(JobKeys("j1").chunk_lease(0))  # as if its lease had lapsed
        await jobs_redis.zadd(LaneKeys(Lane.PIPELINE).held, {"j1:0": 0})
        assert await vanish_with_a_chunk(jobs_redis) == 1
        for number, item in await open_items(records, "j1", 0):
            await records.report("j1", number, Report({"item": item}))
        lease.done = True

    async def is_forgotten() -> bool:
        return not await jobs_redis.exists(JobKeys("j1").chunk_lease(0))

    await eventually(is_forgotten, "the lease of who has taken over has lapsed")
    taken = [await _take(records), await _take(records)]
    assert taken == [("j1", 1), ("j1", 1)]
    assert not await jobs_redis.sismember(JobKeys("j1").returned, "0")


async def test_a_tenant_that_asks_for_more_keeps_its_turn(records: AcceptingRecords) -> None:
    """It stands where it stood: otherwise who goes on asking would never be served."""
    for job_id, tenant in (("a1", "a"), ("b1", "b")):
        await records.accept(job_id, replace(NEW, tenant=tenant), chunk_size=1)
    assert [await _finish_next(records) for _ in range(2)] == [("a1", 0), ("b1", 0)]

    await records.accept("a2", replace(NEW, tenant="a", items=("x",)), chunk_size=1)

    assert await _finish_next(records) == ("a1", 1)


async def test_only_the_last_events_of_a_job_are_kept(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """However often it is paused and resumed."""
    await records.accept("j1", NEW, chunk_size=2)
    for _ in range(30):
        await records.command("j1", Command.PAUSE)
        await records.command("j1", Command.RESUME)

    events = [each.event for each in await JobList(jobs_redis).timeline("j1")]

    assert events == ["paused", "resumed"] * 25


@pytest.fixture
def renewing(jobs_redis: Redis) -> AcceptingRecords:
    """Return records whose leases are renewed every 100 ms."""
    return AcceptingRecords(jobs_redis, ttl=TTL, chunk_lease=timedelta(milliseconds=300))


async def test_a_worker_that_was_taken_for_lost_and_goes_on_is_not_counted(
    renewing: AcceptingRecords, jobs_redis: Redis
) -> None:
    """Its chunk was taken over while it, or the store, stood still: no item has killed it."""
    await renewing.accept("j1", NEW, chunk_size=5)
    keys = JobKeys("j1")

    async with renewing.taken(Lane.PIPELINE):
        async with jobs_redis.pipeline(transaction=True) as takeover:
            takeover.set(keys.chunk_lease(0), "another worker", px=60_000)
            takeover.hset(keys.losses, "0", "1")
            takeover.pexpire(keys.losses, TTL)
            await takeover.execute()

        async def is_taken_back() -> bool:
            return await jobs_redis.hget(keys.losses, "0") == b"0"

        await eventually(is_taken_back, "the loss is taken back")
    await jobs_redis.delete(keys.chunk_lease(0))


async def test_a_lease_that_lapsed_in_a_silence_is_taken_again(
    renewing: AcceptingRecords, jobs_redis: Redis
) -> None:
    """As long as no other worker has the chunk."""
    await renewing.accept("j1", NEW, chunk_size=5)
    key = JobKeys("j1").chunk_lease(0)

    async with renewing.taken(Lane.PIPELINE):
        token = await jobs_redis.get(key)
        await jobs_redis.delete(key)

        async def is_taken_again() -> bool:
            return bool(await jobs_redis.get(key) == token)

        await eventually(is_taken_again, "the lease is there again")


async def test_a_chunk_that_is_handed_back_behind_a_silence_is_no_loss(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """Two of them would have its items done one after another, as those of a poisonous chunk."""
    await records.accept("j1", NEW, chunk_size=5)
    async with records.taken(Lane.PIPELINE):
        await jobs_redis.delete(JobKeys("j1").chunk_lease(0))

    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        assert (lease.chunk, lease.losses) == (0, 0)


async def test_results_that_a_failover_has_lost_are_worked_for_again(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """A job whose results are incomplete does not end; items with a result are left alone."""
    await records.accept("j1", NEW, chunk_size=1)
    for _ in NEW.items[1:]:
        await _finish_next(records)
    await jobs_redis.hdel(JobKeys("j1").results, "1")

    await _finish_next(records)

    job = await records.job("j1")
    assert job is not None
    assert job.state is JobState.RUNNING
    again = []
    while (await records.job("j1") or job).state is JobState.RUNNING:
        async with records.taken(Lane.PIPELINE) as lease:
            assert lease is not None
            for number, item in await records.items_of(lease):
                again.append(number)
                await records.report("j1", number, Report({"item": item}))
            lease.done = True
    assert again == [1]
    assert await jobs_redis.hlen(JobKeys("j1").results) == len(NEW.items)

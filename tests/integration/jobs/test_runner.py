"""Working through chunks: in parallel, in bounds, and again where something was left."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import (
    ChunkRunner,
    FailureFilter,
    Failures,
    GivenUp,
    Job,
    JobContext,
    JobKind,
    JobList,
    JobState,
    Lane,
    NewJob,
    PoisonTracker,
    Report,
    UnreadableJob,
)
from tests.support.async_waiting import eventually
from tests.support.handlers import FakeHandler
from tests.support.job_records import AcceptingRecords, open_items
from tests.support.notifier import FakeNotifier
from tests.support.results import reported_results

NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d"), "acme", max_cost_micros=9)
#: Items in flight; two of them are the pipeline's at most, and one is kept for `interactive`.
MAX_ITEMS = 3


@pytest.fixture
def handler() -> FakeHandler:
    """Return a handler of companies."""
    return FakeHandler()


@pytest.fixture
def runner(
    records: AcceptingRecords, poison: PoisonTracker, handler: FakeHandler, notifier: FakeNotifier
) -> ChunkRunner:
    """Return the runner of one process."""
    return ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier, max_items=MAX_ITEMS)


async def test_a_chunk_is_worked_through(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler, jobs_redis: Redis
) -> None:
    """Every item gets its result, handlers know the job, and the job is done."""
    await records.accept("j1", NEW, chunk_size=4)

    reported = await runner.run_one(Lane.PIPELINE)

    job = await _job(records)
    assert (reported, job.state, job.tally) == (4, JobState.DONE, {"done": 4, "worked": 4})
    context = JobContext("j1", "acme", capped=True, accepted_at=job.accepted_at)
    assert handler.contexts == {replace(context, item=number) for number in range(4)}
    assert await reported_results(jobs_redis, job) == [
        (n, {"item": item}) for n, item in enumerate("abcd")
    ]


async def test_one_wake_up_is_enough_for_a_whole_job(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler, notifier: FakeNotifier
) -> None:
    """Chunk after chunk is taken; one more wake-up asks for help."""
    await records.accept("j1", NEW, chunk_size=1)

    runner.wake(Lane.PIPELINE)

    await _done(records, 4)
    await runner.aclose()
    assert handler.worked.total() == 4
    assert notifier.notified == [Lane.PIPELINE]


async def test_a_lane_has_its_share_and_takes_nothing_from_others(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """However often a full lane is woken, no more is taken; other lanes have capacity."""
    await records.accept("j1", NEW, chunk_size=1)
    small = NewJob(JobKind.ENRICH, ("now",), "acme", lane=Lane.INTERACTIVE)
    await records.accept("j2", small, chunk_size=1)
    handler.gate.clear()
    for _ in range(5):
        runner.wake(Lane.PIPELINE)
    await _running(handler, 2)

    runner.wake(Lane.INTERACTIVE)

    await _running(handler, 3)
    assert set(handler.worked) == {"a", "b", "now"}
    handler.gate.set()
    await _done(records, 4)
    await runner.aclose()


async def test_all_items_of_a_chunk_run_together(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """Items mostly wait; none waits for another."""
    await records.accept("j1", NEW, chunk_size=4)
    handler.gate.clear()
    run = asyncio.create_task(runner.run_one(Lane.PIPELINE))

    await _running(handler, 4)

    handler.gate.set()
    assert await run == 4


async def test_an_item_whose_handler_fails_is_given_up(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler, jobs_redis: Redis
) -> None:
    """What no handler foresaw ends as a dead letter, and the others go on."""
    await records.accept("j1", NEW, chunk_size=4)
    handler.crashes = {"b"}

    assert await runner.run_one(Lane.PIPELINE) == 4

    job = await _job(records)
    results = dict(await reported_results(jobs_redis, job))
    assert job.state is JobState.DONE
    assert job.tally["failed:internal_error"] == 1
    assert results[1]["code"] == "internal_error"


async def test_a_dead_letter_has_as_many_attempts_as_its_handler_counted(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler, jobs_redis: Redis
) -> None:
    """One that does not count has made one; an item that never began has made none."""
    handler.crashes = {"b", "c"}
    handler.tries = {"b": 3}
    await records.accept("j1", NEW, chunk_size=4)
    await runner.run_one(Lane.PIPELINE)
    late = replace(NEW, deadline=datetime(2020, 1, 1, tzinfo=UTC))
    await records.accept("j2", late, chunk_size=4)
    await runner.run_one(Lane.PIPELINE)

    async def attempts(job_id: str) -> list[int]:
        wanted = FailureFilter(job_id=job_id)
        failures = Failures(jobs_redis)
        return [
            item.attempts
            async for job in failures.jobs(wanted)
            async for some in failures.items(job, wanted)
            for item in some
        ]

    assert await attempts("j1") == [3, 1]
    assert await attempts("j2") == [0, 0, 0, 0]


async def test_a_superfluous_wake_up_changes_nothing(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """Looking ten times at once works through a chunk once; later looks find nothing."""
    await records.accept("j1", NEW, chunk_size=4)

    reported = await asyncio.gather(*(runner.run_one(Lane.PIPELINE) for _ in range(10)))

    assert [count for count in reported if count is not None] == [4]
    assert await runner.run_one(Lane.PIPELINE) is None
    assert set(handler.worked.values()) == {1}


async def test_a_postponed_item_stays_open_and_its_siblings_do_not_run_again(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """NotNow hands the chunk back to rest; the next run works on what is open, and only that."""
    await records.accept("j1", NEW, chunk_size=4)
    handler.not_now = {"b"}

    first = await runner.run_one(Lane.PIPELINE)
    meanwhile = await runner.run_one(Lane.PIPELINE)
    handler.not_now = set()
    second: int | None = None

    async def has_run() -> bool:
        nonlocal second
        second = await runner.run_one(Lane.PIPELINE)
        return second is not None

    await eventually(has_run, "the chunk has rested")
    assert (first, meanwhile, second) == (3, None, 1)
    assert handler.worked == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert (await _job(records)).state is JobState.DONE


async def test_draining_ends_what_runs_and_takes_up_nothing_more(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """After drain running items are reported, and no chunk is taken any more."""
    await records.accept("j1", NEW, chunk_size=2)
    handler.gate.clear()
    runner.wake(Lane.PIPELINE)
    await _running(handler, 2)

    runner.drain()
    runner.wake(Lane.PIPELINE)
    handler.gate.set()
    await runner.aclose()

    assert (await _job(records)).done == 2
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        assert lease.chunk == 1


class Deaf(AcceptingRecords):
    """Does not hear of item 1."""

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store a result, or fail as when Redis goes away."""
        if number == 1:
            raise StoreUnavailable("job report")
        return await super().report(job_id, number, report)


async def test_an_item_that_cannot_be_reported_stays_open_alone(
    jobs_redis: Redis, poison: PoisonTracker, handler: FakeHandler, notifier: FakeNotifier
) -> None:
    """A report that does not get through postpones its item; the siblings go on."""
    deaf = Deaf(jobs_redis, ttl=timedelta(hours=1))
    await deaf.accept("j1", NEW, chunk_size=4)

    runner = ChunkRunner(deaf, poison, {JobKind.ENRICH: handler}, notifier)

    assert await runner.run_one(Lane.PIPELINE) == 3
    assert await open_items(deaf, "j1", 0) == [(1, "b")]


async def _job(records: AcceptingRecords) -> Job:
    job = await records.job("j1")
    assert job is not None
    return job


async def _running(handler: FakeHandler, count: int) -> None:
    async def are_running() -> bool:
        return handler.running >= count

    await eventually(are_running, f"{count} items are being worked on")


async def _done(records: AcceptingRecords, count: int) -> None:
    async def are_done() -> bool:
        return (await _job(records)).done >= count

    await eventually(are_done, f"{count} items have a result")


async def test_each_of_many_wake_ups_is_answered(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """Also after more chunks than the lane may have in flight."""
    for number in range(MAX_ITEMS + 2):
        await records.accept(f"j{number}", replace(NEW, items=(f"item {number}",)), chunk_size=1)

        runner.wake(Lane.PIPELINE)

        async def is_done(number: int = number) -> bool:
            job = await records.job(f"j{number}")
            return job is not None and job.state is JobState.DONE

        await eventually(is_done, "the wake-up was answered")
    await runner.aclose()
    assert handler.worked.total() == MAX_ITEMS + 2


async def test_a_drained_chunk_is_taken_at_once_by_another_worker(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler, poison: PoisonTracker
) -> None:
    """It does not rest: there is nothing wrong with it."""
    await records.accept("j1", NEW, chunk_size=4)
    handler.not_now = {"b"}
    handler.gate.clear()
    work = asyncio.create_task(runner.run_one(Lane.PIPELINE))
    await _running(handler, 4)
    runner.drain()
    handler.gate.set()
    assert await work == 3

    handler.not_now = set()
    other = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, FakeNotifier())

    assert await other.run_one(Lane.PIPELINE) == 1


class Broken(FakeHandler):
    """Meets *error* at the items of `crashes`, and at whatever is asked about them after that."""

    def __init__(self, error: Exception, *, gives_up: bool = True) -> None:
        super().__init__()
        self.error = error
        self.gives_up = gives_up

    async def __call__(self, item: str, context: JobContext) -> Report:
        """Work on *item*."""
        if item in self.crashes:
            self.worked[item] += 1
            raise self.error
        return await super().__call__(item, context)

    async def give_up(self, item: str, context: JobContext, why: GivenUp) -> Report:
        """Say why, or fail with that, too."""
        if not self.gives_up:
            raise self.error
        return await super().give_up(item, context, why)


async def test_a_store_that_is_away_leaves_the_item_open(
    records: AcceptingRecords, poison: PoisonTracker, notifier: FakeNotifier
) -> None:
    """Also where the handler does not say `NotNow`: it is no fault of the item's."""
    handler = Broken(StoreUnavailable("marks"))
    handler.crashes = {"b"}
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier)
    await records.accept("j1", NEW, chunk_size=4)

    assert await runner.run_one(Lane.PIPELINE) == 3

    assert await open_items(records, "j1", 0) == [(1, "b")]
    assert "failed:internal_error" not in (await _job(records)).tally


async def test_an_item_that_cannot_even_be_given_up_harms_no_sibling_and_ends(
    records: AcceptingRecords, poison: PoisonTracker, notifier: FakeNotifier
) -> None:
    """Siblings end under their lease, each once; after bounded attempts it fails."""
    handler = Broken(ZeroDivisionError("ana@example.com"), gives_up=False)
    handler.crashes = {"b"}
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier, attempts=2)
    await records.accept("j1", NEW, chunk_size=4)

    with capture_logs() as logs:
        await _until_done(records, runner)

    tally = (await _job(records)).tally
    assert (tally["done"], tally["failed:internal_error"]) == (4, 1)
    assert handler.worked == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert [line["event"] for line in logs].count("chunk.failed") == 2
    assert "lease.lost" not in [line["event"] for line in logs]


class Mute(AcceptingRecords):
    """Cannot store what is reported of item 1, whatever it is."""

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store a result, or meet an unknown error."""
        if number == 1:
            raise ZeroDivisionError
        return await super().report(job_id, number, report)


async def test_a_chunk_whose_items_cannot_be_reported_is_not_taken_for_ever(
    jobs_redis: Redis, poison: PoisonTracker, notifier: FakeNotifier
) -> None:
    """Its siblings have their results; after bounded attempts its job is set aside, and named."""
    records, handler = Mute(jobs_redis, ttl=timedelta(hours=1)), FakeHandler()
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier, attempts=1)
    await records.accept("j1", NEW, chunk_size=4)

    async def is_set_aside() -> bool:
        await runner.run_one(Lane.PIPELINE)
        return bool(await JobList(jobs_redis).unreadable())

    await eventually(is_set_aside, "its job is set aside")

    assert await runner.run_one(Lane.PIPELINE) is None
    assert handler.worked == {"a": 1, "b": 1, "c": 1, "d": 1}
    with pytest.raises(UnreadableJob):
        await records.job("j1")


class Quick(FakeHandler):
    """Does not keep item b waiting."""

    async def __call__(self, item: str, context: JobContext) -> Report:
        """Work on *item*."""
        return Report({}) if item == "b" else await super().__call__(item, context)


async def test_siblings_of_an_item_that_cannot_be_reported_keep_their_lease(
    jobs_redis: Redis, poison: PoisonTracker, notifier: FakeNotifier
) -> None:
    """The chunk is handed back when all of them have ended, and not while they go on."""
    records, handler = Mute(jobs_redis, ttl=timedelta(hours=1)), Quick()
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier)
    await records.accept("j1", NEW, chunk_size=4)
    handler.gate.clear()
    with capture_logs() as logs:
        work = asyncio.create_task(runner.run_one(Lane.PIPELINE))

        async def has_failed() -> bool:
            return any(line["event"] == "chunk.failed" for line in logs)

        await eventually(has_failed, "an item could not be reported")

    assert handler.running == 3
    assert await jobs_redis.exists("jobs1:j1:claim:0")
    handler.gate.set()
    assert await work == 3


async def _until_done(records: AcceptingRecords, runner: ChunkRunner) -> None:
    async def is_done() -> bool:
        await runner.run_one(Lane.PIPELINE)
        return (await _job(records)).state is JobState.DONE

    await eventually(is_done, "the job is done")

"""Working through chunks: in parallel, in bounds, and again where something was left."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import (
    ChunkRunner,
    Item,
    JobContext,
    JobKind,
    JobRecords,
    JobState,
    NewJob,
    NotNow,
    Report,
)
from orchestrator.jobs.keys import JobKeys
from orchestrator.memo import StoreUnavailable
from tests.support.async_waiting import eventually
from tests.support.results import reported_results

NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d"), "acme", max_cost_micros=9)


class Handler:
    """Answers every item; postpones the items of `not_now`, waits for `gate`."""

    def __init__(self) -> None:
        self.worked: Counter[Item] = Counter()
        self.contexts: set[JobContext] = set()
        self.not_now: set[Item] = set()
        self.crashes: set[Item] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Work on *item*."""
        self.worked[item] += 1
        self.contexts.add(context)
        self.running += 1
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        if item in self.crashes:
            raise ZeroDivisionError
        if item in self.not_now:
            raise NotNow("the moon is full")
        return Report({"item": item}, {"worked": 1})


@pytest.fixture
def handler() -> Handler:
    """Return a handler of companies."""
    return Handler()


@pytest.fixture
def runner(records: JobRecords, handler: Handler) -> ChunkRunner:
    """Return the runner of one process."""
    return ChunkRunner(records, {JobKind.ENRICH: handler}, max_chunks=2)


async def test_a_chunk_is_worked_through(
    records: JobRecords, runner: ChunkRunner, handler: Handler, jobs_redis: Redis
) -> None:
    """Every item gets its result, handlers know the job, and the job is done."""
    await records.accept("j1", NEW, chunk_size=4)

    reported = await runner.run("j1", 0)

    job = await records.job("j1")
    assert job is not None
    assert (reported, job.state, job.tally) == (4, JobState.DONE, {"done": 4, "worked": 4})
    assert handler.contexts == {JobContext("j1", "acme", capped=True, accepted_at=job.accepted_at)}
    assert await reported_results(jobs_redis, job) == [
        (n, {"item": item}) for n, item in enumerate("abcd")
    ]


async def test_chunks_are_taken_up_without_waiting_for_them(
    records: JobRecords, runner: ChunkRunner, handler: Handler
) -> None:
    """No thread waits for items; a chunk waits only while too many others are under way."""
    await records.accept("j1", NEW, chunk_size=1)
    handler.gate.clear()
    await runner.start("j1", 0)
    await runner.start("j1", 1)
    third = asyncio.create_task(runner.start("j1", 2))
    await _running(handler, 2)

    assert not third.done()
    handler.gate.set()
    await third
    await _done(records, 3)
    await runner.aclose()

    assert handler.worked == {"a": 1, "b": 1, "c": 1}
    assert await records.silent_chunks("j1") == [3]


async def test_all_items_of_a_chunk_run_together(
    records: JobRecords, runner: ChunkRunner, handler: Handler
) -> None:
    """Items mostly wait; none waits for another."""
    await records.accept("j1", NEW, chunk_size=4)
    handler.gate.clear()
    run = asyncio.create_task(runner.run("j1", 0))

    await _running(handler, 4)

    handler.gate.set()
    assert await run == 4


async def test_a_chunk_that_crashes_frees_its_place(
    records: JobRecords, runner: ChunkRunner, handler: Handler
) -> None:
    """Whatever becomes of a chunk in the background, the next ones are taken up."""
    await records.accept("j1", NEW, chunk_size=1)
    handler.crashes = {"a", "b"}

    for chunk in range(4):
        await runner.start("j1", chunk)
    await _done(records, 2)
    await runner.aclose()

    assert await records.silent_chunks("j1") == [0, 1]


async def test_a_doorbell_too_many_changes_nothing(
    records: JobRecords, runner: ChunkRunner, handler: Handler
) -> None:
    """Ringing ten times for a chunk works through it once; later rings do nothing."""
    await records.accept("j1", NEW, chunk_size=4)

    reported = await asyncio.gather(*(runner.run("j1", 0) for _ in range(10)))
    late = await runner.run("j1", 0)

    assert sum(reported) == 4
    assert late == await runner.run("unknown", 0) == 0
    assert set(handler.worked.values()) == {1}


async def test_a_postponed_item_stays_open_and_its_siblings_do_not_run_again(
    records: JobRecords, runner: ChunkRunner, handler: Handler
) -> None:
    """NotNow hands the chunk back; the next run works on what is open, and only that."""
    await records.accept("j1", NEW, chunk_size=4)
    handler.not_now = {"b"}

    first = await runner.run("j1", 0)
    silent = await records.silent_chunks("j1")
    handler.not_now = set()
    second = await runner.run("j1", 0)

    job = await records.job("j1")
    assert job is not None
    assert (first, silent, second) == (3, [0], 1)
    assert handler.worked == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert job.state is JobState.DONE


async def test_draining_ends_what_runs_and_takes_up_nothing_more(
    records: JobRecords, runner: ChunkRunner, handler: Handler
) -> None:
    """After drain running items are reported, and no chunk is claimed any more."""
    await records.accept("j1", NEW, chunk_size=2)
    handler.gate.clear()
    running = asyncio.create_task(runner.run("j1", 0))
    await _running(handler, 2)

    runner.drain()
    late = await runner.run("j1", 1)
    handler.gate.set()
    reported = await running

    assert (reported, late) == (2, 0)
    assert await records.silent_chunks("j1") == [1]


async def test_a_dead_workers_chunk_is_finished_by_another(
    records: JobRecords, runner: ChunkRunner, handler: Handler, jobs_redis: Redis
) -> None:
    """When the claim of a killed worker runs out, only items without a result run again."""
    await records.accept("j1", NEW, chunk_size=4)
    await records.report("j1", 0, Report({"item": "a"}))
    await jobs_redis.set(JobKeys("j1").claim(0), "dead", px=300)
    assert await runner.run("j1", 0) == 0

    async def claim_has_run_out() -> bool:
        return not await jobs_redis.exists(JobKeys("j1").claim(0))

    await eventually(claim_has_run_out, "the dead worker's claim has run out")
    reported = await runner.run("j1", 0)

    assert reported == 3
    assert "a" not in handler.worked


class Deaf(JobRecords):
    """Does not hear of item 1."""

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store a result, or fail as when Redis goes away."""
        if number == 1:
            raise StoreUnavailable("job report")
        return await super().report(job_id, number, report)


async def test_an_item_that_cannot_be_reported_stays_open_alone(
    jobs_redis: Redis, handler: Handler
) -> None:
    """A report that does not get through postpones its item; the siblings go on."""
    deaf = Deaf(jobs_redis, ttl=timedelta(hours=1))
    await deaf.accept("j1", NEW, chunk_size=4)

    reported = await ChunkRunner(deaf, {JobKind.ENRICH: handler}).run("j1", 0)

    assert reported == 3
    assert await deaf.open_items("j1", 0) == [(1, "b")]


async def _running(handler: Handler, count: int) -> None:
    async def are_running() -> bool:
        return handler.running >= count

    await eventually(are_running, f"{count} items are being worked on")


async def _done(records: JobRecords, count: int) -> None:
    async def are_done() -> bool:
        job = await records.job("j1")
        return job is not None and job.done >= count

    await eventually(are_done, f"{count} items have a result")

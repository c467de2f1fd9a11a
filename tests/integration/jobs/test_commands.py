"""Pause, resume and cancel: durable, and noticed by the worker that has the job."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import (
    ChunkRunner,
    Command,
    Job,
    JobKind,
    JobState,
    Lane,
    NewJob,
    PoisonTracker,
)
from orchestrator.jobs.stored import JobKeys
from tests.support.async_waiting import eventually
from tests.support.handlers import FakeHandler
from tests.support.job_records import AcceptingRecords
from tests.support.notifier import FakeNotifier
from tests.support.results import reported_results
from tests.support.vanishing import vanish_with_a_chunk

NEW = NewJob(JobKind.ENRICH, ("a", "b", "c", "d"), "acme")
SOON = timedelta(milliseconds=20)


@pytest.fixture
def handler() -> FakeHandler:
    """Return a handler of companies that waits at its gate."""
    handler = FakeHandler()
    handler.gate.clear()
    return handler


@pytest.fixture
def runner(
    records: AcceptingRecords, poison: PoisonTracker, handler: FakeHandler, notifier: FakeNotifier
) -> ChunkRunner:
    """Return the runner of one process, which notices commands soon."""
    handlers = {JobKind.ENRICH: handler}
    return ChunkRunner(records, poison, handlers, notifier, watch_period=SOON)


async def test_a_paused_job_is_not_taken_and_a_resumed_one_is(records: AcceptingRecords) -> None:
    """Nothing begins between the two, and the job is the same as before."""
    await records.accept("j1", NEW, chunk_size=2)
    assert await records.command("j1", Command.PAUSE) is JobState.PAUSED
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is None

    assert await records.command("j1", Command.RESUME) is JobState.RUNNING

    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None


async def test_what_was_in_hand_at_a_pause_is_taken_after_it(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """Items under way end and count; the rest of their chunk goes on when the job does."""
    await records.accept("j1", NEW, chunk_size=2)
    handler.not_now = {"b"}
    work = asyncio.create_task(runner.run_one(Lane.PIPELINE))
    await _running(handler, 2)

    await records.command("j1", Command.PAUSE)
    handler.gate.set()
    await work
    paused = await _job(records)
    handler.not_now = set()
    await records.command("j1", Command.RESUME)

    async def is_done() -> bool:
        await runner.run_one(Lane.PIPELINE)
        return (await _job(records)).state is JobState.DONE

    await eventually(is_done, "the resumed job is done")
    assert (paused.state, paused.done) == (JobState.PAUSED, 1)
    assert handler.worked == {"a": 1, "b": 2, "c": 1, "d": 1}


async def test_a_job_that_nobody_works_on_is_cancelled_at_once(records: AcceptingRecords) -> None:
    """It ends with its tally, and nothing of it is taken again; equal work is new work."""
    await records.accept("j1", NEW, chunk_size=2)

    assert await records.command("j1", Command.CANCEL) is JobState.CANCELLED

    job = await _job(records)
    assert job.finished_at is not None
    assert await records.active() == []
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is None
    assert (await records.accept("j2", NEW, chunk_size=2)).job_id == "j2"


async def test_a_cancel_ends_what_is_in_hand_without_results(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler
) -> None:
    """The worker notices, its items end and know that they were given up, the job is over."""
    await records.accept("j1", NEW, chunk_size=4)
    work = asyncio.create_task(runner.run_one(Lane.PIPELINE))
    await _running(handler, 4)

    assert await records.command("j1", Command.CANCEL) is JobState.CANCELLING
    reported = await work

    job = await _job(records)
    assert reported == 0
    assert (job.state, job.done) == (JobState.CANCELLED, 0)
    assert sorted(handler.cancelled) == [(item, True) for item in "abcd"]
    await runner.aclose()


async def test_a_cancel_does_not_wait_for_a_dead_worker(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """When its claim has run out, the job is cancelled."""
    await records.accept("j1", NEW, chunk_size=4)
    await vanish_with_a_chunk(jobs_redis, lease_ms=50)
    assert await records.command("j1", Command.CANCEL) is JobState.CANCELLING

    async def is_cancelled() -> bool:
        async with records.taken(Lane.PIPELINE) as lease:
            assert lease is None
        return (await _job(records)).state is JobState.CANCELLED

    await eventually(is_cancelled, "the dead worker's claim has run out")


async def test_a_deadline_ends_what_has_not_begun(
    records: AcceptingRecords,
    poison: PoisonTracker,
    handler: FakeHandler,
    notifier: FakeNotifier,
    jobs_redis: Redis,
) -> None:
    """Items that begin too late are dead letters with the code `deadline`, the job expired."""
    deadline = datetime.now(UTC) + timedelta(hours=1)
    now = deadline - timedelta(seconds=1)
    new = NewJob(JobKind.ENRICH, ("a", "b"), "acme", deadline=deadline)
    await records.accept("j1", new, chunk_size=1)
    handler.gate.set()
    handlers = {JobKind.ENRICH: handler}
    runner = ChunkRunner(records, poison, handlers, notifier, clock=lambda: now)
    await runner.run_one(Lane.PIPELINE)

    now = deadline
    await runner.run_one(Lane.PIPELINE)

    job = await _job(records)
    results = [result for _, result in await reported_results(jobs_redis, job)]
    assert job.state is JobState.EXPIRED
    assert job.tally["failed:deadline"] == 1
    assert handler.order == ["a"]
    assert results[1]["code"] == "deadline"


async def _job(records: AcceptingRecords) -> Job:
    job = await records.job("j1")
    assert job is not None
    return job


async def _running(handler: FakeHandler, count: int) -> None:
    async def are_running() -> bool:
        return handler.running >= count

    await eventually(are_running, f"{count} items are being worked on")


async def test_a_chunk_whose_job_is_gone_is_let_go(
    records: AcceptingRecords, runner: ChunkRunner, handler: FakeHandler, jobs_redis: Redis
) -> None:
    """Redis was emptied: what is under way ends without a result, as if it were cancelled."""
    await records.accept("j1", NEW, chunk_size=4)
    work = asyncio.create_task(runner.run_one(Lane.PIPELINE))

    async def are_running() -> bool:
        return handler.running == 4

    await eventually(are_running, "its items are worked on")
    await jobs_redis.delete(JobKeys("j1").record)

    assert await work == 0
    assert sorted(handler.cancelled) == [(item, True) for item in "abcd"]
    assert await runner.run_one(Lane.PIPELINE) is None
    await runner.aclose()

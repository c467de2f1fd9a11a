"""Bytes that no program of ours has written, under every kind of key that jobs have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import (
    Backlog,
    ChunkRunner,
    Command,
    FailureFilter,
    Failures,
    Intake,
    Job,
    JobFilter,
    JobKind,
    JobList,
    JobRecords,
    JobResults,
    JobState,
    Lane,
    NewJob,
    Part,
    PoisonTracker,
    RequestKey,
    Segment,
    UnreadableJob,
)
from orchestrator.jobs.stored import ACTIVE, ALL, FAILURES, UNREADABLE, JobKeys, LaneKeys
from tests.support.async_waiting import eventually
from tests.support.handlers import FakeHandler
from tests.support.job_records import work_digest
from tests.support.notifier import FakeNotifier

from .conftest import TTL

BAD, GOOD = "b" * 32, "a" * 32
LANE = LaneKeys(Lane.PIPELINE)
JOB = JobKeys(BAD)
NEW = NewJob(JobKind.ENRICH, ("a", "crash", "c", "d"), "acme")
KEY = RequestKey("name", TTL)

KEYS = [
    *(JOB.record, JOB.items(0), JOB.items(2), JOB.results, JOB.rows(0), JOB.row_counts),
    *(JOB.finished, JOB.held, JOB.returned, JOB.losses, JOB.begun, JOB.timeline),
    *(JOB.failed("internal_error"), JOB.failed_at, JOB.requeued),
    *(JOB.chunk_lease(0), JOB.chunk_lease(2)),
    *(LANE.held, LANE.tenants, LANE.jobs("acme"), LANE.backlog, LANE.waiting),
    *(ACTIVE, ALL, FAILURES, UNREADABLE, f"jobs1:same:{work_digest(NEW)}", "jobs1:key:name"),
]


async def _write_string(redis: Redis, key: str) -> None:
    await redis.set(key, b"\xff\x00 ana@example.com {", px=TTL)


async def _write_sorted_set(redis: Redis, key: str) -> None:
    await redis.delete(key)
    await redis.zadd(key, {b"\xff:\x00": 1, b"no member": -1, b"": float("inf")})
    await redis.pexpire(key, TTL)


WRITERS = [_write_string, _write_sorted_set]


class World:
    """Jobs of one installation, with a worker."""

    def __init__(self, redis: Redis, poison: PoisonTracker) -> None:
        self.redis = redis
        self.records = JobRecords(redis, ttl=TTL, chunk_lease=timedelta(milliseconds=100))
        self.intake = Intake(redis, ttl=TTL, chunk_items=1)
        self.handler = FakeHandler()
        self.handler.crashes = {"crash"}
        handlers = {JobKind.ENRICH: self.handler}
        self.runner = ChunkRunner(self.records, poison, handlers, FakeNotifier())

    async def accept(self, job_id: str, new: NewJob, key: RequestKey | None = None) -> str:
        """Accept a job with a row map, in chunks of one item."""
        unsealed = self.intake.begin(job_id, new)
        items = range(len(new.items))
        rows = (*new.items, new.items[0])
        segment = Segment(0, (*items, 0), {})
        await unsealed.add_part(Part(rows, segment, new.items))
        return await unsealed.seal(key)

    async def work_until_done(self, job_id: str) -> None:
        """Work on whatever there is until a job is done."""

        async def is_done() -> bool:
            await self.runner.run_one(Lane.PIPELINE)
            job = await self.records.job(job_id)
            return job is not None and job.state is JobState.DONE

        await eventually(is_done, f"{job_id} is done")

    async def read_everything(self) -> list[str]:
        """Read whatever lists, metrics and the doctor read; return the jobs that are listed."""
        await Backlog(self.redis).lanes()
        await Backlog(self.redis).waited(Lane.PIPELINE)
        await self.records.states(await self.records.active())
        jobs = JobList(self.redis)
        await jobs.unreadable()
        wanted = FailureFilter()
        failures = Failures(self.redis)
        async for failed in failures.jobs(wanted):
            async for items in failures.items(failed, wanted):
                async for results in failures.results(failed, items):
                    assert all(result["item"] or result["code"] for _, result in results)
        listed = [job async for _, job in jobs.walk(JobFilter())]
        for job in listed:
            await jobs.timeline(job.job_id)
            if isinstance(job, Job):
                async for page in JobResults(self.redis).pages(job, 0, job.total):
                    assert all(row.result is not None for row in page)
        return [job.job_id for job in listed]


@pytest.fixture
async def world(jobs_redis: Redis, poison: PoisonTracker) -> AsyncIterator[World]:
    """Have a job of which one chunk is done, one is in a dead worker's hands, and two wait."""
    world = World(jobs_redis, poison)
    await world.accept(BAD, NEW, KEY)
    await world.runner.run_one(Lane.PIPELINE)
    await world.runner.run_one(Lane.PIPELINE)
    yield world
    await world.runner.aclose()


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("key", KEYS)
async def test_garbage_under_any_key_stops_no_lane_and_no_list(
    key: str, write: Callable[[Redis, str], Awaitable[None]], world: World
) -> None:
    """Another job of the same lane and tenant is done, and everything can be read."""
    await write(world.redis, key)

    await world.accept(GOOD, NewJob(JobKind.ENRICH, ("x", "y"), "acme"))
    await world.work_until_done(GOOD)

    assert GOOD in await world.read_everything()
    # The same work, under the same key, is accepted, too.
    again = await world.accept(uuid4().hex, NEW, KEY)
    if again not in {BAD, ""}:
        await world.work_until_done(again)
    # Nothing is taken again and again: in the end nothing is left to do.
    await eventually(lambda: _is_idle(world), "all that can be done is done")
    await _cancel(world, BAD)
    # What was written there is no lease.
    await world.redis.delete(JOB.chunk_lease(0), JOB.chunk_lease(2))


async def _is_idle(world: World) -> bool:
    taken = await world.runner.run_one(Lane.PIPELINE)
    held = await world.redis.type(LANE.held) == b"zset" and await world.redis.zcount(
        LANE.held, "-inf", 1e15
    )
    return taken is None and not held


async def _cancel(world: World, job_id: str) -> None:
    try:
        await world.records.command(job_id, Command.CANCEL)
    except UnreadableJob:
        await world.records.discard(job_id)
        assert await world.records.job(job_id) is None
        assert job_id not in await world.read_everything()


FIELDS = [
    *("kind", "tenant", "lane", "origin", "state", "total", "items", "chunks", "next"),
    *("accepted_at_ms", "started_at_ms", "deadline_ms", "max_cost_micros", "n:done", "n:\xff"),
]


@pytest.mark.parametrize(
    "value",
    [b"\xff\x00", b"", b"-1", b"1e400", b"9" * 400, b"253402300800001", b"nan"],
    ids=lambda value: repr(value[:16]),
)
async def test_garbage_in_any_field_of_a_record_stops_no_lane_and_no_list(
    value: bytes, world: World
) -> None:
    """A job is set aside where it cannot be read, and worked on where it can."""
    for number, field in enumerate(FIELDS):
        job_id = f"{number:032x}"
        await world.accept(job_id, NewJob(JobKind.ENRICH, (field, "x"), "acme"))
        await world.redis.hset(JobKeys(job_id).record, field.encode("latin-1"), value)

    await world.accept(GOOD, NewJob(JobKind.ENRICH, ("x", "y"), "acme"))
    await world.work_until_done(GOOD)

    assert len(await world.read_everything()) == len(FIELDS) + 2
    await eventually(lambda: _is_idle(world), "all that can be done is done")
    for number in range(len(FIELDS)):
        await _cancel(world, f"{number:032x}")


async def test_an_unreadable_job_is_one_line_of_the_list_and_known_to_the_doctor(
    world: World,
) -> None:
    """With the field that is wrong; it can be removed, and then it is no more."""
    await world.redis.hset(JOB.record, "deadline_ms", b"-62135650800000")

    assert await world.runner.run_one(Lane.PIPELINE) == 0

    ((_, listed),) = [each async for each in JobList(world.redis).walk(JobFilter())]
    assert isinstance(listed, UnreadableJob)
    assert (listed.job_id, listed.problem) == (BAD, "deadline_ms")
    (found,) = await JobList(world.redis).unreadable()
    assert found.job_id == BAD
    assert await world.runner.run_one(Lane.PIPELINE) is None
    await world.records.discard(BAD)
    assert await JobList(world.redis).unreadable() == []


async def test_a_chunk_whose_items_cannot_be_read_ends_as_failed_items(world: World) -> None:
    """After as many attempts as poison has; the others are worked on, and the job is done."""
    await world.redis.set(JOB.items(2), b"[[2, 5]]", px=TTL)

    await world.work_until_done(BAD)

    job = await world.records.job(BAD)
    assert job is not None
    assert job.tally["done"] == 5
    assert job.tally["failed:internal_error"] == 2  # with the one that crashes
    assert world.handler.worked == {"a": 1, "crash": 1, "d": 1}


async def test_many_reports_of_several_jobs_beside_a_damaged_one(world: World) -> None:
    """Reports that travel together do not fail together."""
    await world.accept(GOOD, NewJob(JobKind.ENRICH, ("x", "y"), "acme"))
    world.handler.gate.clear()
    runs = [asyncio.create_task(world.runner.run_one(Lane.PIPELINE)) for _ in range(4)]

    async def are_running() -> bool:
        return world.handler.running == 4

    await eventually(are_running, "items of both jobs are worked on")
    await _write_string(world.redis, JOB.results)
    world.handler.gate.set()

    assert sorted(await asyncio.gather(*runs), key=str) == [0, 0, 1, 1]
    job = await world.records.job(GOOD)
    assert job is not None
    assert job.state is JobState.DONE

"""What waits in each lane is known at any time, and is what a count of it all would say."""

import asyncio
import random
from datetime import timedelta
from typing import cast
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from orchestrator.infra.redis_client import load_script
from orchestrator.jobs import (
    Backlog,
    Command,
    Job,
    JobKind,
    Lane,
    LaneBacklog,
    NewJob,
    Report,
)
from orchestrator.jobs.stored import ROOT, JobKeys, LaneKeys
from tests.support.async_waiting import eventually
from tests.support.commands import commands, forget_commands
from tests.support.job_records import AcceptingRecords, open_items
from tests.support.vanishing import vanish_with_a_chunk


@pytest.fixture
def backlog(jobs_redis: Redis) -> Backlog:
    """Return what reads it."""
    return Backlog(jobs_redis)


async def pipeline(backlog: Backlog) -> LaneBacklog:
    """Return what waits in the lane `pipeline`."""
    return next(each for each in await backlog.lanes() if each.lane is Lane.PIPELINE)


def new(job_id: str, items: int = 4, tenant: str = "acme", lane: Lane = Lane.PIPELINE) -> NewJob:
    """Return a job of *items* items, which are its own."""
    return NewJob(JobKind.ENRICH, tuple(f"{job_id} {n}" for n in range(items)), tenant, lane=lane)


async def counted(redis: Redis, lane: Lane) -> tuple[int, int]:
    """Return how many chunks of how many jobs no worker holds, counted one by one."""
    waiting = []
    for record in cast("list[bytes]", await redis.keys("jobs1:????????????????????????????????")):
        job_id = record.decode().removeprefix("jobs1:")
        fields = await redis.hmget(record, ["state", "lane", "next", "chunks"])
        state, of_lane, taken, chunks = cast("list[bytes]", fields)
        returned = int(await redis.scard(JobKeys(job_id).returned))
        if of_lane == lane.encode() and state in {b"accepted", b"running"}:
            waiting.append(int(chunks) - int(taken) + returned)
    return sum(waiting), sum(each > 0 for each in waiting)


async def test_what_is_accepted_waits_until_it_is_taken(
    records: AcceptingRecords, backlog: Backlog
) -> None:
    """Each lane for itself; what is taken is in hand, and what is handed back waits again."""
    await records.accept("j1", new("j1"), chunk_size=1)
    await records.accept("j2", new("j2", 3, "other"), chunk_size=2)
    await records.accept("j3", new("j3", 1, lane=Lane.INTERACTIVE), chunk_size=1)

    at_first = await pipeline(backlog)
    async with records.taken(Lane.PIPELINE):
        in_hand = await pipeline(backlog)
    returned = await pipeline(backlog)

    assert (at_first.chunks, at_first.jobs, at_first.held) == (6, 2, 0)
    assert timedelta(0) <= at_first.oldest < timedelta(minutes=1)
    assert (in_hand.chunks, in_hand.held) == (5, 1)
    assert (returned.chunks, returned.held) == (6, 0)
    assert [each.chunks for each in await backlog.lanes()] == [1, 6, 0]


async def test_what_is_paused_cancelled_or_gone_does_not_wait(
    records: AcceptingRecords, backlog: Backlog, jobs_redis: Redis
) -> None:
    """No worker is started for work that none may take."""
    for job_id in ("j1", "j2", "j3"):
        await records.accept(job_id, new(job_id), chunk_size=1)

    await records.command("j1", Command.PAUSE)
    paused = (await pipeline(backlog)).chunks
    await records.command("j1", Command.RESUME)
    resumed = (await pipeline(backlog)).chunks
    await records.command("j1", Command.CANCEL)
    cancelled = (await pipeline(backlog)).chunks
    await jobs_redis.delete(JobKeys("j2").record)
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        assert lease.job_id == "j3"
    left = await pipeline(backlog)

    assert (paused, resumed, cancelled) == (8, 12, 8)
    assert (left.chunks, left.jobs) == (4, 1)


async def test_a_chunk_whose_worker_has_vanished_waits_again(
    records: AcceptingRecords, backlog: Backlog, jobs_redis: Redis
) -> None:
    """As soon as the backlog is read."""
    await records.accept("j1", new("j1", 1), chunk_size=1)
    await vanish_with_a_chunk(jobs_redis)
    assert (await pipeline(backlog)).chunks == 0

    async def is_taken() -> bool:
        async with records.taken(Lane.PIPELINE) as lease:
            return lease is not None

    await eventually(is_taken, "the chunk is found")
    assert (await pipeline(backlog)).chunks == 1


async def test_a_chunk_that_was_handed_back_and_finished_late_does_not_wait(
    records: AcceptingRecords, backlog: Backlog, jobs_redis: Redis
) -> None:
    """Its worker was taken for dead, and has still done it."""
    await records.accept("j1", new("j1", 2), chunk_size=1)
    for _ in range(2):
        # Long enough for both to be taken before one is missed.
        await vanish_with_a_chunk(jobs_redis, lease_ms=500)
    finish = load_script(jobs_redis, "orchestrator.jobs", "job", "finish")
    seen: list[int] = []

    async def is_finished_late() -> bool:
        async with records.taken(Lane.PIPELINE) as lease:
            if lease is None or not await jobs_redis.scard(JobKeys("j1").returned):
                return False
            late = 1 - lease.chunk
            seen.append((await pipeline(backlog)).chunks)
            await finish(keys=[ROOT], args=[3_600_000, "j1", late, "vanished", 1, 0])
            seen.append((await pipeline(backlog)).chunks)
            return True

    await eventually(is_finished_late, "both chunks are handed back, and one is taken")
    assert seen == [1, 0]


async def test_the_count_is_right_after_whatever_happens(
    records: AcceptingRecords, backlog: Backlog, jobs_redis: Redis
) -> None:
    """Many workers and people at once, in a random order: nothing is counted twice or lost."""
    dice = random.Random(7)  # noqa: S311 - no secret
    ids = [f"{n:032x}" for n in range(12)]
    await asyncio.gather(
        *(records.accept(each, new(each, 6, f"t{each[-1]}"), chunk_size=1) for each in ids)
    )

    async def work() -> None:
        for _ in range(8):
            async with records.taken(Lane.PIPELINE) as lease:
                if lease is not None and dice.random() < 0.6:
                    for number, _ in await open_items(records, lease.job_id, lease.chunk):
                        await records.report(lease.job_id, number, Report({}))
                    lease.done = True
                elif lease is not None and dice.random() < 0.5:
                    lease.rest = timedelta(milliseconds=1)

    async def meddle() -> None:
        for _ in range(20):
            wanted = dice.choice([Command.PAUSE, Command.RESUME, Command.RESUME])
            await records.command(dice.choice(ids), wanted)
        await records.command(dice.choice(ids), Command.CANCEL)

    await asyncio.gather(*(work() for _ in range(6)), *(meddle() for _ in range(2)))
    paused = ids[::2]
    await asyncio.gather(*(records.command(each, Command.RESUME) for each in ids))
    await asyncio.gather(*(records.command(each, Command.PAUSE) for each in paused))
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        now = await pipeline(backlog)
        expected = await counted(jobs_redis, Lane.PIPELINE)

    assert (now.chunks, now.jobs) == expected
    assert now.chunks


async def test_reading_it_takes_as_much_however_much_waits(
    records: AcceptingRecords, backlog: Backlog, jobs_redis: Redis
) -> None:
    """A few commands for each lane, and none that looks through anything."""
    costs = []
    for jobs in (1, 40):
        for n in range(jobs):
            await records.accept(f"{jobs} {n}", new(f"{jobs} {n}"), chunk_size=1)
        await forget_commands(jobs_redis)
        await backlog.lanes()
        costs.append([await commands(jobs_redis, name) for name in ("hget", "zcard", "zrange")])

    assert costs == [[3, 6, 3]] * 2
    assert await jobs_redis.exists(LaneKeys(Lane.PIPELINE).backlog)


async def _accept(records: AcceptingRecords, tenant: str) -> Job:
    new = NewJob(JobKind.ENRICH, (f"{tenant} one", f"{tenant} two"), tenant, lane=Lane.PIPELINE)
    return await records.accept(uuid4().hex, new, chunk_size=1)


async def test_in_an_empty_lane_nobody_has_waited(backlog: Backlog) -> None:
    """That is not the same as waiting for no time."""
    assert await backlog.waited(Lane.PIPELINE) is None


async def test_tenants_are_in_line_until_all_their_work_is_in_hand(
    records: AcceptingRecords, backlog: Backlog
) -> None:
    """All of them; the other lanes have lines of their own."""
    for tenant in ("a", "b"):
        await _accept(records, tenant)

    async with records.taken(Lane.PIPELINE), records.taken(Lane.PIPELINE):
        half = await backlog.waited(Lane.PIPELINE)
        async with records.taken(Lane.PIPELINE), records.taken(Lane.PIPELINE):
            assert await records.taken(Lane.PIPELINE).__aenter__() is None
            full = await backlog.waited(Lane.PIPELINE)

    assert half is not None
    assert full is None
    assert await backlog.waited(Lane.REFRESH) is None


async def test_waiting_is_counted_from_the_last_turn(
    records: AcceptingRecords, backlog: Backlog
) -> None:
    """The next one has waited longest; a turn begins it anew."""
    await _accept(records, "a")
    long = timedelta(milliseconds=100)

    async def has_waited() -> bool:
        waited = await backlog.waited(Lane.PIPELINE)
        return waited is not None and waited > long

    await eventually(has_waited, "it has waited")
    before = await backlog.waited(Lane.PIPELINE)
    async with records.taken(Lane.PIPELINE):
        after = await backlog.waited(Lane.PIPELINE)

    assert before is not None
    assert after is not None
    assert after < before

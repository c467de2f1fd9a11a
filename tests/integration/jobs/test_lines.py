"""What people are told of the lanes."""

from datetime import timedelta
from uuid import uuid4

from redis.asyncio import Redis

from orchestrator.jobs import Job, JobKind, JobRecords, Lane, Line, Lines, NewJob
from tests.support.async_waiting import eventually


async def _accept(records: JobRecords, tenant: str) -> Job:
    new = NewJob(JobKind.ENRICH, (f"{tenant} one", f"{tenant} two"), tenant, lane=Lane.PIPELINE)
    return await records.accept(uuid4().hex, new, chunk_size=1)


async def test_an_empty_lane_has_no_line(jobs_redis: Redis) -> None:
    """Nobody has waited."""
    assert await Lines(jobs_redis).of(Lane.PIPELINE) == Line(0, None, 0)


async def test_jobs_are_in_line_until_all_their_work_is_in_hand(
    records: JobRecords, jobs_redis: Redis
) -> None:
    """Of every tenant; the other lanes have lines of their own."""
    lines = Lines(jobs_redis)
    for tenant in ("a", "b"):
        await _accept(records, tenant)

    async with records.taken(Lane.PIPELINE), records.taken(Lane.PIPELINE):
        half = await lines.of(Lane.PIPELINE)
        async with records.taken(Lane.PIPELINE), records.taken(Lane.PIPELINE):
            assert await records.taken(Lane.PIPELINE).__aenter__() is None
            full = await lines.of(Lane.PIPELINE)

    assert (half.jobs, half.in_hand) == (2, 2)
    assert (full.jobs, full.waited, full.in_hand) == (0, None, 4)
    assert await lines.of(Lane.REFRESH) == Line(0, None, 0)


async def test_waiting_is_counted_from_the_last_turn(
    records: JobRecords, jobs_redis: Redis
) -> None:
    """Whoever is next has waited longest; a turn begins it anew."""
    lines = Lines(jobs_redis)
    await _accept(records, "a")
    long = timedelta(milliseconds=100)

    async def has_waited() -> bool:
        waited = (await lines.of(Lane.PIPELINE)).waited
        return waited is not None and waited > long

    await eventually(has_waited, "it has waited")
    before = (await lines.of(Lane.PIPELINE)).waited
    async with records.taken(Lane.PIPELINE):
        after = (await lines.of(Lane.PIPELINE)).waited

    assert before is not None
    assert after is not None
    assert after < before

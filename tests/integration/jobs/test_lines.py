"""What people are told of the lanes."""

from datetime import timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from orchestrator.jobs import Backlog, Job, JobKind, Lane, NewJob
from tests.support.async_waiting import eventually
from tests.support.job_records import AcceptingRecords


@pytest.fixture
def backlog(jobs_redis: Redis) -> Backlog:
    """Return what reads the backlog."""
    return Backlog(jobs_redis)


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

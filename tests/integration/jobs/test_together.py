"""What many items and many leases ask of Redis at the same time travels together."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from redis.asyncio import Redis

from orchestrator.jobs import JobKind, JobRecords, NewJob, Report
from orchestrator.lease import Renewal
from tests.support.async_waiting import eventually

MANY = 200
#: What the test itself and one batch after the other take of the connections.
FEW = 3


async def _connections(redis: Redis) -> int:
    return int((await redis.info("clients"))["connected_clients"])


async def test_results_that_come_together_share_a_connection(
    records: JobRecords, jobs_redis: Redis
) -> None:
    """Each is stored and counted once, also where the server has forgotten the script."""
    new = NewJob(JobKind.ENRICH, tuple(map(str, range(MANY))), "acme")
    await records.accept("j1", new, chunk_size=MANY)
    await jobs_redis.script_flush()

    twice = [*range(MANY), *range(MANY)]
    counted = await asyncio.gather(*(records.report("j1", n, Report({"n": n})) for n in twice))

    job = await records.job("j1")
    assert job is not None
    assert job.done == MANY
    assert counted == [True] * MANY + [False] * MANY
    assert await _connections(jobs_redis) <= FEW


async def test_leases_are_renewed_over_one_connection(jobs_redis: Redis) -> None:
    """However many a process holds, they are kept, and leave the connections to others."""
    lease = timedelta(milliseconds=300)
    renewal = Renewal(jobs_redis, lease)
    keys = [f"lease:{n}" for n in range(MANY)]
    async with AsyncExitStack() as stack:
        for key in keys:
            await jobs_redis.set(key, "token", px=lease)
            await stack.enter_async_context(renewal.keeping(key, "token"))
        began = await jobs_redis.pexpiretime(keys[0])

        async def is_renewed() -> bool:
            return int(await jobs_redis.pexpiretime(keys[0])) > began + 300

        await eventually(is_renewed, "the leases are renewed")
        assert await jobs_redis.exists(*keys) == MANY
        assert await _connections(jobs_redis) <= FEW

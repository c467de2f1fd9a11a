"""What many items and many leases ask of Redis at the same time travels together."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from redis.asyncio import Redis

from orchestrator.infra.lease import Renewal
from orchestrator.jobs import JobKind, NewJob, Report
from tests.support.async_waiting import eventually
from tests.support.job_records import AcceptingRecords

MANY = 200
#: Far longer than a busy machine lets a process stand still: then a lease lapses, as it should.
LEASE = timedelta(seconds=3)
LEASE_MS = LEASE // timedelta(milliseconds=1)
#: What the test itself and one batch after the other take of the connections.
FEW = 3


async def _connections(redis: Redis, since: int) -> int:
    """Count those from *since* on: the server may not have noticed yet that older ones ended."""
    return sum(int(client["id"]) >= since for client in await redis.client_list())


async def test_results_that_come_together_share_a_connection(
    records: AcceptingRecords, jobs_redis: Redis
) -> None:
    """Each is stored and counted once, also where the server has forgotten the script."""
    first = int(await jobs_redis.client_id())
    new = NewJob(JobKind.ENRICH, tuple(map(str, range(MANY))), "acme")
    await records.accept("j1", new, chunk_size=MANY)
    await jobs_redis.script_flush()

    twice = [*range(MANY), *range(MANY)]
    counted = await asyncio.gather(*(records.report("j1", n, Report({"n": n})) for n in twice))

    job = await records.job("j1")
    assert job is not None
    assert job.done == MANY
    assert counted == [True] * MANY + [False] * MANY
    assert await _connections(jobs_redis, first) <= FEW


async def test_leases_are_renewed_over_one_connection(jobs_redis: Redis) -> None:
    """However many a process holds, they are kept, and leave the connections to others."""
    first = int(await jobs_redis.client_id())
    renewal = Renewal(jobs_redis, LEASE)
    keys = [f"lease:{n}" for n in range(MANY)]
    await jobs_redis.mset(dict.fromkeys(keys, "token"))

    async def are_renewed() -> bool:
        pipe = jobs_redis.pipeline(transaction=False)
        for key in keys:
            pipe.pttl(key)
        return all(0 < left_ms <= LEASE_MS for left_ms in await pipe.execute())

    async with AsyncExitStack() as stack:
        for key in keys:
            await stack.enter_async_context(renewal.keeping(key, "token"))
        assert not await are_renewed()

        await eventually(are_renewed, "all leases are renewed")
        assert await _connections(jobs_redis, first) <= FEW

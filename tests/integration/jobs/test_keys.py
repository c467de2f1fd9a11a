"""The scripts build the keys that `stored.py` names, and no others."""

from dataclasses import replace
from typing import cast

from redis.asyncio import Redis

from orchestrator.jobs import (
    Command,
    Intake,
    JobKind,
    JobRecords,
    Lane,
    NewJob,
    Numbers,
    PoisonTracker,
    Report,
    RequestKey,
)
from orchestrator.jobs.stored import ACTIVE, ALL, FAILURES, ROOT, JobKeys, LaneKeys
from tests.support.async_waiting import eventually
from tests.support.job_records import work_digest
from tests.support.vanishing import vanish_with_a_chunk

from .conftest import TTL

NEW = NewJob(JobKind.ENRICH, ("a", "b", "c"), "acme")


async def test_scripts_and_keys_py_agree(
    records: JobRecords, poison: PoisonTracker, jobs_redis: Redis
) -> None:
    """A job that has met everything has left no key that is not named there."""
    unsealed = Intake(jobs_redis, ttl=TTL, chunk_items=1).begin("j1", NEW)
    await unsealed.add(NEW.items)
    await unsealed.seal(RequestKey("name", TTL))
    async with records.taken(Lane.PIPELINE) as lease:
        assert lease is not None
        await records.report("j1", 0, Report({}, failure="poison"))
        lease.done = True
    again = Intake(jobs_redis, ttl=TTL, chunk_items=1).begin("j0", replace(NEW, parent="j1"))
    failed_items = Numbers()
    failed_items.add([0])
    await again.seal(failed_items=failed_items)
    async with records.taken(Lane.PIPELINE):
        pass
    await poison.begin("j1", 1)
    await vanish_with_a_chunk(jobs_redis)

    async def is_lost() -> bool:
        async with records.taken(Lane.PIPELINE):
            return bool(await jobs_redis.exists(JobKeys("j1").losses))

    await eventually(is_lost, "the lost worker was noticed")
    await vanish_with_a_chunk(jobs_redis, lease_ms=60_000)
    await records.command("j1", Command.PAUSE)
    await records.command("j1", Command.RESUME)

    job, lane = JobKeys("j1"), LaneKeys(Lane.PIPELINE)
    named = {
        *(ACTIVE, ALL, FAILURES, f"{ROOT}same:{work_digest(NEW)}", f"{ROOT}key:name"),
        *(job.record, job.results, job.finished, job.held, job.returned, job.losses),
        *(job.begun, job.timeline, job.failed("poison"), job.failed_at, job.requeued),
        *(JobKeys("j0").record, JobKeys("j0").timeline),
        *(lane.held, lane.tenants, lane.backlog, lane.waiting),
        *(lane.jobs("acme"), *map(job.items, range(3)), *map(job.chunk_lease, range(3))),
    }
    found = {key.decode() for key in cast("list[bytes]", await jobs_redis.keys())}
    assert found <= named
    assert named - found <= {*map(job.chunk_lease, range(3)), job.returned, job.losses}
    await jobs_redis.delete(*map(job.chunk_lease, range(3)))

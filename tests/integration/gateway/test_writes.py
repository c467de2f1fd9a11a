"""The writer's side of the fence while Redis is silent, and its repair."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from orchestrator.database import open_engine, reading
from orchestrator.database.schema import cache_outbox
from orchestrator.embedded.stack import Valkey
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites, Repairs
from orchestrator.gateway import LeadFields, Records
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from orchestrator.leads import LeadStore
from tests.support.cases import lead
from tests.support.database import migrated_file
from tests.support.valkey import running_valkey, standing_still


async def test_a_write_that_redis_was_not_told_of_is_deferred_and_repaired(tmp_path: Path) -> None:
    """It is committed and read from the database; its old copy goes when Redis is back."""
    with running_valkey(tmp_path / "valkey") as server:
        await _defer_and_repair(server, migrated_file(tmp_path))


async def _defer_and_repair(server: Valkey, database: str) -> None:
    engine, redis = open_engine(database), open_redis(f"{server.url}/0")
    fence = Fence(redis, ttl=timedelta(hours=1))
    records = Records(engine, fence, FencedWrites(engine, fence, utc_now), utc_now)
    repairs = Repairs(engine, fence, lambda: utc_now() + timedelta(minutes=1))
    await LeadStore(engine, utc_now).import_leads([lead(1)])
    await records.lead(lead(1).id)
    assert (await records.lead(lead(1).id)).age_s is not None

    with standing_still(server):
        written = await records.change_lead(lead(1).id, LeadFields({"notes": "x"}), None)
        meanwhile = await records.lead(lead(1).id)

    count = select(func.count()).select_from(cache_outbox)
    async with reading(engine, "count") as connection:
        assert (await connection.execute(count)).scalar_one() == 1
    assert written.deferred
    assert (meanwhile.version, meanwhile.age_s, meanwhile.stored) == (2, None, False)
    assert await repairs.repair() == 1
    assert await repairs.repair() == 0
    assert (await records.lead(lead(1).id)).version == 2
    again = await records.change_lead(lead(1).id, LeadFields({"notes": "y"}), frozenset({2}))
    assert not again.deferred
    async with reading(engine, "count") as connection:
        assert (await connection.execute(count)).scalar_one() == 0
    await redis.aclose()
    await engine.dispose()

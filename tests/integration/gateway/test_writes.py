"""The writer's side of the fence while Redis is silent, and its repair."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, insert, select, text, update

from orchestrator.database import DatabaseUnavailable, open_engine, reading, writing
from orchestrator.database.engine import LOCK_TIMEOUT_S
from orchestrator.database.schema import cache_outbox, leads
from orchestrator.embedded.stack import Valkey
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites, Repairs
from orchestrator.gateway import Records
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from orchestrator.leads import LeadStore
from tests.support.cases import lead
from tests.support.database import migrated_database, migrated_file
from tests.support.postgres import PostgresServer
from tests.support.valkey import running_valkey, standing_still


class Noting(Fence):
    """Opens keys by writing down for which write."""

    def __init__(self, opened: list[str]) -> None:
        super().__init__(Redis(), ttl=timedelta(hours=1))
        self._opened = opened

    async def open(self, versions: Mapping[str, int], token: str) -> bool:
        """Note *token*."""
        del versions
        self._opened.append(token)
        return True


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
        written = await records.change_lead(lead(1).id, {"notes": "x"}, None)
        meanwhile = await records.lead(lead(1).id)

    count = select(func.count()).select_from(cache_outbox)
    async with reading(engine, "count") as connection:
        assert (await connection.execute(count)).scalar_one() == 1
    assert written.deferred
    assert (meanwhile.version, meanwhile.age_s, meanwhile.stored) == (2, None, False)
    assert await repairs.repair() == 1
    assert await repairs.repair() == 0
    assert (await records.lead(lead(1).id)).version == 2
    again = await records.change_lead(lead(1).id, {"notes": "y"}, frozenset({2}))
    assert not again.deferred
    async with reading(engine, "count") as connection:
        assert (await connection.execute(count)).scalar_one() == 0
    await redis.aclose()
    await engine.dispose()


async def test_processes_that_repair_do_not_wait_for_each_other(postgres: PostgresServer) -> None:
    """What another one has claimed is passed over, and left alone until it had its time."""
    url = migrated_database(postgres)
    engine = open_engine(url)
    row = {"versions": {"lead:1": 2}, "due_at": utc_now()}
    async with writing(engine, "leave writes uncompleted") as connection:
        rows = [{**row, "token": token} for token in ("a", "b")]
        await connection.execute(insert(cache_outbox), rows)
    opened: list[str] = []

    async with writing(engine, "claim one") as other:
        claimed = select(cache_outbox).where(cache_outbox.c.token == "a").with_for_update()
        await other.execute(claimed)
        await Repairs(engine, Noting(opened), utc_now).repair()

    assert opened == ["b"]
    await engine.dispose()


async def test_a_lock_is_waited_for_in_bounded_time(postgres: PostgresServer) -> None:
    """A transaction that is stuck does not take the connections of all who wait for it."""
    url = migrated_database(postgres)
    await LeadStore(engine := open_engine(url), utc_now).import_leads([lead(1)])
    impatient = open_engine(f"{url}&options=-c%20lock_timeout%3D50ms")
    change = update(leads).values(notes="x")

    async with writing(engine, "change a lead") as connection:
        await connection.execute(change)
        assert await connection.scalar(text("SHOW lock_timeout")) == f"{LOCK_TIMEOUT_S}s"
        with pytest.raises(DatabaseUnavailable, match="could not change it, too"):
            async with writing(impatient, "change it, too") as waiting:
                await waiting.execute(change)

    await engine.dispose()
    await impatient.dispose()

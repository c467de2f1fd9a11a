"""What the cache has answered, compared with the database while the system runs."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import update
from structlog.testing import capture_logs

import orchestrator.gateway.records
from orchestrator.database import open_engine, writing
from orchestrator.database.schema import leads
from orchestrator.embedded.stack import Valkey
from orchestrator.fence import Fence
from orchestrator.fence.writes import FencedWrites
from orchestrator.gateway import COMPARED, DIVERGED, Comparison, Records
from orchestrator.infra.clock import utc_now
from orchestrator.infra.counters import Counters
from orchestrator.leads import LeadStore
from tests.support.cases import lead
from tests.support.valkey import client_of, empty

LEAD = lead(1)


class Gateway:
    """Reads and writes, with all reads from the cache compared."""

    def __init__(self, redis: Redis, database: str) -> None:
        self.engine = open_engine(database)
        fence = Fence(redis, ttl=timedelta(hours=1))
        writes = FencedWrites(self.engine, fence, utc_now)
        self.records = Records(self.engine, fence, writes, utc_now)
        self.counters = Counters(redis, flush_after=timedelta(0))
        self.comparison = Comparison(self.records, self.counters)

    async def read_twice(self) -> None:
        """Read the lead; the second time from the cache, so that it is compared."""
        await self.records.lead(LEAD.id)
        assert (await self.records.lead(LEAD.id)).age_s is not None


@pytest.fixture
async def gateway(
    shared_valkey: Valkey, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    """Return a gateway that has one lead."""
    monkeypatch.setattr(orchestrator.gateway.records, "SAMPLED_SHARE", 1.0)
    await empty(shared_valkey)
    async with client_of(shared_valkey, 0) as redis:
        gateway = Gateway(redis, database_url)
        await LeadStore(gateway.engine, utc_now).import_leads([LEAD])
        yield gateway
        await gateway.engine.dispose()


async def test_what_the_gateway_caches_does_not_diverge(gateway: Gateway) -> None:
    """A write between the read and its comparison is none; each read is compared once."""
    await gateway.read_twice()
    await gateway.comparison.compare()
    await gateway.read_twice()
    await gateway.records.change_lead(LEAD.id, {"notes": "x"}, None)
    await gateway.comparison.compare()

    await gateway.counters.aclose()
    assert await gateway.counters.read(1) == {COMPARED: 1}


async def test_a_change_past_the_gateway_is_found_and_its_copy_dropped(gateway: Gateway) -> None:
    """Counted, and logged with versions, but without the lead's id."""
    await gateway.read_twice()
    async with writing(gateway.engine, "change a lead by hand") as connection:
        await connection.execute(update(leads).values(version=7, notes="by hand"))

    with capture_logs() as logs:
        await gateway.comparison.compare()

    (line,) = (line for line in logs if line["event"] == "cache.diverged")
    assert (line["kind"], line["cached"], line["stored"]) == ("lead", 1, 7)
    assert str(LEAD.id) not in repr(logs)
    assert (await gateway.records.lead(LEAD.id)).version == 7
    await gateway.counters.aclose()
    assert await gateway.counters.read(1) == {COMPARED: 1, DIVERGED: 1}

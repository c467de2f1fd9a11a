"""What lookups tell the servings: who was served by a purchase, and at which price."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now
from orchestrator.infra.counters import Counters
from orchestrator.memo import Flight, Loaded, Memo
from orchestrator.purchasing import (
    BillingContext,
    Enricher,
    EnrichmentFailures,
    Purchaser,
    Reuse,
    ReuseStatistics,
)
from orchestrator.purchasing.intents import PurchaseRequest
from tests.support.database import migrated_file

BILLING = BillingContext(None, "default")


class FakePurchaser(Purchaser):
    """Sells at once."""

    def __init__(self) -> None:
        """Needs no seller."""

    async def buy(self, flight: Flight, request: PurchaseRequest) -> Loaded:
        """Return an answer for 46,500 micro-dollars under the company's key."""
        await asyncio.sleep(0.01)
        payload = {"answer": {}, "purchase_id": request.company_key, "cost_micros": 46_500}
        return Loaded("not_found", payload, timedelta(hours=2), flight.now_ms())


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated SQLite file."""
    engine = open_engine(migrated_file(tmp_path))
    yield engine
    await engine.dispose()


async def test_all_but_the_buyer_are_served(
    memo_redis: Redis, jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Of ten callers at once nine waited; the one who comes later finds it."""
    second = timedelta(seconds=1)
    memo = Memo(memo_redis, failures=EnrichmentFailures(second, second))
    counters, servings = Counters(jobs_redis), ReuseStatistics(engine)
    enricher = Enricher(memo, FakePurchaser(), counters, servings, CompanyIndex(engine, utc_now))

    await asyncio.gather(*(enricher.enrich("Acme", BILLING) for _ in range(10)))
    await enricher.enrich("Acme S.A.", BILLING)
    await enricher.enrich("Globex", BILLING)
    for part in (memo, counters, servings):
        await part.aclose()

    assert await servings.of(["acme", "globex"]) == [
        Reuse("acme", "coalesced", 9, 9 * 46_500),
        Reuse("acme", "hit", 1, 46_500),
    ]

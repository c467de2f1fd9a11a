"""The pipeline's own lookups in the hit rate of SurfSense results."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.cache import HitRate, Kind, hit_rates
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.counters import Counters
from orchestrator.memo import Flight, Loaded, Memo
from orchestrator.purchasing import (
    BillingContext,
    Enricher,
    EnrichmentFailures,
    Purchaser,
    ReuseStatistics,
)
from orchestrator.purchasing.intents import PurchaseRequest
from orchestrator.surfsense import ServiceUnavailable
from tests.support.companies import open_index

BILLING = BillingContext(job_id=None, tenant="default")


class FakePurchaser(Purchaser):
    """Sells at once and for nothing; fails where a test asks for it."""

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails

    async def buy(self, flight: Flight, request: PurchaseRequest) -> Loaded:
        """Return an answer, or fail like a service that is down."""
        await asyncio.sleep(0.01)
        if self._fails:
            raise ServiceUnavailable(request.company, "down")
        return Loaded("found", {"answer": {}}, timedelta(hours=2), flight.now_ms())


class NoServings(ReuseStatistics):
    """Counts nothing: these lookups are about hit rates."""

    def __init__(self) -> None:
        """Need no database."""

    def add(self, purchase_id: str, source: str, price_micros: int, n: int = 1) -> None:
        """Forget it."""


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[CompanyIndex]:
    """Return an index that knows nothing."""
    async with open_index(tmp_path) as index:
        yield index


async def rate_after(
    purchaser: Purchaser, memo_db: Redis, counters_db: Redis, index: CompanyIndex
) -> list[HitRate]:
    """Look the same company up by ten callers at once and once more; return the rates."""
    second = timedelta(seconds=1)
    memo = Memo(memo_db, failures=EnrichmentFailures(second, second))
    counters = Counters(counters_db)
    enricher = Enricher(memo, purchaser, counters, NoServings(), index)
    callers = (enricher.enrich("Acme", BILLING) for _ in range(10))
    await asyncio.gather(*callers, return_exceptions=True)
    await asyncio.gather(enricher.enrich("Acme S.A.", BILLING), return_exceptions=True)
    await memo.aclose()
    await counters.aclose()
    return hit_rates(await counters.read(days=1))


async def test_only_the_lookup_that_goes_to_surfsense_is_a_miss(
    memo_db: Redis, counters_db: Redis, index: CompanyIndex
) -> None:
    """Callers that wait for another caller's purchase are served by the memo: hits."""
    rates = await rate_after(FakePurchaser(), memo_db, counters_db, index)

    assert rates == [HitRate(Kind.SURFSENSE, hits=10, lookups=11)]


async def test_a_failed_purchase_is_a_miss_and_its_followers_are_nothing(
    memo_db: Redis, counters_db: Redis, index: CompanyIndex
) -> None:
    """A service that is down does not look like a cache that works."""
    rates = await rate_after(FakePurchaser(fails=True), memo_db, counters_db, index)

    assert rates == [HitRate(Kind.SURFSENSE, hits=0, lookups=1)]

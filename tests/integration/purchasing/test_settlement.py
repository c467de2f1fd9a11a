"""What an attempt holds in the budget, from its reservation to its settlement."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing import (
    BillingContext,
    Books,
    Budget,
    Caps,
    EvidenceArchive,
    Freshness,
    Ledger,
    PurchaseOutcome,
    RefreshRefused,
)
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.purchasing.ledger import UNSETTLED
from orchestrator.surfsense import Seller
from tests.support.books import total_spent

PRICE = 100


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated database."""
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


def _record(purchase_id: str, *, refresh: bool = False) -> PurchaseRecord:
    billing = BillingContext("job-1", "north", capped=True, refresh=refresh)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return PurchaseRecord(
        Stage.INTENT, purchase_id, 1, now_ms, PurchaseRequest("Acme", "acme", billing)
    )


def _books(budget: Budget, ledger: Ledger, engine: AsyncEngine) -> Books:
    hour = timedelta(hours=1)
    seller = cast("Seller", SimpleNamespace(price_micros=PRICE, protocol="enrich"))
    return Books(seller, budget, ledger, EvidenceArchive(engine), freshness=Freshness(hour, hour))


def _bought(record: PurchaseRecord, cost_micros: int) -> PurchaseRecord:
    entry = record.entry(
        PurchaseOutcome.FOUND,
        cost_micros,
        estimated=False,
        protocol="enrich",
        settled_at=utc_now(),
    )
    return replace(record, ledger_entry=entry)


async def _used(budget: Budget, record: PurchaseRecord) -> set[tuple[int, int]]:
    states = [await budget.account(name) for name in record.accounts]
    return {(state.spent_micros, state.held_micros) for state in states}


async def test_a_page_is_held_then_given_back_or_settled(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """In every account alike: its run, its tenant, its day, the installation."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps())
    books = _books(budget, ledger, engine)
    voided, bought = _record("p1"), _record("p2")

    await books.reserve(voided)
    await books.reserve(bought)
    held = await _used(budget, bought)
    await books.release(voided)
    bought = _bought(bought, 60)
    for _ in range(2):
        await books.settle(bought)

    assert held == {(0, 2 * PRICE)}
    assert await _used(budget, bought) == {(60, 0)}


async def test_a_refresh_stops_at_the_soft_cap(jobs_redis: Redis, engine: AsyncEngine) -> None:
    """Refreshes are refused first; lookups that a caller waits for are still bought."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps(tenant_micros=PRICE, soft_share=0.5))
    books = _books(budget, ledger, engine)

    with pytest.raises(RefreshRefused, match="tenant:north"):
        await books.reserve(_record("p1", refresh=True))
    await books.reserve(_record("p2"))

    assert await _used(budget, _record("p2")) == {(0, PRICE)}


async def test_refreshes_have_a_cap_of_their_own_for_a_day(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Up to it, and no further; lookups of callers are not held against it."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps(refresh_day_micros=PRICE))
    books = _books(budget, ledger, engine)

    await books.reserve(_record("p1", refresh=True))
    with pytest.raises(RefreshRefused, match="refresh:"):
        await books.reserve(_record("p2", refresh=True))
    await books.reserve(_record("p3"))


async def test_a_refresh_cap_counts_refreshes_of_the_ledger_alone(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Redis may forget: the account opens again with what refreshes have cost, and no more."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps(refresh_day_micros=PRICE))
    books = _books(budget, ledger, engine)
    for record, price in ((_record("p1", refresh=True), 1), (_record("p2"), PRICE)):
        await books.reserve(record)
        await books.settle(_bought(record, price))
    await jobs_redis.flushdb()

    with pytest.raises(RefreshRefused, match="refresh:"):
        await books.reserve(_record("p3", refresh=True))
    (account,) = {name for name in _record("p4", refresh=True).accounts if "refresh:" in name}
    assert (await budget.account(account)).spent_micros == 1


async def test_a_settlement_cut_off_after_the_ledger_is_counted_once_when_repeated(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Even where Redis has lost the account since, and another purchase has opened it again."""
    clock = [utc_now()]
    ledger = Ledger(engine, lambda: clock[0])
    budget = Budget(jobs_redis, ledger, Caps())
    books = _books(budget, ledger, engine)
    record = _bought(_record("p1"), 60)
    assert record.ledger_entry is not None
    await ledger.settle(record.ledger_entry)  # and here the process ends
    clock[0] += UNSETTLED + timedelta(seconds=1)
    await books.reserve(_record("p2"))

    for _ in range(2):
        await books.settle(record)

    spent = {micros for micros, _ in await _used(budget, record)}
    assert spent == {await total_spent(ledger)} == {60}

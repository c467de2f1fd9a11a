"""What a page of the journal holds in the budget, from its reservation to its end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine, upgrade
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing import (
    Budget,
    Caps,
    EvidenceArchive,
    Ledger,
    PurchaseOutcome,
    Purpose,
    RefreshRefused,
    Settlement,
)
from orchestrator.purchasing.journal import Order, Page, Stage
from orchestrator.purchasing.ledger import UNSETTLED

PRICE = 100


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated SQLite file."""
    url = f"sqlite:///{tmp_path}/emasai.db"
    await upgrade(url)
    engine = open_engine(url)
    yield engine
    await engine.dispose()


def _page(purchase_id: str, *, refresh: bool = False) -> Page:
    purpose = Purpose("job-1", "north", capped=True, refresh=refresh)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return Page(Stage.INTENT, purchase_id, 1, now_ms, Order("Acme", "acme", purpose))


async def _used(budget: Budget, page: Page) -> set[tuple[int, int]]:
    states = [await budget.account(name) for name in page.accounts]
    return {(state.spent_micros, state.held_micros) for state in states}


async def test_a_page_is_held_then_given_back_or_settled(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """In every account alike: its run, its tenant, its day, the installation."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps())
    settlement = Settlement(
        budget, ledger, EvidenceArchive(engine), price_micros=PRICE, protocol="enrich"
    )
    voided, bought = _page("p1"), _page("p2")

    await settlement.reserve(voided)
    await settlement.reserve(bought)
    held = await _used(budget, bought)
    await settlement.release(voided)
    record = settlement.record(bought, PurchaseOutcome.FOUND, 60, estimated=False)
    for _ in range(2):
        await settlement.settle(bought, record)

    assert held == {(0, 2 * PRICE)}
    assert await _used(budget, bought) == {(60, 0)}


async def test_a_refresh_stops_at_the_soft_cap(jobs_redis: Redis, engine: AsyncEngine) -> None:
    """What nobody waits for is given up first; what somebody asks for is still bought."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps(tenant_micros=PRICE, soft_share=0.5))
    settlement = Settlement(
        budget, ledger, EvidenceArchive(engine), price_micros=PRICE, protocol="enrich"
    )

    with pytest.raises(RefreshRefused, match="tenant:north"):
        await settlement.reserve(_page("p1", refresh=True))
    await settlement.reserve(_page("p2"))

    assert await _used(budget, _page("p2")) == {(0, PRICE)}


async def test_refreshes_have_a_cap_of_their_own_for_a_day(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Up to it, and no further; what somebody asks for is not held against it."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps(refresh_day_micros=PRICE))
    settlement = Settlement(
        budget, ledger, EvidenceArchive(engine), price_micros=PRICE, protocol="enrich"
    )

    await settlement.reserve(_page("p1", refresh=True))
    with pytest.raises(RefreshRefused, match="refresh:"):
        await settlement.reserve(_page("p2", refresh=True))
    await settlement.reserve(_page("p3"))


async def test_a_refresh_cap_counts_refreshes_of_the_ledger_alone(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Redis may forget: the account opens again with what refreshes have cost, and no more."""
    ledger = Ledger(engine, utc_now)
    budget = Budget(jobs_redis, ledger, Caps(refresh_day_micros=PRICE))
    settlement = Settlement(
        budget, ledger, EvidenceArchive(engine), price_micros=PRICE, protocol="enrich"
    )
    for page, price in ((_page("p1", refresh=True), 1), (_page("p2"), PRICE)):
        await settlement.reserve(page)
        record = settlement.record(page, PurchaseOutcome.FOUND, price, estimated=False)
        await settlement.settle(page, record)
    await jobs_redis.flushdb()

    with pytest.raises(RefreshRefused, match="refresh:"):
        await settlement.reserve(_page("p3", refresh=True))
    (account,) = {name for name in _page("p4", refresh=True).accounts if "refresh:" in name}
    assert (await budget.account(account)).spent_micros == 1


async def test_a_settlement_cut_off_after_the_ledger_is_counted_once_when_repeated(
    jobs_redis: Redis, engine: AsyncEngine
) -> None:
    """Even where Redis has lost the account since, and another purchase has opened it again."""
    clock = [utc_now()]
    ledger = Ledger(engine, lambda: clock[0])
    budget = Budget(jobs_redis, ledger, Caps())
    archive = EvidenceArchive(engine)
    settlement = Settlement(budget, ledger, archive, price_micros=PRICE, protocol="enrich")
    page = _page("p1")
    record = settlement.record(page, PurchaseOutcome.FOUND, 60, estimated=False)
    await ledger.settle(record)  # and here the process ends
    clock[0] += UNSETTLED + timedelta(seconds=1)
    await settlement.reserve(_page("p2"))

    for _ in range(2):
        await settlement.settle(page, record)

    spent = {micros for micros, _ in await _used(budget, page)}
    assert spent == {await ledger.total()} == {60}

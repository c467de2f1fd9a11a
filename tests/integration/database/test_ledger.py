"""The ledger on SQLite and PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import schema, writing
from orchestrator.spend import Ledger, Spend
from tests.support.cases import NOW, purchase


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    """Return an empty ledger."""
    return Ledger(engine, lambda: NOW)


async def test_a_purchase_counts_once(ledger: Ledger) -> None:
    """Settling again changes nothing, even with another price."""
    first = await ledger.settle(purchase(1, cost_micros=46_500))

    again = await ledger.settle(purchase(1, cost_micros=99_000))

    assert (first, again) == (True, False)
    assert await ledger.total() == 46_500


async def test_concurrent_settlements_of_one_purchase_count_once(ledger: Ledger) -> None:
    """Of many callers at once the first enters the purchase, and its price stands."""
    calls = (ledger.settle(purchase(1, cost_micros=46_500 + number)) for number in range(50))

    answers = await asyncio.gather(*calls)

    assert answers == [True] + 49 * [False]
    assert await ledger.total() == 46_500


async def test_an_empty_ledger_says_zero(ledger: Ledger) -> None:
    """Nothing bought is nothing spent."""
    assert await ledger.total() == 0
    assert await ledger.spent("day") == []


async def test_a_purchase_is_read_as_it_was_settled(ledger: Ledger) -> None:
    """Every field comes back, instants in UTC, oldest settlement first."""
    madrid = timezone(timedelta(hours=1))
    late = purchase(1, settled_at=datetime(2026, 11, 24, 0, 30, tzinfo=madrid), job_id=None)
    early = purchase(2, outcome="lost", estimated=False)
    for each in (late, early, purchase(3, company_key="globex")):
        await ledger.settle(each)

    found = await ledger.purchases_of("acme")

    assert found == [early, late]
    assert found[1].settled_at.tzinfo is UTC


async def test_spending_is_grouped(ledger: Ledger) -> None:
    """Each grouping adds up integer micro-dollars beyond what 32 bits hold."""
    tomorrow = NOW + timedelta(days=1)
    for each in (
        purchase(1, cost_micros=3_000_000_000),
        purchase(2, cost_micros=1, tenant="north", company_key="globex"),
        purchase(3, cost_micros=2, settled_at=tomorrow, source="other"),
    ):
        await ledger.settle(each)

    assert await ledger.spent("day") == [
        Spend("2026-11-23", 2, 3_000_000_001),
        Spend("2026-11-24", 1, 2),
    ]
    assert await ledger.spent("tenant") == [
        Spend("default", 2, 3_000_000_002),
        Spend("north", 1, 1),
    ]
    assert await ledger.spent("source") == [
        Spend("other", 1, 2),
        Spend("surfsense", 2, 3_000_000_001),
    ]
    assert await ledger.spent("company") == [
        Spend("acme", 2, 3_000_000_002),
        Spend("globex", 1, 1),
    ]


async def test_since_includes_its_own_instant(ledger: Ledger) -> None:
    """A purchase settled exactly at `since` counts, one microsecond earlier does not."""
    await ledger.settle(purchase(1, settled_at=NOW - timedelta(microseconds=1)))
    await ledger.settle(purchase(2, settled_at=NOW))

    assert await ledger.spent("tenant", since=NOW) == [Spend("default", 1, 46_500)]


async def test_a_day_is_a_utc_day(ledger: Ledger) -> None:
    """A purchase after midnight in Madrid belongs to the day that it still is in UTC."""
    madrid = timezone(timedelta(hours=1))
    await ledger.settle(purchase(1, settled_at=datetime(2026, 11, 24, 0, 30, tzinfo=madrid)))

    assert [each.key for each in await ledger.spent("day")] == ["2026-11-23"]


async def test_the_database_refuses_to_change_the_past(ledger: Ledger, engine: AsyncEngine) -> None:
    """Neither an update nor a delete gets through, whoever sends it."""
    await ledger.settle(purchase(1))

    for change in (update(schema.purchases).values(cost_micros=0), delete(schema.purchases)):
        with pytest.raises(DBAPIError, match="purchases is append-only"):
            async with writing(engine, "tamper") as connection:
                await connection.execute(change)

    assert await ledger.total() == 46_500

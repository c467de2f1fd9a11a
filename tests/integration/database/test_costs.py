"""What was spent and what that has saved, on SQLite and PostgreSQL alike."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.purchasing import (
    Cost,
    Costs,
    CostsBy,
    Ledger,
    PurchaseOutcome,
    ReuseStatistics,
    UncertainCost,
    total,
)
from tests.support.books import total_spent
from tests.support.cases import NOW, purchase


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    """Return an empty ledger."""
    return Ledger(engine, lambda: NOW)


@pytest.fixture
def costs(engine: AsyncEngine) -> Costs:
    """Return the reader."""
    return Costs(engine)


async def test_nothing_bought_is_no_row(costs: Costs) -> None:
    """An empty ledger adds up to nothing by whatever."""
    assert [await costs.by(by) for by in CostsBy] == [[], [], [], []]


async def test_spending_is_added_up(ledger: Ledger, costs: Costs) -> None:
    """Each way adds up integer micro-dollars beyond what 32 bits hold."""
    for each in (
        purchase(1, cost_micros=3_000_000_000, estimated=False),
        purchase(2, cost_micros=1, tenant="north", company_key="globex", outcome="lost"),
        purchase(3, cost_micros=2, settled_at=NOW + timedelta(days=1), source="other"),
    ):
        await ledger.settle(each)

    assert await costs.by(CostsBy.DAY) == [
        Cost("2026-11-23", 2, 3_000_000_000, uncertain_micros=1, estimated_micros=1),
        Cost("2026-11-24", 1, 2, estimated_micros=2),
    ]
    assert await costs.by(CostsBy.TENANT) == [
        Cost("default", 2, 3_000_000_002, estimated_micros=2),
        Cost("north", 1, 0, uncertain_micros=1, estimated_micros=1),
    ]
    assert [(c.key, c.spent_micros) for c in await costs.by(CostsBy.SOURCE)] == [
        ("other", 2),
        ("surfsense", 3_000_000_001),
    ]
    assert [(c.key, c.purchases) for c in await costs.by(CostsBy.COMPANY)] == [
        ("acme", 2),
        ("globex", 1),
    ]


async def test_what_was_served_counts_where_it_was_bought(
    engine: AsyncEngine, ledger: Ledger, costs: Costs
) -> None:
    """Several ways of serving a purchase do not multiply what it has cost."""
    await ledger.settle(purchase(1, cost_micros=100))
    await ledger.settle(purchase(2, cost_micros=50, tenant="north"))
    servings = ReuseStatistics(engine)
    for source, times in (("hit", 3), ("coalesced", 2), ("adopted", 1)):
        for _ in range(times):
            servings.add("purchase-1", source, 100)
    servings.add("never settled", "hit", 100)
    await servings.aclose()

    found = await costs.by(CostsBy.TENANT)

    assert [(c.key, c.spent_micros, c.served, c.saved_micros, c.net_micros) for c in found] == [
        ("default", 100, 6, 600, 500),
        ("north", 50, 0, 0, -50),
    ]
    assert total(found).spent_micros == await total_spent(ledger)


async def test_since_includes_its_own_instant(ledger: Ledger, costs: Costs) -> None:
    """A purchase settled exactly at `since` counts, one microsecond earlier does not."""
    await ledger.settle(purchase(1, settled_at=NOW - timedelta(microseconds=1)))
    await ledger.settle(purchase(2, settled_at=NOW))

    (cost,) = await costs.by(CostsBy.TENANT, since=NOW)

    assert (cost.key, cost.purchases, cost.spent_micros) == ("default", 1, 46_500)


async def test_a_day_is_a_utc_day(ledger: Ledger, costs: Costs) -> None:
    """A purchase after midnight in Madrid belongs to the day that it still is in UTC."""
    madrid = timezone(timedelta(hours=1))
    await ledger.settle(purchase(1, settled_at=datetime(2026, 11, 24, 0, 30, tzinfo=madrid)))

    assert [each.key for each in await costs.by(CostsBy.DAY)] == ["2026-11-23"]
    assert await costs.by(CostsBy.DAY, since=datetime(2026, 11, 24, tzinfo=UTC)) == []


async def test_what_is_uncertain_is_the_same_of_one_purchase_and_of_a_sum(
    ledger: Ledger, costs: Costs
) -> None:
    """Of each outcome, with a price that the seller has named, and with one that it has not."""
    all_kinds = [
        purchase(number, outcome=outcome, estimated=estimated, company_key=f"{outcome}{estimated}")
        for number, (outcome, estimated) in enumerate(
            (outcome, estimated) for outcome in PurchaseOutcome for estimated in (False, True)
        )
    ]
    for each in all_kinds:
        await ledger.settle(each)

    summed = {cost.key: cost.uncertain_micros > 0 for cost in await costs.by(CostsBy.COMPANY)}

    assert summed == {each.company_key: each.is_uncertain for each in all_kinds}
    assert {each.company_key for each in all_kinds if each.is_uncertain} == {
        *("failedTrue", "uncertainFalse", "uncertainTrue", "lostFalse", "lostTrue"),
    }


async def test_recent_doubt_is_what_was_entered_since_and_not_resolved(
    ledger: Ledger, costs: Costs
) -> None:
    """From that instant on, in any zone; an answer that came removes it."""
    doubtful = PurchaseOutcome.UNCERTAIN
    before = NOW - timedelta(microseconds=1)
    await ledger.settle(purchase(1, outcome=doubtful, settled_at=before))
    await ledger.settle(purchase(2, outcome=doubtful, cost_micros=3_000_000_000))
    await ledger.settle(purchase(3, outcome=doubtful, cost_micros=5))
    await ledger.settle(purchase(4))

    both = await costs.uncertain(NOW.astimezone(timezone(timedelta(hours=23))))
    await ledger.settle(purchase(3, outcome=PurchaseOutcome.FOUND, cost_micros=5))

    assert both == UncertainCost(2, 3_000_000_005)
    assert await costs.uncertain(NOW) == UncertainCost(1, 3_000_000_000)
    assert await costs.uncertain(NOW + timedelta(days=1)) == UncertainCost(0, 0)


@pytest.mark.parametrize("by", CostsBy)
async def test_pages_have_each_row_once_and_the_sum_of_those_behind(
    ledger: Ledger, costs: Costs, by: CostsBy
) -> None:
    """The largest first, or the latest days; each page with what is behind it adds up."""
    for number, micros in enumerate((5, 70, 5, 0, 300)):
        day = NOW + timedelta(days=number)
        changes = {"tenant": f"t{number}", "source": f"s{number}", "company_key": f"c{number}"}
        await ledger.settle(purchase(number, cost_micros=micros, settled_at=day, **changes))
    every = await costs.by(by, since=NOW)

    pages = [await costs.page(by, most=2, since=NOW)]
    while pages[-1].after is not None:
        pages.append(await costs.page(by, most=2, since=NOW, after=pages[-1].after))

    rows = [row for page in pages for row in page.rows]
    assert [len(page.rows) for page in pages] == [2, 2, 1]
    assert sorted(rows, key=lambda row: row.key) == every
    assert {page.total for page in pages} == {total(every)}
    for number, page in enumerate(pages):
        behind = [row for later in pages[number + 1 :] for row in later.rows]
        name = f"{len(behind)} {'earlier' if by is CostsBy.DAY else 'others'}"
        assert page.rest == (total(behind, name) if behind else None)
    keys = [row.key for row in rows]
    if by is CostsBy.DAY:
        assert [keys[:2], keys[4:]] == [["2026-11-26", "2026-11-27"], ["2026-11-23"]]
    else:
        assert [key[1:] for key in keys] == ["4", "1", "0", "2", "3"]

"""The ledger on SQLite and PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseForbids, schema, writing
from orchestrator.purchasing import (
    EvidenceArchive,
    Ledger,
    LedgerChange,
    OpeningBalance,
    PurchaseOutcome,
)
from orchestrator.purchasing.ledger import UNSETTLED
from tests.support.async_waiting import eventually
from tests.support.books import total_spent
from tests.support.cases import NOW, purchase
from tests.support.database import waiting_for_locks
from tests.support.project import read

#: What entering a purchase comes to.
NEW, KNOWN = LedgerChange(is_new=True), LedgerChange(is_new=False)


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    """Return an empty ledger."""
    return Ledger(engine, lambda: NOW)


async def test_a_purchase_counts_once(ledger: Ledger) -> None:
    """Settling again changes nothing, even with another price."""
    first = await ledger.settle(purchase(1, cost_micros=46_500))

    again = await ledger.settle(purchase(1, cost_micros=99_000))

    assert (first, again) == (NEW, KNOWN)
    assert await total_spent(ledger) == 46_500


async def test_concurrent_settlements_of_one_purchase_count_once(ledger: Ledger) -> None:
    """Of many callers at once the first enters the purchase, and its price stands."""
    calls = (ledger.settle(purchase(1, cost_micros=46_500 + number)) for number in range(50))

    answers = await asyncio.gather(*calls)

    assert answers == [NEW] + 49 * [KNOWN]
    assert await total_spent(ledger) == 46_500


async def test_a_run_counts_once(ledger: Ledger, engine: AsyncEngine) -> None:
    """SurfSense charges a run once, whichever of two purchases reports it first."""
    first = await ledger.settle(purchase(1, run_id="run-7"), {"by": 1})

    again = await ledger.settle(purchase(2, run_id="run-7"), {"by": 2})

    archived = await EvidenceArchive(engine).of(["purchase-1", "purchase-2"])
    assert (first, again) == (NEW, KNOWN)
    assert [await ledger.has(name) for name in ("purchase-1", "purchase-2")] == [True, False]
    assert await total_spent(ledger) == 46_500
    assert {name: answer.payload for name, answer in archived.items()} == {"purchase-1": {"by": 1}}


async def test_lookups_at_once_get_their_own_answers(ledger: Ledger) -> None:
    """Concurrent calls share a read: some are entered, others are not."""
    await asyncio.gather(*(ledger.settle(purchase(number)) for number in range(0, 20, 2)))

    found = await asyncio.gather(*(ledger.has(f"purchase-{number}") for number in range(20)))

    assert found == [number % 2 == 0 for number in range(20)]


async def test_purchases_of_one_run_at_once_count_once(ledger: Ledger) -> None:
    """In one transaction, too; purchases without a run id are none of one run."""
    same = [purchase(number, run_id="run-7") for number in range(20)]
    others = [purchase(20), purchase(21), purchase(22, run_id="run-8")]

    answers = await asyncio.gather(*map(ledger.settle, [*same, *others]))

    assert answers[:20].count(NEW) == 1
    assert answers[20:] == [NEW, NEW, NEW]
    assert await total_spent(ledger) == 4 * 46_500


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_purchases_of_the_same_runs_from_two_processes_never_wait_for_each_other(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    """Each enters its purchases in the order of their runs, whatever their own ids are."""
    runs = ["run-1", "run-2", "run-3"]
    ledgers = [Ledger(each, lambda: NOW) for each in (engine, other_engine)]
    batches = (
        [purchase(number, run_id=run) for number, run in enumerate(runs)],
        [purchase(number, run_id=run) for number, run in enumerate(reversed(runs), start=3)],
    )
    middle = purchase(6, run_id="run-2").model_dump()

    async def both_wait() -> bool:
        return await waiting_for_locks(engine) == 2

    async with engine.connect() as holder:
        row = {**middle, "settled_day": NOW.date(), "recorded_at": NOW}
        await holder.execute(insert(schema.purchases), row)
        async with asyncio.TaskGroup() as both:
            for ledger, batch in zip(ledgers, batches, strict=True):
                for each in batch:
                    both.create_task(ledger.settle(each))
            await eventually(both_wait, "both wait for a row")
            await holder.rollback()

    assert await total_spent(ledgers[0]) == len(runs) * 46_500


async def test_the_documented_query_lists_what_is_uncertain(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    """For the reconciliation with an invoice: what is known by now is left out."""
    for number, outcome in enumerate(("found", "uncertain", "lost", "uncertain")):
        await ledger.settle(purchase(number, outcome=outcome, estimated=True))
    await ledger.settle(purchase(3, outcome="found", estimated=False))
    _, _, rest = read("docs/operations.md").partition("```sql\n")
    query, _, _ = rest.partition("```")

    async with engine.connect() as connection:
        found = (await connection.execute(text(query))).all()

    assert {row.purchase_id for row in found} == {"purchase-1", "purchase-2"}
    assert {row.cost_micros for row in found} == {46_500}


async def test_an_empty_ledger_says_zero(ledger: Ledger) -> None:
    """Nothing bought is nothing spent."""
    assert await total_spent(ledger) == 0
    assert await ledger.opening_balance("global") == OpeningBalance(0)


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


async def test_a_budget_is_opened_with_what_its_scope_has_cost(ledger: Ledger) -> None:
    """Each scope adds up its own integer micro-dollars, beyond what 32 bits hold."""
    for each in (
        purchase(1, cost_micros=3_000_000_000),
        purchase(2, cost_micros=1, tenant="north", job_id="job-2"),
        purchase(3, cost_micros=2, settled_at=NOW + timedelta(days=1)),
        purchase(4, cost_micros=4, started_at=NOW - timedelta(days=1)),
    ):
        await ledger.settle(each)

    spent = {
        name: (await ledger.opening_balance(name)).spent_micros
        for name in ("run:job-2", "tenant:default", "day:2026-11-23", "day:2026-11-22", "global")
    }

    assert spent == {
        "run:job-2": 1,
        "tenant:default": 3_000_000_006,
        "day:2026-11-23": 3_000_000_003,  # where it was begun, however late it is settled
        "day:2026-11-22": 4,
        "global": 3_000_000_007,
    }


async def test_an_opening_names_what_may_not_have_reached_the_budget(engine: AsyncEngine) -> None:
    """Purchases of the last minutes are named, those of the own scope only."""
    clock = [NOW]
    ledger = Ledger(engine, lambda: clock[0])
    await ledger.settle(purchase(1))
    clock.append(clock.pop() + UNSETTLED + timedelta(seconds=1))
    await ledger.settle(purchase(2))
    await ledger.settle(purchase(3, tenant="north"))

    assert await ledger.opening_balance("tenant:default") == OpeningBalance(
        2 * 46_500, ("purchase-2",)
    )


async def test_the_database_refuses_to_change_the_past(ledger: Ledger, engine: AsyncEngine) -> None:
    """Neither an update nor a delete gets through, from any role."""
    await ledger.settle(purchase(1))

    for change in (update(schema.purchases).values(cost_micros=0), delete(schema.purchases)):
        with pytest.raises((DBAPIError, DatabaseForbids), match=r"append-only|may not tamper"):
            async with writing(engine, "tamper") as connection:
                await connection.execute(change)

    assert await total_spent(ledger) == 46_500


async def test_what_was_uncertain_is_resolved_once(ledger: Ledger, engine: AsyncEngine) -> None:
    """An answer that comes after all says what it has cost, and is kept."""
    await ledger.settle(purchase(1, outcome=PurchaseOutcome.UNCERTAIN, cost_micros=46_500))
    late = purchase(1, outcome=PurchaseOutcome.FOUND, cost_micros=30_000)

    answers = [await ledger.settle(late, {"by": 1}) for _ in range(2)]
    repeated = await ledger.settle(purchase(1, outcome=PurchaseOutcome.UNCERTAIN))

    assert answers == [LedgerChange(is_new=False, was_micros=46_500), KNOWN]
    assert repeated == KNOWN
    (known,) = await ledger.purchases_of("acme")
    assert (known.outcome, known.cost_micros) == (PurchaseOutcome.FOUND, 30_000)
    assert await total_spent(ledger) == 30_000
    assert (await EvidenceArchive(engine).of(["purchase-1"]))["purchase-1"].outcome == "found"


async def test_an_answer_wins_over_the_doubt_of_the_same_moment(ledger: Ledger) -> None:
    """In one transaction, whichever of the two came first."""
    doubt = purchase(1, outcome=PurchaseOutcome.UNCERTAIN)

    await asyncio.gather(ledger.settle(doubt), ledger.settle(purchase(1)), ledger.settle(doubt))

    (known,) = await ledger.purchases_of("acme")
    assert known.outcome is PurchaseOutcome.FOUND

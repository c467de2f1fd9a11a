"""The evidence archive on SQLite and PostgreSQL alike."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading, schema, writing
from orchestrator.infra.background import Pruner
from orchestrator.purchasing import EvidenceArchive, Ledger, PurchaseOutcome
from tests.support.cases import NOW, purchase

LONG = {"answer": {"descripcion": "Logística y transporte. " * 200}}


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    """Return an empty ledger."""
    return Ledger(engine, lambda: NOW)


@pytest.fixture
def archive(engine: AsyncEngine) -> EvidenceArchive:
    """Return the archive beside it."""
    return EvidenceArchive(engine)


async def test_an_answer_is_found_by_its_purchase(ledger: Ledger, archive: EvidenceArchive) -> None:
    """What was settled comes back with what dates it; what is not there is left out."""
    await ledger.settle(purchase(1, outcome=PurchaseOutcome.NOT_FOUND), LONG)
    await ledger.settle(purchase(2))

    answers = await archive.of(["purchase-1", "purchase-2", "purchase-3"])

    (answer,) = answers.values()
    assert (answer.purchase_id, answer.company_key) == ("purchase-1", "acme")
    assert (answer.outcome, answer.as_of, answer.payload) == ("not_found", NOW, LONG)


async def test_more_answers_than_a_statement_takes_are_read(
    ledger: Ledger, archive: EvidenceArchive
) -> None:
    """Thousands of ids are read in several statements, each answer once."""
    ids = [f"purchase-{number}" for number in range(1_203)]
    await asyncio.gather(*(ledger.settle(purchase(n), {"n": n}) for n in range(len(ids))))

    answers = await archive.of([*ids, *ids])

    assert [answers[purchase_id].payload["n"] for purchase_id in ids] == list(range(len(ids)))


async def test_the_first_answer_of_a_purchase_stays(
    ledger: Ledger, archive: EvidenceArchive
) -> None:
    """However often a purchase is settled, what it rests on does not change."""
    answers = ({"n": 1}, {"n": 2}, None)

    for answer in answers:
        await ledger.settle(purchase(1), answer)
    await asyncio.gather(*(ledger.settle(purchase(2), answer) for answer in answers))

    kept = await archive.of(["purchase-1", "purchase-2"])
    assert [kept[name].payload for name in ("purchase-1", "purchase-2")] == [{"n": 1}, {"n": 1}]


async def test_an_answer_that_comes_late_is_still_kept(
    ledger: Ledger, archive: EvidenceArchive
) -> None:
    """An attempt that had been given up as lost, and brought its answer after all."""
    await ledger.settle(purchase(1, outcome=PurchaseOutcome.LOST))

    await ledger.settle(purchase(1), {"n": 1})

    assert (await archive.of(["purchase-1"]))["purchase-1"].payload == {"n": 1}


async def test_an_answer_and_its_purchase_are_stored_together_or_not_at_all(
    engine: AsyncEngine,
) -> None:
    """There is no answer without its purchase in the ledger."""
    row = {"purchase_id": "purchase-9", "body": b"{}", "archived_at": NOW}
    with pytest.raises(IntegrityError):
        async with writing(engine, "keep an answer without a purchase") as connection:
            await connection.execute(insert(schema.evidence).values(row))

    async with reading(engine, "look") as connection:
        assert (await connection.execute(select(schema.evidence))).all() == []


async def test_the_latest_answer_of_each_company_is_told(
    ledger: Ledger, archive: EvidenceArchive
) -> None:
    """By when it was bought, not by when it was settled, and only among those that are kept."""
    for number, company_key, hours in (
        *((1, "acme", 2), (2, "acme", 5), (3, "acme", 1), (4, "acme", 9)),
        *((5, "globex", 0), (6, "initech", 9)),
    ):
        bought_at = NOW + timedelta(hours=hours)
        record = purchase(number, company_key=company_key, started_at=bought_at)
        await ledger.settle(record, None if hours == 9 else {"n": number})

    latest = await archive.latest(["acme", "globex", "initech", "unheard_of"])

    assert {key: answers[0].payload["n"] for key, answers in latest.items()} == {
        "acme": 2,
        "globex": 5,
    }
    assert latest["acme"][0].as_of == NOW + timedelta(hours=5)


async def test_what_was_kept_long_enough_is_dropped(
    engine: AsyncEngine, archive: EvidenceArchive
) -> None:
    """All of it, in several transactions; what is younger stays, and so does the ledger."""
    clock = [NOW]
    ledger = Ledger(engine, lambda: clock[-1])
    await asyncio.gather(*(ledger.settle(purchase(n), {"n": n}) for n in range(7)))
    clock.append(NOW + timedelta(days=1))
    await ledger.settle(purchase(7), {"n": 7})

    def now() -> datetime:
        return NOW + timedelta(days=30, seconds=1)

    pruner = Pruner("evidence", archive, now, keep=timedelta(days=30), batch=3)

    assert [await pruner.prune(), await pruner.prune()] == [7, 0]
    assert list(await archive.of([f"purchase-{n}" for n in range(8)])) == ["purchase-7"]
    assert len(await ledger.purchases_of("acme")) == 8


async def test_pruners_do_not_mind_each_other(ledger: Ledger, archive: EvidenceArchive) -> None:
    """Every worker has one: together they drop each answer once."""
    await asyncio.gather(*(ledger.settle(purchase(n), {"n": n}) for n in range(50)))

    def later() -> datetime:
        return NOW + timedelta(days=2)

    pruners = [
        Pruner("evidence", archive, later, keep=timedelta(days=1), batch=7) for _ in range(4)
    ]
    dropped = await asyncio.gather(*(pruner.prune() for pruner in pruners))

    assert await archive.prune(later()) == 0
    assert sum(dropped) == 50

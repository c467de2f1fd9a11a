"""Purchases whose buyer died or whose answer never came: paid twice never in silence."""

import asyncio
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.enrichment import Enrichment, Purpose
from orchestrator.enrichment.journal import Order, Page, Stage
from orchestrator.memo import Source, StoreUnavailable
from orchestrator.spend import BudgetExhausted, PurchaseOutcome
from orchestrator.surfsense import AnswerLost, MalformedAnswer
from tests.integration.enrichment.conftest import CAPPED, FREE, World, Worlds
from tests.support.surfsense import PRICE
from tests.support.valkey import bring_back, kill, running_valkey

DEAD = Page(
    Stage.INTENT,
    "p1",
    1,
    1_790_000_000_000,
    Order("Acme", "acme", Purpose("job-dead", "tenant-dead", capped=True)),
)


async def _leave_note(redis: Redis, page: Page) -> None:
    """Leave what a leader leaves that was killed after it had sent its POST."""
    note = {"written_by": "dead", **page.note()}
    await redis.set("memo1:note:surfsense:acme", orjson.dumps(note), ex=60)


async def test_a_dead_leaders_attempt_enters_the_ledger_and_its_key_is_sent_again(
    world: World,
) -> None:
    """The successor sends the same Idempotency-Key; the lost attempt is the dead job's."""
    await _leave_note(world.memo_redis, DEAD)

    enrichment = await world.enricher.enrich("Acme", FREE)

    lost, bought = sorted(await world.ledger.purchases_of("acme"), key=lambda p: p.purchase_id)
    assert world.seller.asked == [("Acme", "p1")]
    assert (lost.purchase_id, lost.outcome, lost.estimated) == ("p1", PurchaseOutcome.LOST, True)
    assert (lost.job_id, lost.tenant, lost.cost_micros) == ("job-dead", "tenant-dead", PRICE)
    assert (bought.purchase_id, bought.job_id) == ("p1.2", "job-free")
    assert enrichment.purchase_id == "p1.2"


async def test_a_dead_attempt_is_charged_to_the_job_that_made_it(world: World) -> None:
    """The successor's cap is not used up by what somebody else has lost."""
    await world.cap(PRICE)
    await _leave_note(world.memo_redis, DEAD)

    enrichment = await world.enricher.enrich("Acme", CAPPED)

    assert enrichment.source is Source.BOUGHT
    assert (await world.budget.account("run:job-capped")).spent_micros == PRICE
    assert (await world.budget.account("run:job-dead")).spent_micros == PRICE


async def test_a_dead_attempt_is_counted_once_however_many_find_it(world: World) -> None:
    """Successors without money leave the note as it is; the loss is entered once."""
    await world.cap(0)
    await _leave_note(world.memo_redis, DEAD)

    for _ in range(3):
        with pytest.raises(BudgetExhausted):
            await world.enricher.enrich("Acme", CAPPED)
    await world.enricher.enrich("Acme", FREE)

    assert await world.ledger.total() == 2 * PRICE
    assert (await world.budget.account("run:job-dead")).spent_micros == PRICE


async def test_a_lost_answer_is_in_the_ledger_at_once(world: World) -> None:
    """Even if nobody ever asks for the company again, the money is explained."""
    await world.cap(PRICE)
    world.seller.script["Acme"] = [AnswerLost("Acme", "timeout")]

    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", CAPPED)

    (lost,) = await world.ledger.purchases_of("acme")
    account = await world.budget.account("run:job-capped")
    assert (lost.outcome, lost.cost_micros, lost.job_id) == (
        PurchaseOutcome.LOST,
        PRICE,
        "job-capped",
    )
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)


async def test_after_a_lost_answer_the_same_key_is_sent_again(world: World) -> None:
    """A seller that honours Idempotency-Key charges once; the ledger counts each attempt once."""
    world.seller.script["Acme"] = [AnswerLost("Acme", "timeout")]
    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", FREE)
    await world.memo.invalidate("surfsense:acme")

    await world.enricher.enrich("Acme", FREE)

    (_, first), (_, second) = world.seller.asked
    assert first == second
    assert [p.purchase_id for p in await world.ledger.purchases_of("acme")] == [
        first,
        f"{first}.2",
    ]


async def test_an_unusable_answer_is_paid_for(world: World) -> None:
    """SurfSense did its work: the attempt is in the ledger as failed, and the key is done with."""
    world.seller.script["Acme"] = [MalformedAnswer("Acme", "the body")]
    with pytest.raises(MalformedAnswer):
        await world.enricher.enrich("Acme", FREE)
    await world.memo.invalidate("surfsense:acme")

    await world.enricher.enrich("Acme", FREE)

    outcomes = sorted(p.outcome for p in await world.ledger.purchases_of("acme"))
    assert outcomes == [PurchaseOutcome.FAILED, PurchaseOutcome.FOUND]
    assert world.seller.asked[0][1] != world.seller.asked[1][1]


async def test_the_ledger_is_what_the_seller_charged(world: World, elsewhere: World) -> None:
    """Over finds, losses, failures and a stampede the books agree to the micro-dollar."""
    names = [f"Company {number}" for number in range(20)]
    world.seller.script["Company 3"] = [AnswerLost("Company 3", "timeout")]
    world.seller.script["Company 4"] = [MalformedAnswer("Company 4", "the body")]

    await asyncio.gather(
        *(each.enricher.enrich(name, FREE) for name in names for each in (world, elsewhere, world)),
        return_exceptions=True,
    )

    assert await world.ledger.total() == world.seller.charged_micros == 20 * PRICE


async def test_a_paid_answer_outlives_a_killed_redis(worlds: Worlds, tmp_path: Path) -> None:
    """Redis dies while SurfSense works: the answer is settled and stored when it is back."""
    with running_valkey(tmp_path / "valkey") as server:
        world = worlds.open(server)
        await world.cap(PRICE)
        buying = await _begin_to_buy(world, CAPPED)

        kill(server)
        world.seller.gate.set()
        await asyncio.sleep(0.3)
        assert not buying.done()
        bring_back(server)
        enrichment = await buying

        assert enrichment.source is Source.BOUGHT
        assert (await world.enricher.enrich("Acme", FREE)).source is Source.HIT
        account = await world.budget.account("run:job-capped")
        assert (account.spent_micros, account.held_micros) == (PRICE, 0)
        assert await world.ledger.total() == PRICE


async def test_a_paid_answer_reaches_its_caller_even_if_redis_stays_away(
    worlds: Worlds, tmp_path: Path
) -> None:
    """After its patience the answer is handed over; what is owed to the cap is in the log."""
    with running_valkey(tmp_path / "valkey") as server:
        world = worlds.open(server, patience=timedelta(milliseconds=50))
        await world.cap(PRICE)
        buying = await _begin_to_buy(world, CAPPED)

        kill(server)
        world.seller.gate.set()
        with capture_logs() as logs:
            enrichment = await buying

        assert enrichment.evidence is not None
        assert await world.ledger.total() == PRICE
        assert "memo.not_settled" in [line["event"] for line in logs]
        bring_back(server)


async def test_without_redis_nothing_is_sent(worlds: Worlds, tmp_path: Path) -> None:
    """No lease, no purchase."""
    with running_valkey(tmp_path / "valkey") as server:
        world = worlds.open(server)
        kill(server)

        with pytest.raises(StoreUnavailable):
            await world.enricher.enrich("Acme", FREE)

        assert world.seller.asked == []


async def _begin_to_buy(world: World, purpose: Purpose) -> asyncio.Task[Enrichment]:
    """Start a lookup and return when SurfSense works on it."""
    world.seller.gate.clear()
    buying = asyncio.create_task(world.enricher.enrich("Acme", purpose))
    await world.seller.busy.wait()
    return buying

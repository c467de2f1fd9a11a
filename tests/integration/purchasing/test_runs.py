"""Purchases that the seller gives a number: after a crash they are collected, not bought again."""

import asyncio
from time import time_ns

import orjson
import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.memo import Source
from orchestrator.purchasing import BillingContext, PurchaseOutcome
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.surfsense import AnswerLost, ServiceUnavailable
from tests.integration.purchasing.conftest import CAPPED, FREE, World, Worlds
from tests.support.books import total_spent
from tests.support.surfsense import PRICE, FakeRunSeller

#: When the dead leader began: a moment ago, so that its answer is still wanted.
NOW_MS = time_ns() // 1_000_000
DEAD = PurchaseRecord(
    Stage.INTENT,
    "p1",
    1,
    NOW_MS,
    PurchaseRequest("Acme", "acme", BillingContext("job-dead", "tenant-dead", capped=True)),
)


@pytest.fixture
def seller(worlds: Worlds) -> FakeRunSeller:
    """Return the seller of runs."""
    return worlds.run_seller


@pytest.fixture
def world(worlds: Worlds, seller: FakeRunSeller, shared_valkey: Valkey) -> World:
    """Return this process, which buys runs."""
    return worlds.open(shared_valkey, seller)


async def _leave_note(redis: Redis, record: PurchaseRecord) -> None:
    note = {"written_by": "dead", **record.to_json()}
    await redis.set("memo1:note:surfsense:acme", orjson.dumps(note), ex=60)


async def test_a_run_is_bought_and_collected(world: World, seller: FakeRunSeller) -> None:
    """One order, one collection, one line in the ledger."""
    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.BOUGHT
    assert (len(seller.asked), seller.collected) == (1, ["run-1"])
    assert await total_spent(world.ledger) == seller.charged_micros == PRICE


async def test_an_accepted_order_is_collected_by_whoever_leads_next(
    world: World, seller: FakeRunSeller
) -> None:
    """What a dead leader has ordered is adopted, settled for its job, and ordered never again."""
    seller.runs["run-7"] = "Acme"
    await _leave_note(world.memo_redis, DEAD.as_accepted("run-7"))

    enrichment = await world.enricher.enrich("Acme", FREE)

    (purchase,) = await world.ledger.purchases_of("acme")
    assert (enrichment.source, enrichment.cost_micros) == (Source.ADOPTED, 0)
    assert (seller.asked, seller.collected) == ([], ["run-7"])
    assert (purchase.purchase_id, purchase.job_id) == ("p1", "job-dead")


async def test_an_intent_is_reconciled_before_anything_is_ordered(
    world: World, seller: FakeRunSeller
) -> None:
    """Killed between the order and its confirmation: the run is found and collected."""
    seller.runs["run-7"] = "Acme"
    await _leave_note(world.memo_redis, DEAD)

    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.ADOPTED
    assert (seller.asked, seller.collected) == ([], ["run-7"])


async def test_an_intent_without_a_run_is_ordered_under_the_same_purchase_id(
    world: World, seller: FakeRunSeller
) -> None:
    """Killed before the order: nothing was bought, so it is ordered now, and paid once."""
    await _leave_note(world.memo_redis, DEAD)

    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.BOUGHT
    assert seller.asked == [("Acme", "p1")]
    assert await total_spent(world.ledger) == PRICE


async def test_a_lost_reply_is_found_without_ordering_again(
    world: World, seller: FakeRunSeller
) -> None:
    """The order was accepted and its confirmation lost: its run is looked for and collected."""
    seller.lost_replies = 1

    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.BOUGHT
    assert (len(seller.asked), seller.collected) == (1, ["run-1"])


async def test_a_run_that_is_late_is_collected_later(world: World, seller: FakeRunSeller) -> None:
    """Not done by the deadline, and not to be stopped: the next leader collects it."""
    seller.unfinished, seller.too_late = 1, True
    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", FREE)
    await world.memo_redis.delete("memo1:failure:surfsense:acme")  # as if its time were over

    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.ADOPTED
    assert (len(seller.asked), seller.collected) == (1, ["run-1"])
    assert await total_spent(world.ledger) == PRICE


async def test_a_run_that_hangs_is_stopped_and_costs_nothing(
    world: World, seller: FakeRunSeller
) -> None:
    """The next lookup buys, and is all that is charged."""
    seller.unfinished = 1
    with pytest.raises(ServiceUnavailable, match="did not end"):
        await world.enricher.enrich("Acme", FREE)
    await world.memo_redis.delete("memo1:failure:surfsense:acme")  # as if its time were over

    enrichment = await world.enricher.enrich("Acme", FREE)

    assert seller.cancelled == ["run-1"]
    assert (enrichment.source, len(seller.asked)) == (Source.BOUGHT, 2)
    assert await total_spent(world.ledger) == PRICE


async def test_what_was_ordered_before_an_invalidation_is_settled_and_bought_anew(
    world: World, seller: FakeRunSeller
) -> None:
    """The old run is paid for and explained, but its answer is not what is wanted now."""
    seller.runs["run-7"] = "Acme"
    await _leave_note(world.memo_redis, DEAD.as_accepted("run-7"))
    await world.memo.invalidate("surfsense:acme")

    enrichment = await world.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.BOUGHT
    assert seller.collected == ["run-7", "run-2"]
    assert await total_spent(world.ledger) == seller.charged_micros == 2 * PRICE


async def test_a_run_that_fails_costs_nothing(world: World, seller: FakeRunSeller) -> None:
    """The hold is released, the intent log is empty, and the next purchase is a new one."""
    await world.cap(PRICE)
    seller.script["Acme"] = [ServiceUnavailable("Acme", "the run failed")]
    with pytest.raises(ServiceUnavailable):
        await world.enricher.enrich("Acme", CAPPED)
    await world.memo.invalidate("surfsense:acme")

    enrichment = await world.enricher.enrich("Acme", CAPPED)

    (_, first), (_, second) = seller.asked
    assert first != second
    assert enrichment.source is Source.BOUGHT
    assert await total_spent(world.ledger) == PRICE


async def test_an_invalidation_during_a_run_does_not_lose_the_money(
    world: World, seller: FakeRunSeller
) -> None:
    """The answer of an invalidated purchase is not stored, but it is settled."""
    seller.gate.clear()
    buying = asyncio.create_task(world.enricher.enrich("Acme", FREE))
    await seller.busy.wait()

    await world.memo.invalidate("surfsense:acme")
    seller.gate.set()
    await buying

    (purchase,) = await world.ledger.purchases_of("acme")
    assert purchase.outcome is PurchaseOutcome.FOUND
    assert await world.memo.peek("surfsense:acme") is None
    assert not await world.memo_redis.exists("memo1:note:surfsense:acme")

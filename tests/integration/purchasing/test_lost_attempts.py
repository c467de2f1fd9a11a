"""Purchases whose buyer died or whose answer never came: paid twice never in silence."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import time_ns

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import Source
from orchestrator.purchasing import BillingContext, Enrichment, PurchaseOutcome
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.surfsense import (
    Accepted,
    Answer,
    AnswerLost,
    MalformedAnswer,
    ServiceUnavailable,
    to_record,
)
from tests.integration.purchasing.conftest import CAPPED, FREE, World, Worlds
from tests.support.async_waiting import eventually
from tests.support.books import total_spent
from tests.support.surfsense import PRICE, FakeSeller
from tests.support.valkey import bring_back, kill, running_valkey

WINDOW = timedelta(hours=2)
_MS = timedelta(milliseconds=1)


def dead(*, age: timedelta = timedelta(seconds=1)) -> PurchaseRecord:
    """Return the intent of a buyer that was killed after it had sent its POST, *age* ago."""
    request = PurchaseRequest(
        "Acme", "acme", BillingContext("job-dead", "tenant-dead", capped=True)
    )
    return PurchaseRecord(Stage.INTENT, "p1", 1, (time_ns() // 1_000_000) - age // _MS, request)


async def _leave_note(redis: Redis, record: PurchaseRecord) -> None:
    """Leave what a leader leaves that was killed after it had sent its POST."""
    note = {"written_by": "dead", **record.to_json()}
    await redis.set("memo1:note:surfsense:acme", orjson.dumps(note), ex=60)


async def test_a_dead_buyers_purchase_is_uncertain_and_not_bought_again(world: World) -> None:
    """It is entered at its price, for the job that made it; lookups learn until when."""
    await _leave_note(world.memo_redis, dead())

    for _ in range(3):
        with pytest.raises(AnswerLost, match="its buyer stopped") as raised:
            await world.enricher.enrich("Acme", FREE)
        assert raised.value.retry_in is not None
        assert WINDOW - timedelta(minutes=1) < raised.value.retry_in <= WINDOW

    (lost,) = await world.ledger.purchases_of("acme")
    assert world.seller.asked == []
    assert (lost.purchase_id, lost.outcome, lost.cost_micros, lost.estimated) == (
        *("p1", PurchaseOutcome.UNCERTAIN, PRICE, True),
    )
    assert (lost.job_id, lost.tenant) == ("job-dead", "tenant-dead")
    assert (await world.budget.account("run:job-dead")).spent_micros == PRICE


async def test_neither_an_invalidation_nor_a_lost_failure_buys_it_again(world: World) -> None:
    """The purchase record bars it, not the shared failure."""
    await _leave_note(world.memo_redis, dead())
    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", FREE)

    await world.memo.invalidate("surfsense:acme")

    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", FREE)
    assert world.seller.asked == []
    assert await total_spent(world.ledger) == PRICE


@pytest.mark.parametrize("is_marked", [False, True])
async def test_after_the_freshness_window_it_is_bought_anew(
    world: World, *, is_marked: bool
) -> None:
    """As what was found is; the lost purchase stays in the ledger."""
    record = dead(age=WINDOW + timedelta(seconds=1))
    failure = to_record(AnswerLost("Acme", "none came"))
    await _leave_note(world.memo_redis, record.as_lost(failure) if is_marked else record)

    found = await world.enricher.enrich("Acme", FREE)

    assert found.source is Source.BOUGHT
    assert [company for company, _ in world.seller.asked] == ["Acme"]
    assert world.seller.asked[0][1] != "p1"


async def test_a_person_may_have_it_bought_again_once(world: World) -> None:
    """One request buys once, under the same key; a repetition of the request does not."""
    world.seller.script["Acme"] = [AnswerLost("Acme", "timeout")]
    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", FREE)
    asked_for = replace(FREE, buy_again="request-1")
    world.seller.script["Acme"] = [AnswerLost("Acme", "timeout again")]

    for _ in range(2):
        with pytest.raises(AnswerLost):
            await world.enricher.enrich("Acme", asked_for)
    (_, first), (_, second) = world.seller.asked
    found = await world.enricher.enrich("Acme", replace(FREE, buy_again="request-2"))
    again = await world.enricher.enrich("Acme", replace(FREE, buy_again="request-3"))

    assert first == second
    assert found.source is Source.BOUGHT
    assert again.source is Source.HIT
    purchases = {p.purchase_id: p.outcome for p in await world.ledger.purchases_of("acme")}
    assert purchases == {
        first: PurchaseOutcome.UNCERTAIN,
        f"{first}.2": PurchaseOutcome.UNCERTAIN,
        f"{first}.3": PurchaseOutcome.FOUND,
    }
    assert await total_spent(world.ledger) == world.seller.charged_micros == 3 * PRICE


async def test_where_the_key_is_honoured_the_same_post_is_sent_again(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """It is free, so nothing is uncertain in the end, and nothing is entered twice."""
    world = worlds.open(shared_valkey, honours_key=True)
    await _leave_note(world.memo_redis, dead())

    found = await world.enricher.enrich("Acme", FREE)

    assert world.seller.asked == [("Acme", "p1")]
    assert (found.source, found.purchase_id) == (Source.BOUGHT, "p1")
    (bought,) = await world.ledger.purchases_of("acme")
    assert (bought.purchase_id, bought.outcome) == ("p1", PurchaseOutcome.FOUND)


async def test_a_repetition_that_does_not_leave_changes_nothing(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """What was sent before is as uncertain as it was, and is repeated by the next lookup."""
    world = worlds.open(shared_valkey, honours_key=True)
    world.seller.script["Acme"] = [AnswerLost("Acme", "none"), ServiceUnavailable("Acme", "no")]
    for error in (AnswerLost, ServiceUnavailable):
        with pytest.raises(error):
            await world.enricher.enrich("Acme", FREE)
        await world.memo_redis.delete("memo1:failure:surfsense:acme")

    found = await world.enricher.enrich("Acme", FREE)

    assert len({purchase_id for _, purchase_id in world.seller.asked}) == 1
    outcomes = [p.outcome for p in await world.ledger.purchases_of("acme")]
    assert (outcomes, len(world.seller.asked)) == ([PurchaseOutcome.FOUND], 3)
    assert found.source is Source.BOUGHT


async def test_a_dead_buyers_purchase_stays_uncertain_until_its_repetition_is_answered(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """A repetition that is refused says nothing about the POST that may have been charged."""
    world = worlds.open(shared_valkey, honours_key=True)
    await _leave_note(world.memo_redis, dead())
    world.seller.script["Acme"] = [ServiceUnavailable("Acme", "no")]

    with pytest.raises(ServiceUnavailable):
        await world.enricher.enrich("Acme", FREE)
    (uncertain,) = await world.ledger.purchases_of("acme")
    await world.memo_redis.delete("memo1:failure:surfsense:acme")
    found = await world.enricher.enrich("Acme", FREE)

    assert (uncertain.purchase_id, uncertain.outcome) == ("p1", PurchaseOutcome.UNCERTAIN)
    assert (found.source, found.purchase_id) == (Source.BOUGHT, "p1")
    (bought,) = await world.ledger.purchases_of("acme")
    assert (bought.purchase_id, bought.outcome) == ("p1", PurchaseOutcome.FOUND)


async def test_a_lost_answer_is_in_the_ledger_at_once(world: World) -> None:
    """The ledger has the money even if no caller asks for the company again."""
    await world.cap(PRICE)
    world.seller.script["Acme"] = [AnswerLost("Acme", "timeout")]

    with pytest.raises(AnswerLost):
        await world.enricher.enrich("Acme", CAPPED)

    (lost,) = await world.ledger.purchases_of("acme")
    account = await world.budget.account("run:job-capped")
    assert (lost.outcome, lost.cost_micros, lost.job_id) == (
        PurchaseOutcome.UNCERTAIN,
        PRICE,
        "job-capped",
    )
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)


async def test_an_unusable_answer_is_paid_for_and_not_bought_again(world: World) -> None:
    """The ledger has it as failed; lookups get the error, with the price that is uncertain."""
    world.seller.script["Acme"] = [MalformedAnswer("Acme", "the body")]
    for _ in range(2):
        with pytest.raises(MalformedAnswer) as raised:
            await world.enricher.enrich("Acme", FREE)
        assert raised.value.uncertain_micros == PRICE
        await world.memo.invalidate("surfsense:acme")

    (failed,) = await world.ledger.purchases_of("acme")
    assert failed.outcome is PurchaseOutcome.FAILED
    assert len(world.seller.asked) == 1


class _BrokenSeller(FakeSeller):
    """Fails before it sends, in an unforeseen way."""

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        raise RuntimeError(f"{company} {purchase_id}")


async def test_what_provably_never_left_costs_nothing(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """No hold, no entry, no record."""
    world = worlds.open(shared_valkey, _BrokenSeller())
    await world.cap(PRICE)

    with pytest.raises(RuntimeError):
        await world.enricher.enrich("Acme", CAPPED)

    assert await total_spent(world.ledger) == 0
    assert (await world.budget.account("run:job-capped")).used_micros == 0
    assert not await world.memo_redis.exists("memo1:note:surfsense:acme")


async def test_the_ledger_is_what_the_seller_charged(world: World, elsewhere: World) -> None:
    """Over finds, losses, failures and a stampede the books agree to the micro-dollar."""
    names = [f"Company {number}" for number in range(20)]
    world.seller.script["Company 3"] = [AnswerLost("Company 3", "timeout")]
    world.seller.script["Company 4"] = [MalformedAnswer("Company 4", "the body")]

    await asyncio.gather(
        *(each.enricher.enrich(name, FREE) for name in names for each in (world, elsewhere, world)),
        return_exceptions=True,
    )

    assert await total_spent(world.ledger) == world.seller.charged_micros == 20 * PRICE


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
        assert await total_spent(world.ledger) == PRICE


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
        assert await total_spent(world.ledger) == PRICE
        assert "memo.not_settled" in [line["event"] for line in logs]
        bring_back(server)


async def test_an_answer_that_redis_never_took_is_adopted_from_the_archive(
    worlds: Worlds, tmp_path: Path
) -> None:
    """Redis stays away beyond all patience, and the buyer ends: the next lookup pays nothing."""
    with running_valkey(tmp_path / "valkey") as server:
        world = worlds.open(server, patience=timedelta(milliseconds=50))
        buying = await _begin_to_buy(world, FREE)
        kill(server)
        world.seller.gate.set()
        await buying
        await world.memo.aclose()  # what has not been stored by now, this process never stores
        bring_back(server)
        successor = worlds.open(server)

        found = await successor.enricher.enrich("Acme", FREE)

        assert (found.source, found.evidence is not None) == (Source.ADOPTED, True)
        assert (await successor.enricher.enrich("Acme", FREE)).source is Source.HIT
        (bought,) = await successor.ledger.purchases_of("acme")
        assert (len(world.seller.asked), bought.outcome) == (1, PurchaseOutcome.FOUND)


async def test_what_redis_could_not_take_is_stored_when_it_is_back(
    worlds: Worlds, tmp_path: Path
) -> None:
    """The callers have their answer; storing it goes on in the background."""
    with running_valkey(tmp_path / "valkey") as server:
        world = worlds.open(server, patience=timedelta(milliseconds=50))
        buying = await _begin_to_buy(world, FREE)
        kill(server)
        world.seller.gate.set()
        await buying
        bring_back(server)

        async def is_stored() -> bool:
            return await world.memo.peek("surfsense:acme") is not None

        await eventually(is_stored, "the answer is stored late")
        assert (await world.enricher.enrich("Acme", FREE)).source is Source.HIT
        assert len(world.seller.asked) == 1


async def test_without_redis_nothing_is_sent(worlds: Worlds, tmp_path: Path) -> None:
    """No lease, no purchase."""
    with running_valkey(tmp_path / "valkey") as server:
        world = worlds.open(server)
        kill(server)

        with pytest.raises(StoreUnavailable):
            await world.enricher.enrich("Acme", FREE)

        assert world.seller.asked == []


async def _begin_to_buy(world: World, billing: BillingContext) -> asyncio.Task[Enrichment]:
    """Start a lookup and return when SurfSense works on it."""
    world.seller.gate.clear()
    buying = asyncio.create_task(world.enricher.enrich("Acme", billing))
    await world.seller.busy.wait()
    return buying

"""Purchases that no caller asks about are finished, and nothing is bought for it."""

import asyncio
from dataclasses import replace
from time import time, time_ns
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.background import Supervisor, end_task
from orchestrator.memo import Source
from orchestrator.purchasing import BillingContext, EvidenceArchive, PurchaseOutcome
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from tests.integration.purchasing.conftest import FREE, World, Worlds
from tests.support.async_waiting import eventually
from tests.support.books import total_spent
from tests.support.cases import purchase
from tests.support.surfsense import PRICE, FakeRunSeller

#: What the dead leader's purchase has cost.
ENTRY = purchase(0, purchase_id="p1", company_key="acme", job_id="job-dead", cost_micros=7)


@pytest.fixture
def seller(worlds: Worlds) -> FakeRunSeller:
    """Return the seller of runs."""
    return worlds.run_seller


@pytest.fixture
def buys_runs(worlds: Worlds, seller: FakeRunSeller, shared_valkey: Valkey) -> World:
    """Return a process that buys runs."""
    return worlds.open(shared_valkey, seller)


def _record(company: str, purchase_id: str = "p1") -> PurchaseRecord:
    request = PurchaseRequest(
        company, company.lower(), BillingContext("job-dead", "default", capped=True)
    )
    return PurchaseRecord(Stage.INTENT, purchase_id, 1, time_ns() // 1_000_000, request)


async def _leave_note(world: World, key: str, note: object) -> None:
    """Leave a stored record as a dead leader does, and its entry in the list of records."""
    await world.memo_redis.set(f"memo1:note:{key}", orjson.dumps(note), ex=60)
    await world.memo_redis.zadd("memo1:noted", {f"dead {key}": time() * 1000 - 1})
    await world.memo_redis.expire("memo1:noted", 60)


def _bought(answer: dict[str, Any] | None = None) -> PurchaseRecord:
    return replace(_record("Acme"), stage=Stage.BOUGHT, ledger_entry=ENTRY, answer=answer)


async def _leave(world: World, record: PurchaseRecord) -> None:
    key = f"surfsense:{record.request.company_key}"
    await _leave_note(world, key, {"written_by": "dead", **record.to_json()})


async def test_a_dead_leaders_run_is_collected(buys_runs: World, seller: FakeRunSeller) -> None:
    """The answer that was paid for is in the memo and in the ledger, without an order."""
    seller.runs["run-7"] = "Acme"
    await _leave(buys_runs, _record("Acme").as_accepted("run-7"))

    assert await buys_runs.sweeper.sweep() == 1

    (bought,) = await buys_runs.ledger.purchases_of("acme")
    assert (bought.purchase_id, bought.job_id) == ("p1", "job-dead")
    assert (await buys_runs.enricher.enrich("Acme", FREE)).source is Source.HIT
    assert seller.asked == []
    assert await buys_runs.sweeper.sweep() == 0


async def test_an_order_that_was_never_sent_is_forgotten_and_not_bought(
    buys_runs: World, seller: FakeRunSeller
) -> None:
    """A sweep spends no money, and gives back what was held."""
    await buys_runs.budget.reserve("p1", PRICE, ["run:job-dead"])
    await _leave(buys_runs, _record("Acme"))

    await buys_runs.sweeper.sweep()

    assert seller.asked == []
    assert await total_spent(buys_runs.ledger) == 0
    assert (await buys_runs.budget.account("run:job-dead")).held_micros == 0
    assert not await buys_runs.memo_redis.exists("memo1:note:surfsense:acme")


async def test_an_attempt_of_which_nothing_can_be_learned_is_written_off(world: World) -> None:
    """By `enrich` a dead attempt may have been charged: it is entered as uncertain, once."""
    await _leave(world, _record("Acme"))

    await world.sweeper.sweep()
    await world.sweeper.sweep()

    (lost,) = await world.ledger.purchases_of("acme")
    assert (lost.outcome, lost.cost_micros) == (PurchaseOutcome.UNCERTAIN, PRICE)
    assert (await world.budget.account("run:job-dead")).spent_micros == PRICE
    assert world.seller.asked == []


async def test_what_was_bought_and_not_settled_is_settled(world: World) -> None:
    """The leader died between storing and the ledger: its last record says what is owed."""
    await _leave(world, _bought())

    await world.sweeper.sweep()

    assert await total_spent(world.ledger) == 7
    assert (await world.budget.account("run:job-dead")).spent_micros == 7
    assert not await world.memo_redis.exists("memo1:note:surfsense:acme")


async def test_what_a_dead_leader_had_bought_is_kept(world: World, engine: AsyncEngine) -> None:
    """Its last record carries the answer to the archive, although the entry may be gone by then."""
    answer = {"answer": {"sector": "x"}, "company": "Acme", "purchase_id": "p1"}
    await _leave(world, _bought(answer))

    await world.sweeper.sweep()

    assert (await EvidenceArchive(engine).of(["p1"]))["p1"].payload == answer


async def test_what_is_owed_to_the_cap_is_paid_even_if_the_ledger_has_it(world: World) -> None:
    """The leader died between ledger and budget: the cap learns of the money, once."""
    await world.budget.reserve("p1", PRICE, _record("Acme").accounts)
    await world.ledger.settle(ENTRY)
    await _leave(world, _bought())

    await world.sweeper.sweep()
    await world.sweeper.sweep()

    account = await world.budget.account("run:job-dead")
    assert (account.spent_micros, account.held_micros) == (7, 0)


async def test_a_purchase_under_way_is_left_in_peace(
    buys_runs: World, seller: FakeRunSeller
) -> None:
    """A purchase with a leader is finished by its leader."""
    seller.gate.clear()
    buying = asyncio.create_task(buys_runs.enricher.enrich("Acme", FREE))
    await seller.busy.wait()

    await buys_runs.sweeper.sweep()
    seller.gate.set()

    assert (await buying).source is Source.BOUGHT
    assert seller.collected == ["run-1"]


async def test_one_that_cannot_be_finished_does_not_keep_the_others_waiting(
    buys_runs: World, seller: FakeRunSeller
) -> None:
    """An unreadable record and an unknown run are put off; the rest is finished."""
    seller.runs["run-7"] = "Beta"
    await _leave_note(buys_runs, "surfsense:old", {"written_by": "dead", "v": 0})
    await _leave(buys_runs, _record("Acme").as_accepted("run-unknown"))
    await _leave(buys_runs, _record("Beta", "p2").as_accepted("run-7"))

    with capture_logs() as logs:
        await buys_runs.sweeper.sweep()

    assert seller.collected == ["run-7"]
    assert [line["event"] for line in logs].count("purchase.not_swept") == 2
    assert await buys_runs.sweeper.sweep() == 0


async def test_it_runs_by_itself(world: World) -> None:
    """Every worker sweeps, without a lookup."""
    sweeping = Supervisor().start(world.sweeper.loop)
    await _leave(world, _record("Acme"))

    async def written_off() -> bool:
        return await total_spent(world.ledger) == PRICE

    await eventually(written_off, "the attempt is written off")
    await end_task(sweeping)

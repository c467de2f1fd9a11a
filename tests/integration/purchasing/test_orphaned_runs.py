"""Runs that were given up and are charged later: in the end the ledger is the bill."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from time import time_ns
from typing import cast

import orjson
import pytest
from structlog.testing import capture_logs

from orchestrator.embedded.stack import Valkey
from orchestrator.memo import Source
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.purchasing.orphans import WATCHED_FOR, next_look
from orchestrator.surfsense import AccessDenied, Answer, MalformedAnswer, RunInterrupted
from tests.integration.purchasing.conftest import CAPPED, FREE, World, Worlds
from tests.support.books import total_spent
from tests.support.surfsense import PRICE, FakeRunSeller

DUE, OF_ACME = "strays1:due", "strays1:of:acme"
NOW_MS = time_ns() // 1_000_000
RECORD = PurchaseRecord(
    Stage.INTENT, "p1", 1, NOW_MS, PurchaseRequest("Acme", "acme", CAPPED)
).as_accepted("run-7")


class _Interrupting(FakeRunSeller):
    """Lets `meanwhile` happen on the first call of a method."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: dict[str, Callable[[], Awaitable[object]]] = {}

    async def look(self, run_id: str, *, company: str) -> Answer | None:
        """Look, and be interrupted before it returns."""
        answer = await super().look(run_id, company=company)
        await self._interrupted("look")
        return answer

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Collect, and be interrupted before it returns."""
        answer = await super().collect(run_id, company=company)
        await self._interrupted("collect")
        return answer

    async def _interrupted(self, door: str) -> None:
        if door in self.meanwhile:
            await self.meanwhile.pop(door)()


@pytest.fixture
def seller(worlds: Worlds) -> FakeRunSeller:
    """Return the seller of runs."""
    return worlds.run_seller


@pytest.fixture
def world(worlds: Worlds, seller: FakeRunSeller, shared_valkey: Valkey) -> World:
    """Return a process that buys runs."""
    return worlds.open(shared_valkey, seller)


async def _interrupted(world: World, seller: FakeRunSeller) -> None:
    """Buy a run that a restart of SurfSense interrupts, and let the time of its failure pass."""
    seller.interrupted.add("run-1")
    with pytest.raises(RunInterrupted):
        await world.enricher.enrich("Acme", CAPPED)
    await world.memo_redis.delete("memo1:failure:surfsense:acme")


async def _recheck(world: World) -> int:
    """Let the next look be due, and look."""
    for member in cast("list[bytes]", await world.memo_redis.zrange(DUE, 0, -1)):
        await world.memo_redis.zadd(DUE, {member: 0})
    return await world.sweeper.recheck()


async def test_a_late_success_is_counted_and_adopted(world: World, seller: FakeRunSeller) -> None:
    """Without another lookup its answer is in the memo, its cost in ledger and budget, once."""
    await world.cap(2 * PRICE)
    await _interrupted(world, seller)
    assert await _recheck(world) == 1
    assert await total_spent(world.ledger) == 0

    seller.interrupted.clear()
    await _recheck(world)

    account = await world.budget.account("run:job-capped")
    assert (await world.enricher.enrich("Acme", FREE)).source is Source.HIT
    assert await total_spent(world.ledger) == seller.charged_micros == PRICE
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)
    assert not await world.memo_redis.exists(DUE, OF_ACME)


async def test_a_late_success_is_adopted_by_whoever_asks_next(
    world: World, seller: FakeRunSeller
) -> None:
    """Before anything is bought anew, the run that was given up is looked at once more."""
    await _interrupted(world, seller)
    seller.interrupted.clear()

    enrichment = await world.enricher.enrich("Acme", FREE)
    await _recheck(world)

    assert enrichment.source is Source.ADOPTED
    assert len(seller.asked) == 1
    assert await total_spent(world.ledger) == seller.charged_micros == PRICE
    assert not await world.memo_redis.exists(DUE, OF_ACME)


async def test_a_late_success_after_a_new_purchase_is_counted_too(
    world: World, seller: FakeRunSeller
) -> None:
    """The company was charged twice, and the ledger says so; the newer answer stays."""
    await _interrupted(world, seller)
    bought = await world.enricher.enrich("Acme", FREE)
    seller.interrupted.clear()

    await _recheck(world)

    assert (await world.enricher.enrich("Acme", FREE)).purchase_id == bought.purchase_id
    assert await total_spent(world.ledger) == seller.charged_micros == 2 * PRICE
    assert not await world.memo_redis.exists(DUE, OF_ACME)


async def test_a_failure_under_way_does_not_lose_the_answer(
    world: World, seller: FakeRunSeller
) -> None:
    """While a shared failure bars lookups, the answer waits; its cost is counted at once."""
    seller.interrupted.add("run-1")
    with pytest.raises(RunInterrupted):
        await world.enricher.enrich("Acme", FREE)
    seller.interrupted.clear()

    await _recheck(world)
    counted = await total_spent(world.ledger)
    await world.memo_redis.delete("memo1:failure:surfsense:acme")
    await _recheck(world)

    assert counted == await total_spent(world.ledger) == PRICE
    assert (await world.enricher.enrich("Acme", FREE)).source is Source.HIT


async def test_an_invalidated_answer_is_counted_and_not_served(
    world: World, seller: FakeRunSeller
) -> None:
    """What was ordered before an invalidation is no answer after it."""
    await _interrupted(world, seller)
    await world.memo.invalidate("surfsense:acme")
    seller.interrupted.clear()

    await _recheck(world)

    assert await world.memo.peek("surfsense:acme") is None
    assert await total_spent(world.ledger) == PRICE


async def test_a_run_that_somebody_else_has_collected_is_counted_once(
    world: World, seller: FakeRunSeller
) -> None:
    """An overtaken leader leaves its run; the successor that found it has it in the ledger."""
    seller.runs["run-7"] = "Acme"
    await world.orphans.add(RECORD)
    other = replace(RECORD, purchase_id="p2").to_json()
    await world.memo_redis.set("memo1:note:surfsense:acme", _written_by_a_dead_leader(other), ex=60)
    await world.enricher.enrich("Acme", FREE)

    await _recheck(world)

    (purchase,) = await world.ledger.purchases_of("acme")
    assert purchase.purchase_id == "p2"
    assert not await world.memo_redis.exists(DUE, OF_ACME)


@pytest.mark.parametrize("door", ["look", "collect"])
async def test_a_run_that_two_settle_in_the_same_instant_is_counted_once(
    worlds: Worlds, shared_valkey: Valkey, door: str
) -> None:
    """A leader has found an orphaned run, and neither knows of the other: one of them pays.

    While the sweeper looks at it the leader settles it, or the other way round.
    """
    seller = _Interrupting()
    seller.runs["run-7"] = "Acme"
    one, other = (worlds.open(shared_valkey, seller) for _ in range(2))
    await one.cap(2 * PRICE)
    found = replace(RECORD, purchase_id="p2")
    for record in (RECORD, found):
        await one.budget.reserve(record.ledger_id, PRICE, record.accounts)
    await one.orphans.add(RECORD)
    note = _written_by_a_dead_leader(found.to_json())
    await one.memo_redis.set("memo1:note:surfsense:acme", note, ex=60)

    if door == "look":
        seller.meanwhile[door] = lambda: other.enricher.enrich("Acme", FREE)
        await _recheck(one)
    else:
        seller.meanwhile[door] = lambda: other.sweeper.settle_orphan(RECORD)
        await one.enricher.enrich("Acme", FREE)

    account = await one.budget.account("run:job-capped")
    (purchase,) = await one.ledger.purchases_of("acme")
    assert purchase.purchase_id == ("p2" if door == "look" else "p1")
    assert await total_spent(one.ledger) == seller.charged_micros == PRICE
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)


async def test_a_stray_is_not_taken_for_the_run_of_a_later_purchase(
    world: World, seller: FakeRunSeller
) -> None:
    """A dead leader's POST is looked for; what is found of an earlier one is adopted as that."""
    seller.runs["run-7"] = "Acme"
    await world.orphans.add(RECORD)
    intent = replace(RECORD, stage=Stage.INTENT, run_id=None, purchase_id="p2").to_json()
    note = _written_by_a_dead_leader(intent)
    await world.memo_redis.set("memo1:note:surfsense:acme", note, ex=60)

    enrichment = await world.enricher.enrich("Acme", FREE)

    (purchase,) = await world.ledger.purchases_of("acme")
    assert (enrichment.source, seller.asked) == (Source.ADOPTED, [])
    assert purchase.purchase_id == enrichment.purchase_id == RECORD.purchase_id


async def test_an_unusable_late_success_is_counted(world: World, seller: FakeRunSeller) -> None:
    """It was charged, so it is in the ledger, at the estimate."""
    seller.runs["run-7"] = "Acme"
    seller.script["Acme"] = [MalformedAnswer("Acme", "the run's items")]
    await world.orphans.add(RECORD)

    await _recheck(world)

    assert await total_spent(world.ledger) == seller.charged_micros == PRICE


@pytest.mark.parametrize(
    ("trouble", "event"),
    [
        (AccessDenied("Acme", 401), "stray.postponed"),
        (TypeError("of ours"), "stray.not_settled"),
        (None, "stray.unreadable"),
    ],
)
async def test_one_that_cannot_be_looked_at_does_not_keep_the_others_waiting(
    world: World, seller: FakeRunSeller, trouble: Exception | None, event: str
) -> None:
    """A refusal is said, a fault of ours is shown; it is looked at again, and the rest at once."""
    other = replace(
        RECORD, purchase_id="p2", request=PurchaseRequest("Beta", "beta", FREE), run_id="run-8"
    )
    seller.runs |= {"run-7": "Acme", "run-8": "Beta"}
    for record in (RECORD, other):
        await world.orphans.add(record)
    if trouble is None:
        await world.memo_redis.hset(OF_ACME, "run-7", b'{"of": "a newer version"}')
    else:
        seller.script["Acme"] = [trouble]

    with capture_logs() as logs:
        await _recheck(world)

    left = cast("list[bytes]", await world.memo_redis.zrange(DUE, 0, -1))
    assert event in [line["event"] for line in logs]
    assert [len(await world.ledger.purchases_of(key)) for key in ("acme", "beta")] == [0, 1]
    assert left == [b"run-7 acme"]
    assert await world.sweeper.recheck() == 0


async def test_what_was_never_charged_is_forgotten_after_a_day(
    world: World, seller: FakeRunSeller
) -> None:
    """Every key expires, and the looking ends."""
    day_ago_ms = NOW_MS - WATCHED_FOR // timedelta(milliseconds=1)
    seller.interrupted.add("run-7")
    await world.orphans.add(replace(RECORD, started_at_ms=day_ago_ms))
    ttls = [await world.memo_redis.pttl(key) for key in (DUE, OF_ACME)]

    await _recheck(world)

    assert min(ttls) > 0
    assert not await world.memo_redis.exists(DUE, OF_ACME)
    assert await total_spent(world.ledger) == 0


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(0), timedelta(seconds=30)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(hours=5), timedelta(hours=2)),
        (timedelta(days=1), None),
    ],
)
def test_it_is_looked_at_ever_less_often(age: timedelta, pause: timedelta | None) -> None:
    """As often as its age doubles, every two hours at least, and no longer than a day."""
    assert next_look(age) == pause


def _written_by_a_dead_leader(note: dict[str, object]) -> bytes:
    return orjson.dumps({"written_by": "dead", **note})

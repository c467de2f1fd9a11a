"""Single attempts, step by step: what is held, whose run it is, and what is left behind."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta

import pytest

from orchestrator.embedded.stack import Valkey
from orchestrator.memo import Abandoned, Flight, LeaseLost, Source
from orchestrator.memo.contract import JsonObject
from orchestrator.purchasing import PurchaseOutcome
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.surfsense import Accepted, Answer, AnswerLost, RunInterrupted
from tests.integration.purchasing.conftest import CAPPED, GRACE, World, Worlds
from tests.support.flights import FlightByHand, WrittenRecords
from tests.support.surfsense import PRICE, FakeRunSeller

REQUEST = PurchaseRequest("Acme", "acme", CAPPED)
GRACE_MS = GRACE // timedelta(milliseconds=1)
HOUR_MS = timedelta(hours=1) // timedelta(milliseconds=1)
BEGAN_MS = 1_700_000_000_000


class _Slow(FakeRunSeller):
    """Loses its reply after more than the grace, and lists the run after it was asked once."""

    now_ms = BEGAN_MS

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Accept the order without a word."""
        self._leave(company)
        self.asked.append((company, purchase_id))
        self.now_ms += 3 * GRACE_MS
        raise AnswerLost(company, "the reply was lost")

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str] = ()
    ) -> str | None:
        """Find what is listed, which it is from the second look on."""
        if self.looks == 1:
            self.runs["run-1"] = company
        self.now_ms += GRACE_MS // 2
        return await super().find(company, submitted_after=submitted_after, exclude=exclude)


@pytest.fixture
def seller(worlds: Worlds) -> FakeRunSeller:
    """Return the seller of runs."""
    return worlds.run_seller


@pytest.fixture
def world(worlds: Worlds, seller: FakeRunSeller, shared_valkey: Valkey) -> World:
    """Return a process that buys runs."""
    return worlds.open(shared_valkey, seller)


def _flight(
    notes: WrittenRecords,
    *,
    record: JsonObject | None = None,
    leads: bool = True,
    may_send: bool = True,
) -> Flight:
    return FlightByHand(notes, lambda: BEGAN_MS, record=record, leads=leads, may_send=may_send)


def _abandoned(flight: Flight, *, at: int) -> Flight:
    """Return *flight*, which no caller waits for from its *at*th chance to abandon on.

    The first comes before a purchase takes its turn, the second before its intent, the third
    while its run goes on.
    """
    chances = iter(range(1, 100))

    @contextmanager
    def left() -> Iterator[None]:
        raise Abandoned
        yield

    flight.abandonable = lambda: left() if next(chances) >= at else nullcontext()
    return flight


async def _held(world: World) -> tuple[int, int]:
    account = await world.budget.account("run:job-capped")
    return account.spent_micros, account.held_micros


async def _runs(world: World) -> Sequence[tuple[str | None, PurchaseOutcome]]:
    return [(each.run_id, each.outcome) for each in await world.ledger.purchases_of("acme")]


async def test_what_was_reserved_is_given_back_when_the_intent_is_refused(
    world: World, seller: FakeRunSeller
) -> None:
    """Another leader has taken over before anything was sent."""
    await world.cap(PRICE)

    with pytest.raises(LeaseLost):
        await world.purchaser.buy(_flight(WrittenRecords(lost_at=1)), REQUEST)

    assert await _held(world) == (0, 0)
    assert seller.asked == []


async def test_what_was_reserved_is_given_back_when_nobody_waits_any_more(
    world: World, seller: FakeRunSeller
) -> None:
    """Between the reservation and the intent."""
    await world.cap(PRICE)
    notes = WrittenRecords()

    with pytest.raises(Abandoned):
        await world.purchaser.buy(_abandoned(_flight(notes), at=2), REQUEST)

    assert await _held(world) == (0, 0)
    assert (seller.asked, notes.written) == ([], [])


async def test_a_leader_in_the_last_part_of_its_lease_sends_nothing(
    world: World, seller: FakeRunSeller
) -> None:
    """It leads, but may not for as long as the POST takes to leave."""
    with pytest.raises(LeaseLost):
        await world.purchaser.buy(_flight(WrittenRecords(), leads=True, may_send=False), REQUEST)

    assert seller.asked == []


async def test_a_run_that_is_interrupted_holds_nothing(world: World, seller: FakeRunSeller) -> None:
    """The next company can be bought at once, under a cap of one price."""
    await world.cap(PRICE)
    seller.interrupted.add("run-1")

    with pytest.raises(RunInterrupted):
        await world.purchaser.buy(_flight(WrittenRecords()), REQUEST)
    held = await _held(world)
    await world.purchaser.buy(
        _flight(WrittenRecords()), PurchaseRequest("Globex", "globex", CAPPED)
    )

    assert held == (0, 0)
    assert [company for company, _ in seller.asked] == ["Acme", "Globex"]


async def test_a_leader_without_a_lease_does_not_stop_a_run(
    world: World, seller: FakeRunSeller
) -> None:
    """Another one may be waiting for it."""
    flight = _abandoned(_flight(WrittenRecords(), leads=False), at=3)

    loaded = await world.purchaser.buy(flight, REQUEST)

    assert seller.cancelled == []
    assert loaded.source is Source.BOUGHT


async def test_the_grace_of_a_lost_reply_counts_from_when_it_was_lost(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """A seller that is slow to answer may be slow to list what it has accepted, too."""
    seller = _Slow()
    world = worlds.open(shared_valkey, seller)
    flight = FlightByHand(WrittenRecords(), lambda: seller.now_ms)

    loaded = await world.purchaser.buy(flight, REQUEST)

    assert (loaded.source, seller.looks) == (Source.BOUGHT, 2)
    assert len(seller.asked) == 1


async def test_the_run_of_an_overtaken_leader_is_adopted_by_its_successor(
    world: World, seller: FakeRunSeller
) -> None:
    """It is the successor's own purchase, though the first has given it up."""
    overtaken = WrittenRecords(lost_at=2)
    with pytest.raises(LeaseLost):
        await world.purchaser.buy(_flight(overtaken), REQUEST)
    (intent,) = overtaken.written

    loaded = await world.purchaser.buy(_flight(WrittenRecords(), record=intent), REQUEST)
    assert loaded.settle is not None
    await loaded.settle()

    assert loaded.source is Source.ADOPTED
    assert len(seller.asked) == 1
    assert await _runs(world) == [("run-1", PurchaseOutcome.FOUND)]
    assert seller.charged_micros == PRICE


async def test_the_run_of_an_overtaken_leader_is_remembered(
    world: World, seller: FakeRunSeller
) -> None:
    """Its successor may not find it in time: what is charged in the end is in the ledger."""
    with pytest.raises(LeaseLost):
        await world.purchaser.buy(_flight(WrittenRecords(lost_at=2)), REQUEST)

    (orphan,) = await world.orphans.of("acme")
    assert orphan.run_id == "run-1"
    await world.memo_redis.zadd("strays1:due", {"run-1 acme": 0})
    await world.sweeper.recheck()

    assert await _runs(world) == [("run-1", PurchaseOutcome.FOUND)]
    assert seller.charged_micros == PRICE


async def test_an_answer_that_has_expired_meanwhile_is_settled_and_bought_anew(
    world: World, seller: FakeRunSeller
) -> None:
    """The caller gets an answer that is fresh."""
    seller.runs["run-1"] = "Acme"
    old = PurchaseRecord(Stage.INTENT, "p1", 1, BEGAN_MS - 3 * HOUR_MS, REQUEST).as_accepted(
        "run-1"
    )

    loaded = await world.purchaser.buy(_flight(WrittenRecords(), record=old.to_json()), REQUEST)
    assert loaded.settle is not None
    await loaded.settle()

    assert (loaded.source, loaded.loaded_at_ms) == (Source.BOUGHT, BEGAN_MS)
    assert len(seller.asked) == 1
    assert {run for run, _ in await _runs(world)} == {"run-1", "run-2"}


async def test_unreadable_strays_do_not_keep_others_waiting(world: World) -> None:
    """They are put off, so the second round reaches what is behind a whole round of them."""
    good = PurchaseRecord(Stage.INTENT, "p1", 1, BEGAN_MS, REQUEST).as_accepted("run-7")
    await world.orphans.add(good)
    await world.memo_redis.hset("strays1:of:broken", mapping={f"run-{n}": "{}" for n in range(100)})
    await world.memo_redis.expire("strays1:of:broken", 600)
    due = {f"run-{n} broken": n for n in range(100)} | {"run-7 acme": 1000}
    await world.memo_redis.zadd("strays1:due", due)

    rounds = [await world.orphans.list_due(100) for _ in range(2)]

    assert [[record.run_id for record in found] for found in rounds] == [[], ["run-7"]]

"""Who may not be the leader any more when the POST leaves buys nothing."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from orchestrator.embedded.stack import Valkey
from orchestrator.memo import Flight, LeaseLost, Source
from orchestrator.purchasing import SEND_WITHIN
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.surfsense import ServiceUnavailable
from tests.integration.purchasing.conftest import CAPPED, GRACE, World, Worlds
from tests.support.flights import FlightByHand, WrittenRecords
from tests.support.surfsense import PRICE, FakeRunSeller, FakeSeller

REQUEST = PurchaseRequest("Acme", "acme", CAPPED)
GRACE_MS = GRACE // timedelta(milliseconds=1)
BEGAN_MS = 1_700_000_000_000


@pytest.fixture(params=["with run ids", "without"])
def seller(request: pytest.FixtureRequest, worlds: Worlds) -> FakeSeller:
    """Return a seller of either protocol, which asks its send guard as the socket does."""
    return worlds.run_seller if request.param == "with run ids" else worlds.seller


@pytest.fixture
def world(worlds: Worlds, seller: FakeSeller, shared_valkey: Valkey) -> World:
    """Return a process that buys from it."""
    return worlds.open(shared_valkey, seller)


def _announced(record: PurchaseRecord, send_before_ms: int) -> PurchaseRecord:
    return replace(record, send_before_ms=send_before_ms, answer_by_ms=send_before_ms + 30_000)


def _flight(
    notes: WrittenRecords, *, may_send: bool, now_ms: Callable[[], int] = lambda: 1000
) -> Flight:
    return FlightByHand(notes, now_ms, leads=may_send, may_send=may_send)


async def test_a_leader_that_may_have_lost_its_lease_sends_nothing(
    world: World, seller: FakeSeller
) -> None:
    """It lets go of what it had reserved and written down, and fails for itself alone."""
    await world.cap(PRICE)
    notes = WrittenRecords()

    with pytest.raises(LeaseLost):
        await world.purchaser.buy(_flight(notes, may_send=False), REQUEST)

    assert seller.asked == []
    assert notes.dropped
    assert (await world.budget.account("run:job-capped")).used_micros == 0


async def test_nothing_is_sent_after_the_instant_that_the_intent_names(
    world: World, seller: FakeSeller
) -> None:
    """A connection that takes too long is a failure that all share, and costs nothing."""
    await world.cap(PRICE)
    notes = WrittenRecords()
    clock = count(1000, SEND_WITHIN.seconds * 1000)

    with pytest.raises(ServiceUnavailable, match="no connection within 2 s"):
        await world.purchaser.buy(
            _flight(notes, may_send=True, now_ms=lambda: next(clock)), REQUEST
        )

    record = PurchaseRecord.from_json(notes.written[-1])
    assert record.send_before_ms is not None
    assert record.send_before_ms <= next(clock)
    assert seller.asked == []
    assert (await world.budget.account("run:job-capped")).used_micros == 0


@pytest.mark.parametrize("is_long_ago", [True, False])
async def test_a_successor_waits_from_the_instant_after_which_nothing_left(
    worlds: Worlds, shared_valkey: Valkey, *, is_long_ago: bool
) -> None:
    """What is not listed a grace after it was never sent: then one look is enough."""
    world, seller = worlds.open(shared_valkey, worlds.run_seller), worlds.run_seller
    clock = count(BEGAN_MS, GRACE_MS // 3)
    left = PurchaseRecord(Stage.INTENT, "p1", 1, BEGAN_MS, REQUEST)
    left = _announced(left, BEGAN_MS - GRACE_MS if is_long_ago else BEGAN_MS + 60_000)
    flight = _flight(WrittenRecords(), may_send=True, now_ms=lambda: next(clock))
    flight.record = left.to_json()

    await world.purchaser.buy(flight, REQUEST)

    assert (seller.looks == 1) == is_long_ago
    assert seller.asked == [("Acme", "p1")]


class _SlowToLook(FakeRunSeller):
    """Takes longer than the grace for its first look; the run is listed right after it was asked.

    `now_ms` is the asking leader's clock.
    """

    now_ms = BEGAN_MS

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str] = ()
    ) -> str | None:
        """Find what was listed when it was asked."""
        found = await super().find(company, submitted_after=submitted_after, exclude=exclude)
        if self.looks == 1:
            self.now_ms += 2 * GRACE_MS
            self.runs["run-7"] = company
        return found


async def test_that_there_is_no_run_counts_only_of_a_list_asked_for_after_the_grace(
    worlds: Worlds, shared_valkey: Valkey
) -> None:
    """A look that began before, and lasted beyond, says nothing of what was listed meanwhile."""
    seller = _SlowToLook()
    world = worlds.open(shared_valkey, seller)
    left = _announced(PurchaseRecord(Stage.INTENT, "p1", 1, BEGAN_MS, REQUEST), BEGAN_MS)
    flight = _flight(WrittenRecords(), may_send=True, now_ms=lambda: seller.now_ms)
    flight.record = left.to_json()

    loaded = await world.purchaser.buy(flight, REQUEST)

    assert (loaded.source, seller.looks) == (Source.ADOPTED, 2)
    assert seller.asked == []

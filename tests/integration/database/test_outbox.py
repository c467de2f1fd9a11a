"""The outbox on SQLite and PostgreSQL alike: one claim at a time, nothing lost."""

import asyncio
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine, reading, schema, writing
from orchestrator.infra.background import Pruner
from orchestrator.leads import HandOverState, LeadStore, Outbox, opportunity_id
from tests.support.cases import NOW, advance, discard, lead
from tests.support.ticking import SetClock

CLAIM = timedelta(minutes=1)


@pytest.fixture
def clock() -> SetClock:
    """Return a clock that stands still."""
    return SetClock(NOW)


@pytest.fixture
def outbox(engine: AsyncEngine, clock: SetClock) -> Outbox:
    """Return the outbox."""
    return Outbox(engine, clock, claim=CLAIM, most_attempts=3)


async def _opportunities(engine: AsyncEngine, clock: SetClock, count: int) -> None:
    store = LeadStore(engine, clock)
    await store.import_leads([lead(number) for number in range(count)])
    recording = (store.record(lead(n), [advance()], "acme", basis="p1") for n in range(count))
    await asyncio.gather(*recording)


async def test_an_opportunity_is_owed_once(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """With it comes one event, however often its lead is judged; with a discard none."""
    store = LeadStore(engine, clock)
    await store.import_leads([lead(1), lead(2)])
    for basis in ("p1", "p1", "p2"):
        await store.record(lead(1), [advance()], "acme", basis=basis, simulated=True)
    await store.record(lead(2), [discard()], "acme", basis="p1")

    (claimed,) = await outbox.claim(10)

    event = orjson.loads(claimed.body)
    assert event["type"] == "opportunity.created"
    assert event["id"] == str(claimed.event_id)
    assert event["opportunity"]["id"] == str(opportunity_id(lead(1).id))
    assert event["lead"] == {"id": str(lead(1).id), "company_key": "acme"}
    assert event["decision"]["reason"] == {"en": "Fits well.", "es": "Encaja bien."}
    assert event["evidence"] == {"basis": "p1", "findings": [{"name": "sector", "points": 30}]}
    assert event["simulated"] is True


async def test_what_is_claimed_is_nobody_elses(
    engine: AsyncEngine, url: str, clock: SetClock
) -> None:
    """Claimers on four connections at once get every row, and none of them twice."""
    await _opportunities(engine, clock, 40)
    engines = [open_engine(url) for _ in range(4)]
    outboxes = [Outbox(each, clock, claim=CLAIM) for each in engines]

    claims = await asyncio.gather(*(outbox.claim(4) for outbox in outboxes for _ in range(4)))

    for each in engines:
        await each.dispose()
    ids = [claimed.event_id for claim in claims for claimed in claim]
    assert len(ids) == len(set(ids))
    left = await Outbox(engine, clock).claim(100)
    assert len({*ids, *(claimed.event_id for claimed in left)}) == 40


async def test_a_dead_deliverers_claim_lapses(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """Until then no other relay takes it; later reports of the old one are ignored."""
    await _opportunities(engine, clock, 1)
    (dead,) = await outbox.claim(1)
    clock.pass_by(CLAIM - timedelta(seconds=1))
    assert await outbox.claim(1) == []

    clock.pass_by(timedelta(seconds=2))
    (heir,) = await outbox.claim(1)
    await outbox.bury(dead, "late")

    assert (heir.event_id, heir.body, heir.attempts) == (dead.event_id, dead.body, 2)
    assert await outbox.counts() == {HandOverState.PENDING: 1}


async def test_a_delivery_counts_after_its_claim_has_lapsed(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """The receiver has it, although the claim had lapsed: it is not sent again."""
    await _opportunities(engine, clock, 1)
    (slow,) = await outbox.claim(1)
    clock.pass_by(CLAIM)
    (heir,) = await outbox.claim(1)

    await outbox.delivered(slow.event_id)
    await outbox.postpone(heir, "answered 503", timedelta(0))
    clock.pass_by(timedelta(days=1))

    assert await outbox.claim(1) == []
    (seen,) = await outbox.latest()
    assert (seen.state, seen.reason) == (HandOverState.DELIVERED, None)


async def test_it_is_given_up_after_so_many_attempts_and_owed_again_when_asked(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """With the last reason; asked for again, it is the same event with all its attempts."""
    await _opportunities(engine, clock, 1)
    for _ in range(3):
        (claimed,) = await outbox.claim(1)
        await outbox.postpone(claimed, "answered 503", timedelta(minutes=5))
        assert await outbox.claim(1) == []
        clock.pass_by(timedelta(minutes=6))

    (dead,) = await outbox.latest(HandOverState.DEAD)
    assert (dead.attempts, dead.reason) == (3, "answered 503")
    assert await outbox.counts() == {HandOverState.DEAD: 1}
    assert await outbox.counts([HandOverState.PENDING]) == {}
    assert await outbox.claim(1) == []
    assert await outbox.retry([lead(9).id]) == 0
    assert await outbox.retry() == 1
    (again,) = await outbox.claim(1)
    assert (again.event_id, again.attempts) == (claimed.event_id, 1)


async def test_an_event_that_kills_its_deliverers_is_given_up_too(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """An attempt counts when it is begun."""
    await _opportunities(engine, clock, 1)
    for _ in range(3):
        assert len(await outbox.claim(1)) == 1
        clock.pass_by(CLAIM)

    assert await outbox.claim(1) == []
    (dead,) = await outbox.latest()
    assert (dead.state, dead.reason) == (HandOverState.DEAD, "its deliverers died")


async def test_an_erased_lead_is_handed_over_no_more(engine: AsyncEngine, clock: SetClock) -> None:
    """Erasing a person erases pending events, too."""
    await _opportunities(engine, clock, 1)

    async with writing(engine, "erase") as connection:
        await connection.execute(delete(schema.leads))

    async with reading(engine, "look") as connection:
        assert (await connection.execute(select(schema.handovers))).all() == []


async def test_what_was_delivered_long_ago_is_dropped(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """In several transactions; what was given up, is owed or is younger stays."""
    await _opportunities(engine, clock, 9)
    claimed = await outbox.claim(9)
    for each in claimed[:5]:
        await outbox.delivered(each.event_id)
    await outbox.bury(claimed[5], "refused")
    clock.pass_by(timedelta(days=80))
    await outbox.delivered(claimed[6].event_id)
    clock.pass_by(timedelta(days=10, hours=1))
    pruners = [Pruner("handovers", outbox, clock, keep=timedelta(days=90), batch=2) for _ in "ab"]

    dropped = await asyncio.gather(*(pruner.prune() for pruner in pruners))

    assert sum(dropped) == 5
    assert await outbox.counts() == {
        HandOverState.DELIVERED: 1,
        HandOverState.DEAD: 1,
        HandOverState.PENDING: 2,
    }


async def test_a_dropped_hand_over_is_not_owed_again(
    engine: AsyncEngine, clock: SetClock, outbox: Outbox
) -> None:
    """Judging its lead again finds the opportunity, and owes no event."""
    await _opportunities(engine, clock, 1)
    (claimed,) = await outbox.claim(1)
    await outbox.delivered(claimed.event_id)
    assert await outbox.prune(clock() + timedelta(days=1), limit=10) == 1

    await _opportunities(engine, clock, 1)

    assert await outbox.latest() == []

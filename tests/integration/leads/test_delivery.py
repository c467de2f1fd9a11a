"""Opportunities delivered to a real receiver that fails, hangs and hangs up."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from orchestrator.database import open_engine
from orchestrator.infra.background import Supervisor, end_task
from orchestrator.infra.clock import utc_now
from orchestrator.leads import HandOverState, LeadStore, Outbox, OutboxRelay, Webhook, open_webhook
from tests.support.async_waiting import eventually
from tests.support.cases import advance, lead
from tests.support.children import Children
from tests.support.receiver import SECRET, SECRET_TEXT, Receiver, open_receiver

SOON = timedelta(milliseconds=20)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated database."""
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a running receiver."""
    async with open_receiver() as running:
        yield running


@pytest.fixture
def outbox(engine: AsyncEngine) -> Outbox:
    """Return an outbox that does not give up."""
    return Outbox(engine, utc_now, most_attempts=40)


@pytest.fixture
async def webhook(receiver: Receiver) -> AsyncIterator[Webhook]:
    """Return a client of the receiver."""
    async with open_webhook(receiver.url, SECRET, utc_now) as opened:
        yield opened


def _relay(outbox: Outbox, webhook: Webhook) -> OutboxRelay:
    return OutboxRelay(outbox, webhook, period=SOON, pause=lambda _: SOON)


async def _opportunities(engine: AsyncEngine, count: int) -> None:
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(number) for number in range(count)])
    for number in range(count):
        await store.record(lead(number), [advance()], "acme", basis="p1")


async def _until(outbox: Outbox, **counts: int) -> None:
    async def is_so() -> bool:
        found = await outbox.counts()
        return {state.value: n for state, n in found.items()} == counts

    await eventually(is_so, f"the outbox has {counts}")


async def test_every_opportunity_has_one_effect_at_a_receiver_that_fails(
    engine: AsyncEngine, outbox: Outbox, webhook: Webhook, receiver: Receiver
) -> None:
    """Three relays, errors, connections that break after the effect: one effect for each."""
    await _opportunities(engine, 25)
    receiver.script = [503, None, 500, None, 429, None, 302, 404] * 2
    relays = [Supervisor().start(_relay(outbox, webhook).loop) for _ in range(3)]

    await _until(outbox, delivered=25)

    for relay in relays:
        await end_task(relay)
    assert len(receiver.effects) == 25
    assert set(receiver.effects.values()) == {1}
    assert sum(receiver.received.values()) == 25 + 16


async def test_a_healthy_receiver_is_told_once(
    engine: AsyncEngine, outbox: Outbox, webhook: Webhook, receiver: Receiver
) -> None:
    """However many relays there are."""
    await _opportunities(engine, 15)
    relays = [Supervisor().start(_relay(outbox, webhook).loop) for _ in range(4)]

    await _until(outbox, delivered=15)

    for relay in relays:
        await end_task(relay)
    assert set(receiver.received.values()) == {1}


async def test_a_receiver_that_refuses_is_not_asked_again(
    engine: AsyncEngine, outbox: Outbox, webhook: Webhook, receiver: Receiver
) -> None:
    """It is given up at once, with what was answered; asked for again, it is delivered."""
    await _opportunities(engine, 1)
    receiver.script = [422]
    relay = _relay(outbox, webhook)

    await relay.deliver()
    (dead,) = await outbox.latest()
    await outbox.retry()
    await relay.deliver()

    assert (dead.state, dead.reason, dead.attempts) == (HandOverState.DEAD, "answered 422", 1)
    assert await outbox.counts() == {HandOverState.DELIVERED: 1}


async def test_the_receiver_says_when_to_come_back(
    engine: AsyncEngine, outbox: Outbox, webhook: Webhook, receiver: Receiver
) -> None:
    """`Retry-After` is waited for where it is longer than our own pause."""
    await _opportunities(engine, 1)
    receiver.script, receiver.headers = [503], {"retry-after": "120"}
    before = utc_now()

    await _relay(outbox, webhook).deliver()

    (owed,) = await outbox.latest()
    assert owed.due_at >= before + timedelta(seconds=119)
    assert (owed.state, owed.reason) == (HandOverState.PENDING, "answered 503")


async def test_a_receiver_that_says_soon_is_not_pressed(
    engine: AsyncEngine, outbox: Outbox, webhook: Webhook, receiver: Receiver
) -> None:
    """Our own pause is waited for where `Retry-After` is shorter."""
    await _opportunities(engine, 1)
    receiver.script, receiver.headers = [503], {"retry-after": "0"}
    ours, before = timedelta(hours=2), utc_now()

    await OutboxRelay(outbox, webhook, pause=lambda _: ours).deliver()

    (owed,) = await outbox.latest()
    assert owed.due_at >= before + ours


async def test_a_claim_counts_from_when_it_was_got(engine: AsyncEngine) -> None:
    """However long other writers kept it waiting, the deliverer has all of its time."""
    await _opportunities(engine, 1)
    asked_at = utc_now()
    got_at = asked_at + timedelta(seconds=50)
    instants = iter([asked_at])
    outbox = Outbox(engine, lambda: next(instants, got_at), claim=timedelta(minutes=1))

    (_,) = await outbox.claim(10)

    (held,) = await outbox.latest()
    assert held.due_at == got_at + timedelta(minutes=1)


async def test_a_receiver_that_hangs_is_given_up_in_time(
    engine: AsyncEngine, outbox: Outbox, receiver: Receiver
) -> None:
    """Its late answer changes nothing; the event comes again under the same id."""
    await _opportunities(engine, 1)
    receiver.hold.clear()
    async with open_webhook(receiver.url, SECRET, utc_now, patience=10 * SOON) as hasty:
        relay = _relay(outbox, hasty)
        await relay.deliver()
        (owed,) = await outbox.latest()
        receiver.hold.set()
        await eventually(lambda: _delivers(relay), "it is tried again")

    assert (owed.state, owed.reason) == (HandOverState.PENDING, "no answer in time")
    assert list(receiver.received.values()) == [2]
    assert list(receiver.effects.values()) == [1]


async def _delivers(relay: OutboxRelay) -> bool:
    return await relay.deliver() > 0


async def test_nothing_secret_is_logged(
    engine: AsyncEngine, outbox: Outbox, webhook: Webhook, receiver: Receiver
) -> None:
    """Neither the address, nor the secret, nor what was sent."""
    await _opportunities(engine, 3)
    receiver.script = [503, 422]

    with capture_logs() as logs:
        await _relay(outbox, webhook).deliver()

    logged = str(logs)
    assert len(logs) == 3
    assert not any(each in logged for each in (receiver.url, SECRET_TEXT, "acme", "Fits well"))


_DELIVER = """
import asyncio, sys
from datetime import timedelta
from orchestrator.infra.clock import utc_now
from orchestrator.database import open_engine
from orchestrator.leads import Outbox, OutboxRelay, open_webhook
from tests.support.receiver import SECRET

async def main():
    outbox = Outbox(open_engine(sys.argv[1]), utc_now, claim=timedelta(seconds=1))
    async with open_webhook(sys.argv[2], SECRET, utc_now) as webhook:
        await OutboxRelay(outbox, webhook).deliver()

asyncio.run(main())
"""


async def test_a_deliverer_killed_in_mid_delivery_is_followed(
    database_url: str,
    engine: AsyncEngine,
    outbox: Outbox,
    webhook: Webhook,
    receiver: Receiver,
    children: Children,
) -> None:
    """Killed after the effect and before the answer: sent again, and without a second effect."""
    await _opportunities(engine, 1)
    receiver.hold.clear()
    process = await children.start(_DELIVER, database_url, receiver.url)
    await asyncio.wait_for(receiver.came.wait(), 100)

    process.send_signal(signal.SIGKILL)
    await process.wait()
    receiver.hold.set()
    relay = Supervisor().start(_relay(outbox, webhook).loop)
    await _until(outbox, delivered=1)

    await end_task(relay)
    assert list(receiver.received.values()) == [2]
    assert list(receiver.effects.values()) == [1]

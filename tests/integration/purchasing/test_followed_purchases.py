"""A purchase whose buyer may be alive is followed, whatever has become of its lease."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.memo import Source
from orchestrator.memo.store import Keys, process_key, process_of
from orchestrator.purchasing import Enrichment, PurchaseOutcome
from orchestrator.surfsense import AnswerLost, ServiceUnavailable
from tests.integration.purchasing.conftest import CAPPED, FREE, World, Worlds
from tests.support.async_waiting import eventually
from tests.support.script_flight import text_of
from tests.support.surfsense import PRICE

KEYS = Keys("surfsense:acme")
#: Short, so that a process is called gone after 1.2 s without a sign of life.
LEASE = timedelta(milliseconds=300)


@pytest.fixture
def buyer(worlds: Worlds, shared_valkey: Valkey) -> World:
    """Return the process that buys."""
    return worlds.open(shared_valkey, lease=LEASE)


@pytest.fixture
def successor(worlds: Worlds, shared_valkey: Valkey) -> World:
    """Return the process that comes after it."""
    return worlds.open(shared_valkey, lease=LEASE)


async def _begin_to_buy(world: World) -> asyncio.Task[Enrichment]:
    world.seller.gate.clear()
    buying = asyncio.create_task(world.enricher.enrich("Acme", CAPPED))
    async with asyncio.timeout(10):
        await world.seller.busy.wait()
    return buying


async def _stop(world: World) -> None:
    """Stop the signs of life of *world*, whose purchase goes on."""
    await world.memo._processes.aclose()  # noqa: SLF001 - as if it stood still


async def _called_gone(buyer: World, successor: World) -> asyncio.Task[Enrichment]:
    """Return a purchase of *buyer*, which *successor* has written off as lost."""
    buying = await _begin_to_buy(buyer)
    await _stop(buyer)
    async with asyncio.timeout(20):
        with pytest.raises(AnswerLost):
            await successor.enricher.enrich("Acme", FREE)
    return buying


async def _uncertain(world: World) -> bool:
    purchases = await world.ledger.purchases_of("acme")
    return [each.outcome for each in purchases] == [PurchaseOutcome.UNCERTAIN]


async def test_the_lease_of_a_purchase_outlives_every_stand_still(
    buyer: World, memo_redis: Redis
) -> None:
    """From its intent on it lasts until the answer must have come, unrenewed if need be."""
    buying = await _begin_to_buy(buyer)

    left_ms = await memo_redis.pttl(KEYS.lease)
    buyer.seller.gate.set()
    await buying

    assert left_ms > buyer.seller.answers_within / timedelta(milliseconds=1)
    assert not await memo_redis.exists(KEYS.lease)


async def test_a_follower_waits_for_a_buyer_that_lives(buyer: World, successor: World) -> None:
    """For longer than any lease, without buying; it gets the answer when it comes."""
    buying = await _begin_to_buy(buyer)
    following = asyncio.create_task(successor.enricher.enrich("Acme", FREE))

    await asyncio.sleep(6 * LEASE.total_seconds())
    assert not following.done()
    buyer.seller.gate.set()

    assert (await following).source is Source.COALESCED
    assert (await buying).source is Source.BOUGHT
    assert len(buyer.seller.asked) == 1


async def test_a_buyer_that_is_gone_is_not_waited_for(buyer: World, successor: World) -> None:
    """Its purchase becomes uncertain, and is not made again."""
    buying = await _begin_to_buy(buyer)
    following = asyncio.create_task(successor.enricher.enrich("Acme", FREE))
    await _stop(buyer)

    async with asyncio.timeout(20):
        with pytest.raises(AnswerLost):
            await following

    assert await _uncertain(successor)
    assert len(buyer.seller.asked) == 1
    buyer.seller.gate.set()
    await buying


async def test_a_late_answer_is_stored_and_resolves_the_doubt(
    buyer: World, successor: World
) -> None:
    """The buyer had only stood still: its record is the ticket, although it was called gone."""
    buying = await _called_gone(buyer, successor)

    buyer.seller.gate.set()
    bought = await buying

    assert bought.source is Source.BOUGHT
    found = await successor.enricher.enrich("Acme", FREE)
    assert (found.source, found.purchase_id) == (Source.HIT, bought.purchase_id)
    (purchase,) = await successor.ledger.purchases_of("acme")
    assert (purchase.outcome, purchase.cost_micros) == (PurchaseOutcome.FOUND, PRICE)
    account = await successor.budget.account("run:job-capped")
    assert (account.spent_micros, account.held_micros) == (PRICE, 0)


async def test_a_late_refusal_resolves_it_as_free(buyer: World, successor: World) -> None:
    """The buyer that was called gone learns that nothing was charged."""
    buyer.seller.script["Acme"] = [ServiceUnavailable("Acme", "it answered 503")]
    buying = await _called_gone(buyer, successor)

    buyer.seller.gate.set()
    with pytest.raises(ServiceUnavailable):
        await buying

    (purchase,) = await successor.ledger.purchases_of("acme")
    assert (purchase.outcome, purchase.cost_micros) == (PurchaseOutcome.NOT_CHARGED, 0)
    assert (await successor.budget.account("run:job-capped")).used_micros == 0
    assert (await successor.enricher.enrich("Acme", FREE)).source is Source.BOUGHT


async def test_a_late_answer_is_refused_once_another_purchase_has_begun(
    buyer: World, successor: World
) -> None:
    """A person has asked for it: what comes late is in the ledger, and nowhere else."""
    buying = await _called_gone(buyer, successor)
    successor.seller.busy.clear()
    again = asyncio.create_task(_buy_again(successor))
    async with asyncio.timeout(10):
        await successor.seller.busy.wait()

    buyer.seller.gate.set()
    await buying
    bought = await again

    outcomes = [each.outcome for each in await successor.ledger.purchases_of("acme")]
    assert outcomes == 2 * [PurchaseOutcome.FOUND]
    found = await successor.enricher.enrich("Acme", FREE)
    assert found.purchase_id == bought.purchase_id


async def _buy_again(world: World) -> Enrichment:
    purpose = type(FREE)(FREE.job_id, FREE.tenant, buy_again="a person")
    return await world.enricher.enrich("Acme", purpose)


async def test_silence_of_the_server_is_no_sign_of_death(
    buyer: World, successor: World, memo_redis: Redis
) -> None:
    """All keys have lapsed since none could be renewed: the successor waits for its own proof."""
    buying = await _begin_to_buy(buyer)
    following = asyncio.create_task(successor.enricher.enrich("Acme", FREE))
    processes = successor.memo._processes  # noqa: SLF001 - what it has seen of the server
    other = process_of(await text_of(memo_redis, KEYS.lease))

    async def is_steady() -> bool:
        await memo_redis.delete(process_key(other))
        return await processes.is_gone(other)

    await eventually(is_steady, "the successor could tell")
    processes._renewed_at -= 10  # noqa: SLF001 - its last renewal was ten seconds ago

    assert not await processes.is_gone(other)
    buyer.seller.gate.set()
    await asyncio.gather(buying, following)


async def test_the_sweeper_ends_the_flight_of_a_buyer_that_is_gone(
    buyer: World, successor: World
) -> None:
    """The ledger has the money although no caller asks for the company."""
    buying = await _begin_to_buy(buyer)
    await successor.memo._processes.announce()  # noqa: SLF001 - as a worker at work
    await _stop(buyer)

    async def is_settled() -> bool:
        await successor.memo_redis.zadd("memo1:noted", {await _noted(successor): 0}, xx=True)
        await successor.sweeper.sweep()
        return await _uncertain(successor)

    await eventually(is_settled, "the purchase is entered as uncertain")
    buyer.seller.gate.set()
    await buying


async def _noted(world: World) -> bytes:
    (member,) = await world.memo_redis.zrange("memo1:noted", 0, -1)
    assert isinstance(member, bytes)
    return member


async def test_a_purchase_found_by_its_own_item_is_its_own(buyer: World, successor: World) -> None:
    """The worker died after storing and before reporting: the job paid, and saved nothing."""
    purpose = type(FREE)("job-1", "default", item=7)
    other = type(FREE)("job-1", "default", item=8)
    await buyer.enricher.enrich("Acme", purpose)

    again = await successor.enricher.enrich("Acme", purpose)
    of_another = await successor.enricher.enrich("Acme", other)

    assert (again.source, again.cost_micros, again.saved_micros) == (Source.BOUGHT, PRICE, 0)
    assert (of_another.source, of_another.saved_micros) == (Source.HIT, PRICE)

"""A purchase that no caller waits for is stopped while that is free."""

import asyncio

import pytest

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.background import end_task
from orchestrator.memo import Source
from orchestrator.purchasing import Enrichment
from tests.integration.purchasing.conftest import CAPPED, FREE, World, Worlds
from tests.support.async_waiting import eventually
from tests.support.books import total_spent
from tests.support.surfsense import PRICE, FakeRunSeller

LEASE_KEY, NOTE_KEY = "memo1:lease:surfsense:acme", "memo1:note:surfsense:acme"


@pytest.fixture
def seller(worlds: Worlds) -> FakeRunSeller:
    """Return the seller of runs; runs take until the gate opens."""
    worlds.run_seller.gate.clear()
    return worlds.run_seller


@pytest.fixture
def buys_runs(worlds: Worlds, seller: FakeRunSeller, shared_valkey: Valkey) -> World:
    """Return a process that buys runs."""
    return worlds.open(shared_valkey, seller)


async def _begin(world: World) -> "asyncio.Task[Enrichment]":
    """Start a caller that waits for a purchase under way."""
    waiting = asyncio.create_task(world.enricher.enrich("Acme", CAPPED))
    await world.seller.busy.wait()
    return waiting


async def _until_let_go(world: World) -> None:
    async def is_over() -> bool:
        return not await world.memo_redis.exists(LEASE_KEY, NOTE_KEY)

    await eventually(is_over, "no flight leads, and nothing is owed")


async def test_a_cancelled_run_is_neither_charged_nor_counted(
    buys_runs: World, seller: FakeRunSeller
) -> None:
    """The seller stops it, the cap gets back what was held, and the ledger hears nothing."""
    await buys_runs.cap(PRICE)
    await end_task(await _begin(buys_runs))

    assert buys_runs.enricher.abandon("acme")
    await _until_let_go(buys_runs)

    assert seller.cancelled == ["run-1"]
    assert await total_spent(buys_runs.ledger) == seller.charged_micros == 0
    assert (await buys_runs.budget.account("run:job-capped")).used_micros == 0


async def test_after_that_it_is_bought_like_any_other(
    buys_runs: World, seller: FakeRunSeller
) -> None:
    """No failure is shared: the next caller buys at once, and pays once."""
    await end_task(await _begin(buys_runs))
    buys_runs.enricher.abandon("acme")
    await _until_let_go(buys_runs)
    seller.gate.set()

    enrichment = await buys_runs.enricher.enrich("Acme", FREE)

    assert enrichment.source is Source.BOUGHT
    assert seller.collected == ["run-2"]
    assert await total_spent(buys_runs.ledger) == PRICE


async def test_a_run_that_has_ended_is_stored_and_settled(
    buys_runs: World, seller: FakeRunSeller
) -> None:
    """It was too late to cancel it: what is paid for is kept."""
    seller.too_late = True
    await end_task(await _begin(buys_runs))

    buys_runs.enricher.abandon("acme")
    seller.gate.set()
    await _until_let_go(buys_runs)

    assert (await buys_runs.enricher.enrich("Acme", FREE)).source is Source.HIT
    assert await total_spent(buys_runs.ledger) == seller.charged_micros == PRICE


async def test_what_somebody_waits_for_goes_on(buys_runs: World, seller: FakeRunSeller) -> None:
    """One of two callers has gone away, the other one gets its answer."""
    staying = asyncio.create_task(buys_runs.enricher.enrich("Acme", CAPPED))
    await end_task(await _begin(buys_runs))

    assert not buys_runs.enricher.abandon("acme")
    seller.gate.set()

    assert (await staying).evidence is not None
    assert seller.cancelled == []


async def test_a_follower_elsewhere_buys_for_itself(
    worlds: Worlds, buys_runs: World, seller: FakeRunSeller, shared_valkey: Valkey
) -> None:
    """Another process still wants it: it leads as soon as the run was cancelled."""
    elsewhere = worlds.open(shared_valkey, seller)
    first = await _begin(buys_runs)
    following = asyncio.create_task(elsewhere.enricher.enrich("Acme", FREE))
    await end_task(first)

    buys_runs.enricher.abandon("acme")
    seller.gate.set()
    enrichment = await following

    assert enrichment.evidence is not None
    assert await total_spent(buys_runs.ledger) == seller.charged_micros == PRICE


async def test_what_cannot_be_cancelled_is_bought(world: World) -> None:
    """By `enrich` a purchase that was sent is paid for, so it is finished and stored."""
    world.seller.gate.clear()
    await end_task(await _begin(world))

    world.enricher.abandon("acme")
    world.seller.gate.set()
    await _until_let_go(world)

    assert (await world.enricher.enrich("Acme", FREE)).source is Source.HIT
    assert await total_spent(world.ledger) == world.seller.charged_micros == PRICE


async def test_where_nothing_is_bought_there_is_nothing_to_stop(world: World) -> None:
    """Asking is free."""
    assert not world.enricher.abandon("acme")

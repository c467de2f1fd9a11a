"""The POST waits until its intent is where EMASAI_INTENT_DURABILITY wants it, or never leaves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import Durability, LeaseLost, NotDurable, Source
from orchestrator.memo.store import Confirmations, Keys
from orchestrator.purchasing import Enrichment
from tests.integration.purchasing.conftest import CAPPED, FREE, World, Worlds
from tests.support.async_waiting import eventually
from tests.support.books import total_spent
from tests.support.surfsense import PRICE, FakeRunSeller, FakeSeller
from tests.support.valkey import (
    calls_of,
    client_of,
    follow,
    running_valkey,
    standing_still,
)

#: Far above what a server has for its answer, far below what a hanging one would take.
BOUND_S = 15


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """Run a server whose profile may be changed."""
    with running_valkey(tmp_path / "primary") as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Valkey]:
    """Run another one."""
    with running_valkey(tmp_path / "replica") as replica:
        yield replica


@pytest.fixture
async def followed(server: Valkey, replica: Valkey) -> Valkey:
    """Let the other server follow the first."""
    await follow(server, replica)
    return server


@pytest.fixture(params=[FakeSeller, FakeRunSeller])
def seller(request: pytest.FixtureRequest) -> FakeSeller:
    """Return a seller by each of the protocols."""
    return cast("FakeSeller", request.param())


async def _refused(world: World) -> NotDurable:
    """Ask for a company that cannot be bought; nothing of the attempt may be left."""
    await world.cap(PRICE)
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(NotDurable) as refusal:
            await world.enricher.enrich("Acme", CAPPED)
    assert world.seller.asked == []
    assert (await world.budget.account("run:job-capped")).used_micros == 0
    assert await world.memo_redis.exists("memo1:note:surfsense:acme", "memo1:noted") == 0
    assert await world.memo_redis.exists("memo1:lease:surfsense:acme") == 0
    return refusal.value


async def _bought(world: World) -> None:
    """Ask again: nothing of the refusal stands in the way."""
    assert (await world.enricher.enrich("Acme", CAPPED)).source is Source.BOUGHT
    assert len(world.seller.asked) == 1
    assert await total_spent(world.ledger) == world.seller.charged_micros == PRICE


async def _held_back(world: World, admin: Redis) -> asyncio.Task[Enrichment]:
    """Begin a purchase on a server that leaves its disk alone; the intent waits for that."""
    await admin.config_set("appendfsync", "no")
    buying = asyncio.create_task(world.enricher.enrich("Acme", FREE))
    await eventually(lambda: _waiting(admin, at_least=1), "the intent waits for the disk")
    return buying


async def test_nothing_is_sent_before_the_disk_has_the_intent(
    worlds: Worlds, followed: Valkey, seller: FakeSeller
) -> None:
    """A server that writes to its disk later is waited for, then the purchase goes on."""
    world = worlds.open(followed, seller, durability=Durability.REPLICA)
    async with client_of(followed, 1) as admin:
        buying = await _held_back(world, admin)
        assert await world.memo_redis.exists("memo1:note:surfsense:acme")
        assert seller.asked == []
        await admin.config_set("appendfsync", "always")

    assert (await buying).source is Source.BOUGHT
    assert len(seller.asked) == 1


async def test_a_disk_that_takes_too_long_sells_nothing(
    worlds: Worlds, followed: Valkey, seller: FakeSeller
) -> None:
    """The caller gets the error in bounded time, and nothing of the attempt is left."""
    world = worlds.open(followed, seller, durability=Durability.REPLICA)
    async with client_of(followed, 1) as admin:
        await admin.config_set("appendfsync", "no")

        assert "Redis did not have it on disk within 2.5 s" in str(await _refused(world))

        await admin.config_set("appendfsync", "always")
    await _bought(world)


async def test_a_server_without_a_file_sells_nothing(
    worlds: Worlds, followed: Valkey, seller: FakeSeller
) -> None:
    """It says that it cannot tell; the sentence says so, and who knows more."""
    world = worlds.open(followed, seller, durability=Durability.REPLICA)
    async with client_of(followed, 1) as admin:
        await admin.config_set("appendonly", "no")

        refusal = await _refused(world)
        assert "Redis cannot say whether it is on disk (" in str(refusal)
        assert "nothing was bought, `emasai doctor` names the fix" in str(refusal)

        await admin.config_set("appendonly", "yes")
        await _until_rewritten(admin)
    await _bought(world)


async def _until_rewritten(admin: Redis) -> None:
    async def is_rewritten() -> bool:
        known = await admin.info("persistence")
        return not (int(known["aof_rewrite_in_progress"]) or int(known["aof_rewrite_scheduled"]))

    await eventually(is_rewritten, "the file is there")


async def test_a_connection_that_is_lost_confirms_nothing(
    worlds: Worlds, followed: Valkey, seller: FakeSeller
) -> None:
    """A new connection has written nothing, so the server would confirm all of it at once."""
    world = worlds.open(followed, seller, durability=Durability.REPLICA)
    async with client_of(followed, 1) as admin:
        buying = await _held_back(world, admin)

        await admin.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(StoreUnavailable):
            await buying

    assert seller.asked == []
    assert await world.memo_redis.exists("memo1:note:surfsense:acme", "memo1:noted") == 0


async def test_without_its_replica_a_server_sells_nothing(
    worlds: Worlds, server: Valkey, replica: Valkey, seller: FakeSeller
) -> None:
    """None is there, or it stands still: nothing is bought, until it answers."""
    world = worlds.open(server, seller, durability=Durability.REPLICA)
    assert "no replica had it on disk within 2.5 s" in str(await _refused(world))
    await follow(server, replica)

    with standing_still(replica):
        assert "no replica had it on disk within 2.5 s" in str(await _refused(world))

    await _bought(world)


async def test_only_the_intent_is_waited_for(
    worlds: Worlds, followed: Valkey, seller: FakeSeller
) -> None:
    """One purchase waits once, whatever else is written down about it; by default never."""
    waiting = worlds.open(followed, seller, durability=Durability.REPLICA)
    await waiting.enricher.enrich("Acme", FREE)
    assert await calls_of(waiting.memo_redis, "watch") == 1

    await worlds.open(followed, seller).enricher.enrich("Beta", FREE)

    assert await calls_of(waiting.memo_redis, "watch") == 1


async def test_purchases_wait_together(
    worlds: Worlds, followed: Valkey, seller: FakeSeller
) -> None:
    """Those that come later do not wait for the end of the first wait, nor for one each."""
    world = worlds.open(followed, seller, durability=Durability.REPLICA)
    async with client_of(followed, 1) as admin:
        await admin.config_set("appendfsync", "no")
        buying = [asyncio.create_task(world.enricher.enrich("Acme", FREE))]
        await eventually(lambda: _waiting(admin, at_least=1), "the first intent waits")
        names = [f"Acme {number}" for number in range(50)]
        buying += [asyncio.create_task(world.enricher.enrich(name, FREE)) for name in names]
        await eventually(lambda: _waiting(admin, at_least=2), "the others wait, too")
        await admin.config_set("appendfsync", "always")

    assert {(await each).source for each in buying} == {Source.BOUGHT}
    assert await calls_of(world.memo_redis, "watch") < len(buying) / 2


async def _waiting(admin: Redis, *, at_least: int) -> bool:
    return int((await admin.info("clients"))["blocked_clients"]) >= at_least


async def test_a_record_that_another_server_has_is_not_confirmed(followed: Valkey) -> None:
    """Written to the old primary, asked for at the new one, which has another flight's."""
    keys = Keys("surfsense:acme")
    async with client_of(followed, 1) as primary:
        await primary.set(keys.record, b'{"written_by":"token"}', px=60_000)
        await Confirmations(primary).confirm(keys, "token")

        await primary.set(keys.record, b'{"written_by":"another"}', px=60_000)
        with pytest.raises(LeaseLost):
            await Confirmations(primary).confirm(keys, "token")


async def test_every_waiting_caller_hears_that_redis_is_gone(server: Valkey) -> None:
    """A request that fails fails for every record that it was to confirm."""
    async with client_of(server, 1) as client:
        confirmations = Confirmations(client)
        server.child.end()
        asked = [confirmations.confirm(Keys(f"surfsense:{n}"), "token") for n in range(3)]

        errors = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(error).__name__ for error in errors] == ["ConnectionError"] * 3

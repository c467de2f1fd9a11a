"""How long a command to Redis may take, and what TLS lets through, on real servers."""

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from redis.asyncio import Redis

from orchestrator.doctor import Level
from orchestrator.doctor.examine import examine
from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import StoreUnavailable, open_redis, store_errors
from orchestrator.messaging import BrokerAway, Queues, create_app
from orchestrator.settings import load
from tests.support.redis_servers import ServerMissing, redis_7, tls_server
from tests.support.valkey import client_of, running_valkey, standing_still

#: What a command may take, as the URL says.
LIMIT_S = 1.0

T = TypeVar("T")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """Run a server of the test's own."""
    with running_valkey(tmp_path) as server:
        yield server


async def _sooner(work: Awaitable[T], *, limits: int = 2) -> T:
    """Return what *work* does, if that comes before *limits* have passed on the same loop.

    They pass in short steps: where the machine holds up the process, that counts as one.
    """
    task = asyncio.ensure_future(work)
    for _ in range(20 * limits):
        await asyncio.wait({task}, timeout=LIMIT_S / 20)
        if task.done():
            return await task
    task.cancel()
    raise AssertionError("it took longer than one deadline")


async def _ask(client: Redis, how: str) -> None:
    with store_errors(how):
        match how:
            case "command":
                await client.get("surfsense:x")
            case "pipeline":
                pipe = client.pipeline(transaction=False)
                pipe.get("surfsense:x")
                await pipe.execute()
            case "transaction":
                async with client.pipeline(transaction=True) as both:
                    both.set("surfsense:x", "", px=1)
                    await both.execute()
            case "watching":
                async with client.pipeline() as watching:
                    await watching.watch("surfsense:x")
            case "script":
                await client.register_script("return 1")(keys=[], args=[])
            case _:
                raise AssertionError(how)


@pytest.mark.parametrize("how", ["command", "pipeline", "transaction", "watching", "script"])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not connected"])
async def test_a_server_that_stands_still_costs_one_deadline(
    server: Valkey, how: str, *, connected: bool
) -> None:
    """It accepts and does not answer: connecting, logging in and all retries are within one."""
    client = open_redis(f"{server.url}/1?socket_timeout={LIMIT_S}&socket_connect_timeout={LIMIT_S}")
    try:
        if connected:
            await client.ping()
        with (
            standing_still(server),
            pytest.raises(StoreUnavailable, match="try again later"),
        ):
            await _sooner(_ask(client, how))

        # Nothing of the old answers is taken for a new one.
        assert await client.echo("who") == b"who"
    finally:
        await client.aclose()


async def test_callers_that_wait_for_a_connection_have_the_same_deadline(server: Valkey) -> None:
    """More of them than there are connections: no caller waits for the deadlines of others."""
    url = f"{server.url}/1?socket_timeout={LIMIT_S}&max_connections=16"
    client = open_redis(url)
    with standing_still(server):
        asked = asyncio.gather(*(client.get("x") for _ in range(64)), return_exceptions=True)
        # Callers that wait for the deadlines of others take four limits.
        met = await _sooner(asked, limits=3)
    await client.aclose()

    assert all(isinstance(error, Exception) for error in met)


async def test_a_connection_that_the_server_has_closed_is_made_anew(server: Valkey) -> None:
    """As a proxy does with idle ones: that is tried again, and no error."""
    client = open_redis(f"{server.url}/1")
    await client.ping()
    async with client_of(server, 1) as admin:
        await admin.client_kill_filter(_type="normal", skipme=True)

    assert await client.ping()
    await client.aclose()


async def test_a_certificate_that_nobody_trusts_ends_every_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our client, Celery's and the doctor: without the CA, none of them sends its password."""
    try:
        program = redis_7()
    except ServerMissing as missing:
        pytest.skip(str(missing))
    monkeypatch.chdir(tmp_path)
    with tls_server(program, tmp_path / "server") as (server, port, ca):
        settings = load(
            REDIS_URL=f"rediss://:pw@127.0.0.1:{port}/1",
            DATABASE_URL=f"sqlite:///{tmp_path}/emasai.db",
            SURFSENSE_URL="http://127.0.0.1:9",
        )
        client = open_redis(settings.redis_memo_url)
        with pytest.raises(StoreUnavailable), store_errors("ping"):
            await client.ping()
        await client.aclose()
        queues = Queues(create_app(settings))
        with pytest.raises(BrokerAway):
            queues.depths(["pipeline"])
        queues.close()
        told = [each for each in await examine(settings) if "not trusted" in each.what]
        with server.admin() as admin:
            seen = int(admin.info("commandstats").get("cmdstat_auth", {}).get("calls", 0))

    assert [each.level for each in told] == [Level.FAULT]
    assert "ssl_ca_certs" in (told[0].fix or "")
    assert ca.exists()
    assert seen <= 2  # the administrator's own

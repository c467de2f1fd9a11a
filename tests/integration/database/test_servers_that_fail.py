"""PostgreSQL and PgBouncer that restart or stand still in the middle of the work."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import text

from orchestrator.database import (
    DatabaseUnavailable,
    database_time,
    open_engine,
    reading,
    upgrade,
    writing,
)
from orchestrator.infra.clock import ahead_of, utc_now
from orchestrator.purchasing import Ledger
from tests.support.books import total_spent
from tests.support.cases import purchase
from tests.support.pgbouncer import PgBouncer, running_pgbouncer
from tests.support.postgres import PostgresServer, running_postgres


@pytest.fixture
def own_server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Run a server that the test may hurt, where there is one at all."""
    del postgres
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_pooler(own_server: PostgresServer, pgbouncer: PgBouncer) -> Iterator[PgBouncer]:
    """Run a pooler that the test may hurt."""
    del pgbouncer
    with running_pgbouncer(own_server) as pooler:
        yield pooler


def _restart_pooler(_: PostgresServer, pooler: PgBouncer) -> None:
    pooler.kill()
    pooler.restart()


def _restart_server(server: PostgresServer, _: PgBouncer) -> None:
    server.stop()
    server.start()


@pytest.mark.parametrize("restart", [_restart_pooler, _restart_server])
async def test_purchases_are_settled_once_through_a_restart(
    own_server: PostgresServer,
    own_pooler: PgBouncer,
    restart: Callable[[PostgresServer, PgBouncer], None],
) -> None:
    """What failed is repeated, as all writers do; at the end each purchase is there once."""
    name = f"test_{uuid4().hex}"
    own_server.create_database(name)
    url = own_pooler.url(name)
    await upgrade(url)
    engine = open_engine(url)
    ledger, begun, restarted = Ledger(engine, utc_now), asyncio.Event(), asyncio.Event()

    async def settle(number: int) -> None:
        while True:
            try:
                await ledger.settle(purchase(number))
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)
            else:
                begun.set()
                return

    async def settle_many() -> int:
        settled = 0
        while not restarted.is_set() or settled < 300:
            await asyncio.gather(*(settle(settled + number) for number in range(10)))
            settled += 10
        return settled

    work = asyncio.create_task(settle_many())
    await begun.wait()
    await asyncio.to_thread(restart, own_server, own_pooler)
    restarted.set()

    settled = await work
    assert await total_spent(ledger) == settled * 46_500
    await engine.dispose()


async def test_a_server_that_stands_still_is_unavailable(own_server: PostgresServer) -> None:
    """A server that accepts and does not answer ends the operation, not only its statement."""
    engine = open_engine(own_server.url("postgres"), answer_timeout=timedelta(seconds=0.5))
    async with reading(engine, "look") as connection:
        backend = int(await connection.scalar(text("SELECT pg_backend_pid()")) or 0)
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(DatabaseUnavailable, match="could not look again"):
                async with reading(engine, "look again"):
                    await connection.scalar(text("SELECT 1"))
        finally:
            os.kill(backend, signal.SIGCONT)

    async with writing(engine, "go on") as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_the_server_is_given_a_deadline_for_each_statement(url: str) -> None:
    """Within each transaction, and there alone: a pooler gives the session to another client."""
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        await engine.dispose()
        return

    async with reading(engine, "look") as connection:
        within = await connection.scalar(text("SHOW statement_timeout"))

    assert within == "20s"
    await engine.dispose()


async def test_the_server_tells_the_time(url: str) -> None:
    """PostgreSQL's clock is compared with this machine's; SQLite has the same one."""
    engine = open_engine(url)
    if engine.dialect.name == "postgresql":
        assert await ahead_of(partial(database_time, engine)) == timedelta(0)
        late = await ahead_of(partial(database_time, engine), lambda: utc_now() - timedelta(days=1))
        assert timedelta(hours=-25) < late < timedelta(hours=-23)
    await engine.dispose()

"""What the doors answer while PostgreSQL is away, stands still, or has no connection left."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import select

import orchestrator.app
from orchestrator.database import engine, open_engine, reading, writing
from orchestrator.database.schema import leads
from orchestrator.settings import Settings
from tests.support.cases import lead
from tests.support.database import migrated_database
from tests.support.postgres import PostgresServer, running_postgres
from tests.unit.http.conftest import Api, OpenApi

#: Seconds that a test gives a server, and the pool, before they count as unavailable.
SHORT_S = 0.5
#: Seconds within which all doors answer then, on a busy machine.
PATIENCE_S = 60
LEAD = f"/leads/{lead(1).id}"
NEW = {"empresa": "Acme", "contacto": "Ana", "correo": "ana@acme.example"}
#: Some of each kind: cached and other reads, fenced writes, inserts, sums.
DOORS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", LEAD, None),
    ("PATCH", LEAD, {"notas": "x"}),
    ("DELETE", LEAD, None),
    ("GET", f"{LEAD}/decisions", None),
    ("GET", "/leads", None),
    ("GET", "/oportunidades", None),
    ("POST", "/leads", NEW),
    ("GET", "/dashboard/metrics", None),
    ("GET", "/api/v1/costs", None),
    ("GET", "/api/v1/watches", None),
    ("POST", "/api/v1/watches", {"names": ["Acme"], "every_s": 86_400}),
    ("POST", "/api/v1/persons/export", {"email": "ana1@acme.example"}),
]


@pytest.fixture
def own_server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Run a server that the test may hurt, where there is one at all."""
    del postgres
    with running_postgres() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting end sooner than in production."""
    monkeypatch.setattr(engine, "POOL_TIMEOUT_S", SHORT_S)
    monkeypatch.setitem(engine._POSTGRES_TIMEOUTS, "lock_timeout", int(SHORT_S * 1000))  # noqa: SLF001 - see above
    short = partial(open_engine, answer_timeout=timedelta(seconds=4 * SHORT_S))
    monkeypatch.setattr(orchestrator.app, "open_engine", short)


@asynccontextmanager
async def _api_on(
    server: PostgresServer, settings: Settings, open_api: OpenApi
) -> AsyncIterator[Api]:
    url = SecretStr(migrated_database(server))
    async with open_api(settings.model_copy(update={"database_url": url})) as api:
        await api.runtime.leads.store.import_leads([lead(1)])
        yield api


async def _ask_all(api: Api) -> list[httpx.Response]:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(
            *(api.client.request(method, url, json=body) for method, url, body in DOORS)
        )


def _assert_come_back_later(answers: list[httpx.Response]) -> None:
    for (method, url, _), answer in zip(DOORS, answers, strict=True):
        said = (method, url, answer.status_code, answer.json().get("code"))
        assert said == (method, url, 503, "database_unavailable")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "5"


@contextmanager
def _standing_still(server: PostgresServer) -> Iterator[None]:
    main = psutil.Process(server.pid)
    processes = [main, *main.children()]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


async def test_doors_say_come_back_later_while_the_pool_is_taken(
    postgres: PostgresServer, settings: Settings, open_api: OpenApi
) -> None:
    """In bounded time, all of them; with the first connection that is given back, all is well."""
    async with _api_on(postgres, settings, open_api) as api:
        pool = api.runtime.backends.engine
        async with AsyncExitStack() as taken:
            for _ in range(engine.POOL_SIZE + engine.MAX_OVERFLOW):
                connection = await taken.enter_async_context(reading(pool, "take a connection"))
                await connection.execute(select(1))

            answers = await _ask_all(api)
        again = await api.client.get(LEAD)

    _assert_come_back_later(answers)
    assert again.status_code == 200


async def test_doors_say_come_back_later_while_postgresql_stands_still_or_is_away(
    own_server: PostgresServer, settings: Settings, open_api: OpenApi
) -> None:
    """Whether it takes connections and says nothing, or takes none; then all is well again."""
    async with _api_on(own_server, settings, open_api) as api:
        with _standing_still(own_server):
            silent = await _ask_all(api)
        own_server.stop()
        away = await _ask_all(api)
        own_server.start()
        again = await api.client.get(LEAD)

    _assert_come_back_later(silent)
    _assert_come_back_later(away)
    assert again.status_code == 200


async def test_a_lead_that_a_stuck_transaction_has_locked_is_refused_and_others_are_not(
    postgres: PostgresServer, settings: Settings, open_api: OpenApi
) -> None:
    """The change waits for the lock in bounded time; reading the same lead waits for nothing."""
    async with _api_on(postgres, settings, open_api) as api:
        its = select(leads.c.id).where(leads.c.id == lead(1).id).with_for_update()
        async with writing(api.runtime.backends.engine, "hold a lead") as connection:
            await connection.execute(its)

            refused = await api.client.patch(LEAD, json={"notas": "x"})
            read = await api.client.get(LEAD)
        changed = await api.client.patch(LEAD, json={"notas": "x"})

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"] == "5"
    assert [read.status_code, changed.status_code] == [200, 200]

"""The documented functions against a real server, in the environment of another service."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from tests.support.valkey import client_of, empty, running_valkey


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run one server for all tests of this folder."""
    with running_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(autouse=True)
async def valkey(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> Valkey:
    """Name the emptied server in `REDIS_URL`, and nothing else."""
    for name in list(os.environ):
        if name.startswith(("EMASAI_", "REDIS_", "SURFSENSE_", "DATABASE_", "GATEWAY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REDIS_URL", f"{server.url}/1")
    await empty(server)
    return server


@pytest.fixture
async def memo_db(valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 1."""
    async with client_of(valkey, 1) as client:
        yield client


@pytest.fixture
async def gateway_db(valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 0."""
    async with client_of(valkey, 0) as client:
        yield client


@pytest.fixture
async def counters_db(valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client of DB 3."""
    async with client_of(valkey, 3) as client:
        yield client

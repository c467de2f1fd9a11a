"""A whole installation on loopback, with a server of each test's own to break."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.embedded.stack import Sandbox, Valkey, start_sandbox
from tests.support.database import migrated_file
from tests.support.valkey import client_of, running_valkey


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset every setting of the machine that runs the tests."""
    for name in list(os.environ):
        if name.startswith(("EMASAI_", "REDIS_", "SURFSENSE_", "DATABASE_", "GATEWAY_", "CELERY_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run one SurfSense sandbox for all tests of this folder."""
    folder = tmp_path_factory.mktemp("sandbox")
    sandbox = start_sandbox(folder, folder / "sandbox.log")
    yield sandbox
    sandbox.child.end()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Run a hardened server for one test."""
    with running_valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def server(valkey: Valkey) -> AsyncIterator[Redis]:
    """Return a client through which a test breaks the server's profile."""
    async with client_of(valkey, 0) as client:
        yield client


@pytest.fixture
async def variables(valkey: Valkey, sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a healthy installation."""
    return {
        "REDIS_URL": f"{valkey.url}/1",
        "DATABASE_URL": migrated_file(tmp_path),
        "SURFSENSE_URL": sandbox.url,
    }

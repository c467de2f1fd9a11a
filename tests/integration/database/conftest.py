"""A migrated database for each test, once on SQLite and once on PostgreSQL."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine, upgrade
from tests.support.postgres import PostgresServer, PostgresUnavailable, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for all tests; skip without one, except in CI, where nothing is skipped."""
    try:
        with running_postgres() as server:
            yield server
    except PostgresUnavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {reason}")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/emasai.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database(f"test_{uuid4().hex}")


@pytest.fixture
async def url(empty_url: str) -> str:
    """Return the URL of a migrated database."""
    await upgrade(empty_url)
    return empty_url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine on a migrated database."""
    engine = open_engine(url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def other_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine of another process on the same database."""
    engine = open_engine(url)
    yield engine
    await engine.dispose()

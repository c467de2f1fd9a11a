"""A migrated database for each test: on SQLite, on PostgreSQL, and on that through PgBouncer."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import grant_to_application, open_engine, upgrade
from tests.support.pgbouncer import PgBouncer, PgBouncerUnavailable, running_pgbouncer
from tests.support.postgres import OWNER, PostgresServer, postgres_or_skip

#: The role of everything but migrations where the pooler is asked.
APPLICATION = "emasai_app"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for all tests; skip without one, except in CI, where nothing is skipped."""
    with postgres_or_skip() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """Run one pooler for all tests, as `postgres` runs one server."""
    try:
        with running_pgbouncer(postgres, APPLICATION) as pooler:
            yield pooler
    except PgBouncerUnavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NOT TESTED WITH PGBOUNCER: {reason}")


@pytest.fixture(params=["sqlite", "postgresql", "pgbouncer"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/emasai.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    url = server.create_database(name)
    if request.param == "postgresql":
        return url
    pooler: PgBouncer = request.getfixturevalue("pgbouncer")
    return pooler.url(name)


@pytest.fixture
async def url(empty_url: str) -> str:
    """Return the URL of a migrated database; through the pooler, for a role that owns nothing."""
    await upgrade(empty_url)
    if "port=6432" not in empty_url:
        return empty_url
    application = empty_url.replace(f"//{OWNER}@", f"//{APPLICATION}@")
    await grant_to_application(empty_url, application)
    return application


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

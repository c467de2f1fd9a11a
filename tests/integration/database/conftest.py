"""A migrated database for each test: on SQLite, on PostgreSQL, and on that through PgBouncer."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import open_engine
from tests.support.database import APPLICATION, lent_database, migrated_file
from tests.support.pgbouncer import PgBouncer, PgBouncerUnavailable, running_pgbouncer
from tests.support.postgres import OWNER, PostgresServer


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
def kind(request: pytest.FixtureRequest) -> str:
    """Return which database the test uses, and how it is reached."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database without tables."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/emasai.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(f"test_{uuid4().hex}")
    return url if kind == "postgresql" else _through_pooler(request, url, OWNER)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a migrated database; through the pooler, for a role that owns nothing."""
    if kind == "sqlite":
        yield migrated_file(tmp_path)
        return
    with lent_database(request.getfixturevalue("postgres")) as url:
        yield url if kind == "postgresql" else _through_pooler(request, url, APPLICATION)


def _through_pooler(request: pytest.FixtureRequest, url: str, role: str) -> str:
    pooler: PgBouncer = request.getfixturevalue("pgbouncer")
    return pooler.url(str(make_url(url).database), role)


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

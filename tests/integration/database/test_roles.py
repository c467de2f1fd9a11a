"""What the application's role may do in PostgreSQL: rows, and nothing that is append-only."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import (
    DatabaseForbids,
    grant_to_application,
    open_engine,
    reading,
    require_current,
    upgrade,
    writing,
)
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing import Ledger
from orchestrator.settings import ConfigurationError
from tests.support.books import total_spent
from tests.support.cases import purchase
from tests.support.database import APPLICATION
from tests.support.postgres import PostgresServer


@pytest.fixture
def owner_url(postgres: PostgresServer) -> str:
    """Return the URL of an empty database for the role that will own its tables."""
    return postgres.create_database(f"test_{uuid4().hex}")


def _application(owner_url: str) -> str:
    return owner_url.replace("//emasai@", f"//{APPLICATION}:new%25word@")


@pytest.fixture
async def application(owner_url: str) -> AsyncIterator[AsyncEngine]:
    """Return an engine of the application's role on a migrated database."""
    await upgrade(owner_url)
    for _ in range(2):  # repeating it changes nothing
        assert await grant_to_application(owner_url, _application(owner_url)) == APPLICATION
    engine = open_engine(_application(owner_url))
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE purchases SET cost_micros = 0",
        "DELETE FROM purchases",
        "TRUNCATE purchases CASCADE",
        "ALTER TABLE purchases DISABLE TRIGGER ALL",
        "DROP TRIGGER purchases_refuse_change ON purchases",
        "DROP TABLE purchases CASCADE",
        "ALTER TABLE purchases RENAME TO sales",
        "ALTER FUNCTION purchases_refuse_change() RENAME TO harmless",
        "UPDATE resolutions SET cost_micros = 0",
        "DELETE FROM resolutions",
        "UPDATE identity_decisions SET why = ''",
        "DELETE FROM identity_decisions",
        "UPDATE decisions SET verdict = 'discard'",
        "UPDATE decisions SET score = 1, confirmed_at = now()",
        "DELETE FROM decisions",
        "TRUNCATE decisions",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE TABLE mine (id int)",
        "GRANT ALL ON purchases TO CURRENT_USER",
        "SET SESSION AUTHORIZATION emasai",
        "SET ROLE emasai",
        "SET session_replication_role = 'replica'",
        "CREATE ROLE other SUPERUSER",
        "SELECT pg_read_file('/etc/hostname')",
    ],
)
async def test_the_application_s_role_cannot_rewrite_the_past(
    application: AsyncEngine, statement: str
) -> None:
    """Nor drop the table or its trigger, nor take a role that can."""
    await Ledger(application, utc_now).settle(purchase(1))

    # PostgreSQL only warns about a grant of a right that the grantor lacks.
    refusal = nullcontext() if statement.startswith("GRANT") else pytest.raises(DatabaseForbids)
    with refusal:
        async with writing(application, "change what is written") as connection:
            await connection.exec_driver_sql(statement)

    assert await total_spent(Ledger(application, utc_now)) == 46_500
    async with reading(application, "look at its rights") as connection:
        right = "SELECT has_table_privilege('purchases', 'UPDATE')"
        assert await connection.scalar(text(right)) is False


async def test_a_role_without_rights_is_told_what_grants_them(owner_url: str) -> None:
    """In one sentence, with the command; the database is not called unavailable."""
    await upgrade(owner_url)
    await grant_to_application(owner_url, _application(owner_url))
    engine = open_engine(owner_url)
    async with writing(engine, "take a right away") as connection:
        await connection.exec_driver_sql(f"REVOKE ALL ON alembic_version FROM {APPLICATION}")
    await engine.dispose()
    engine = open_engine(_application(owner_url))

    with pytest.raises(DatabaseForbids, match=r"may not read its schema.*emasai db upgrade"):
        await require_current(engine)

    await engine.dispose()


@pytest.mark.parametrize(
    ("owner", "application", "fault"),
    [
        ("sqlite:///x.db", "sqlite:///x.db", "for PostgreSQL only"),
        ("postgresql://a@h/x", "postgresql://a@h/x", "another role"),
        ("postgresql://a@h/x", "postgresql://b@h/y", "the database of DATABASE_URL"),
        ("postgresql://a@h/x", "postgresql://h/x", "another role"),
    ],
)
async def test_an_owner_is_another_role_of_the_same_database(
    owner: str, application: str, fault: str
) -> None:
    """Anything else is a mistake in the settings, and says so before anything is asked."""
    with pytest.raises(ConfigurationError, match=f"DATABASE_OWNER_URL.*{fault}"):
        await grant_to_application(owner, application)

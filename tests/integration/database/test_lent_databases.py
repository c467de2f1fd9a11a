"""PostgreSQL databases that tests get after each other: as if they were new."""

import psycopg
import pytest

from orchestrator.database import open_engine
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore
from orchestrator.purchasing import Ledger
from tests.support.books import total_spent
from tests.support.cases import lead, purchase
from tests.support.database import lent_database
from tests.support.postgres import PostgresServer


async def _fill(url: str) -> None:
    engine = open_engine(url)
    await LeadStore(engine, utc_now).import_leads([lead(1)])
    await Ledger(engine, utc_now).settle(purchase(1))
    await engine.dispose()


async def test_a_database_is_lent_again_without_rows(postgres: PostgresServer) -> None:
    """Those of append-only tables are gone, too."""
    with lent_database(postgres) as url:
        await _fill(url)

    with lent_database(postgres) as again:
        engine = open_engine(again)
        found = await LeadStore(engine, utc_now).leads([lead(1).id])
        spent = await total_spent(Ledger(engine, utc_now))
        await engine.dispose()

    assert again == url
    assert (found, spent) == ({}, 0)


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER purchases_refuse_change ON purchases",
        "ALTER TABLE leads ADD COLUMN shoe_size INT",
        "GRANT DELETE ON purchases TO emasai_app",
        "CREATE TABLE mine (id INT)",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_a_database_with_another_schema_is_not_lent_again(
    postgres: PostgresServer, change: str
) -> None:
    """Whatever a test has changed, no other test meets it."""
    with lent_database(postgres) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(change)

    with lent_database(postgres) as another:
        assert another != url


def test_a_database_that_a_transaction_uses_is_not_lent_again(postgres: PostgresServer) -> None:
    """A process that outlives its test disturbs no other one."""
    with lent_database(postgres) as url:
        left = psycopg.connect(url)
        left.execute("SELECT * FROM leads")

    with lent_database(postgres) as another:
        left.close()
        assert another != url

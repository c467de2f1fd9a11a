"""The schema that migrations build, on SQLite and PostgreSQL alike."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from orchestrator.database import (
    SchemaMismatch,
    SchemaTooNew,
    SchemaTooOld,
    current_state,
    downgrade,
    open_engine,
    reading,
    require_current,
    schema,
    upgrade,
    writing,
)
from orchestrator.database.migrate import upgrade_within
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore, opportunity_id
from orchestrator.purchasing import Ledger
from tests.integration.database.test_processes import write_together
from tests.support.cases import advance, discard, lead, purchase
from tests.support.children import Children


@pytest.fixture
async def url(empty_url: str) -> str:
    """Return the URL of a migrated database, for the role that owns its tables."""
    await upgrade(empty_url)
    return empty_url


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, schema.metadata))


# SQLAlchemy cannot read such an index of SQLite; Alembic leaves it out then.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
async def test_migrations_and_schema_agree(url: str) -> None:
    """Alembic finds nothing to change after the last revision."""
    engine = open_engine(url)

    async with reading(engine, "compare") as connection:
        differences = await connection.run_sync(_differences)

    await engine.dispose()
    assert differences == []


async def test_an_empty_database_is_not_current(empty_url: str) -> None:
    """`doctor` distinguishes a database that was never migrated from one that is ready."""
    before = await current_state(empty_url)

    after = await upgrade(empty_url)

    assert (before.current, before.is_current) == (None, False)
    assert (after.current, after.is_current) == (before.head, True)
    assert await current_state(empty_url) == after


async def test_asking_for_the_state_creates_no_file(tmp_path: Path) -> None:
    """A look at a SQLite database that does not exist does not create it."""
    file = tmp_path / "emasai.db"

    state = await current_state(f"sqlite:///{file}")

    assert not state.is_current
    assert not file.exists()


async def test_upgrading_again_changes_nothing(url: str) -> None:
    """A second upgrade is a no-op."""
    before = await current_state(url)

    assert await upgrade(url) == before


async def test_a_ledger_with_a_doubled_run_is_kept(url: str) -> None:
    """What an older version has entered twice stays as it is; nothing new is entered twice."""
    engine = open_engine(url)
    ledger = Ledger(engine, utc_now)
    await downgrade(url, "0006", may_lose=False)
    for number in (1, 2):
        await ledger.settle(purchase(number, run_id="run-7"))

    after = await upgrade(url)

    assert after.is_current
    answers = [await ledger.settle(purchase(number, run_id="run-8")) for number in (3, 4)]
    assert [answer.is_new for answer in answers] == [True, False]
    assert len(await ledger.purchases_of("acme")) == 3
    await engine.dispose()


async def test_leads_of_an_older_version_have_the_state_that_was_decided(url: str) -> None:
    """The upgrade gives each lead a first version, and the state of its latest decision."""
    engine = open_engine(url)
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(number) for number in (1, 2, 3)])
    await store.record(lead(1), [advance()], "one", basis="b")
    await store.record(lead(2), [discard()], "two", basis="b")
    await downgrade(url, "0008", may_lose=True)

    await upgrade(url)

    async with reading(engine, "look") as connection:
        rows = (await connection.execute(select(schema.leads))).mappings().all()
        moves = (await connection.execute(select(schema.opportunity_moves))).mappings().all()
    await engine.dispose()
    assert [(row["opportunity_id"], row["before"], row["after"]) for row in moves] == [
        (opportunity_id(lead(1).id), None, "nueva")
    ]
    assert {row["id"]: (row["estado"], row["version"]) for row in rows} == {
        lead(1).id: ("oportunidad", 1),
        lead(2).id: ("descartado", 1),
        lead(3).id: ("nuevo", 1),
    }


async def test_a_newer_database_is_refused(url: str) -> None:
    """An old program never touches a database that a newer one migrated."""
    engine = open_engine(url)
    async with writing(engine, "pretend a newer version") as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()

    with pytest.raises(SchemaTooNew, match="9999"):
        await upgrade(url)

    assert not (await current_state(url)).is_current


async def test_nothing_is_built_on_a_database_of_another_version(url: str) -> None:
    """A newer, an older and an empty database each end the start with what to run."""
    engine = open_engine(url)
    await require_current(engine)
    for revision, command in (("9999", "emasai db check"), ("0006", "emasai db upgrade")):
        async with writing(engine, "pretend another version") as connection:
            statement = text("UPDATE alembic_version SET version_num = :it")
            await connection.execute(statement, {"it": revision})

        with pytest.raises(SchemaMismatch, match=f"{revision}.*{command}"):
            await require_current(engine)

    async with writing(engine, "pretend no version") as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(SchemaTooOld, match=r"no tables yet.*emasai db upgrade"):
        await require_current(engine)
    await engine.dispose()


async def test_an_upgrade_waits_for_the_one_that_runs(empty_url: str) -> None:
    """The second of two upgrades sees the tables of the first, or nothing at all."""
    engine = open_engine(empty_url)
    async with writing(engine, "migrate slowly") as connection:
        await connection.run_sync(upgrade_within)

        second = asyncio.create_task(upgrade(empty_url))
        finished, _ = await asyncio.wait([second], timeout=0.3)

        assert not finished
    assert (await second).is_current
    await engine.dispose()


async def test_processes_that_start_together_migrate_once(
    empty_url: str, children: Children
) -> None:
    """Four processes upgrade the same empty database at the same time and all succeed."""
    await write_together(children, 4, "upgrade", empty_url, 0)

    assert (await current_state(empty_url)).is_current

"""The way back to an earlier schema, on SQLite and PostgreSQL: what it keeps, loses and refuses."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.cli import main
from orchestrator.database import (
    BASE,
    DataWouldBeLost,
    DowngradeRefused,
    SchemaTooNew,
    current_state,
    downgrade,
    open_engine,
    preview_downgrade,
    reading,
    schema,
    upgrade,
    writing,
)
from orchestrator.database.migrate import _config, _revisions
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore
from orchestrator.purchasing import Ledger
from tests.support.cases import advance, lead, purchase

REVISIONS = sorted(_revisions())
#: Names of triggers and functions, and of SQLite's indexes.
_PROGRAMS = {
    "sqlite": (
        "SELECT name FROM sqlite_master "
        "WHERE type IN ('trigger', 'index') AND name NOT LIKE 'sqlite_autoindex%'"
    ),
    "postgresql": (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT proname "
        "FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    ),
}


@pytest.fixture
async def url(empty_url: str) -> str:
    """Return the URL of a migrated database, for the role that owns its tables."""
    await upgrade(empty_url)
    return empty_url


def _shape(connection: Connection) -> dict[str, Any]:
    """Return all that a schema is made of."""
    seen = inspect(connection)
    shape: dict[str, Any] = {
        "programs": sorted(connection.scalars(text(_PROGRAMS[connection.dialect.name])))
    }
    for table in seen.get_table_names():
        shape[table] = {
            "columns": {
                each["name"]: (str(each["type"]), each["nullable"], each["default"])
                for each in seen.get_columns(table)
            },
            "indexes": sorted(map(str, seen.get_indexes(table))),
            "rest": [
                sorted(map(str, found))
                for found in (
                    seen.get_foreign_keys(table),
                    seen.get_unique_constraints(table),
                    seen.get_check_constraints(table),
                )
            ],
        }
    return shape


# SQLAlchemy cannot read such an index of SQLite; its name is read beside.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
async def test_each_step_back_leaves_what_the_step_forward_had_found(empty_url: str) -> None:
    """Tables, columns, indexes, constraints, triggers and functions, down to an empty database."""
    engine = open_engine(empty_url)
    shapes: dict[str, Any] = {}
    for revision in REVISIONS:
        async with writing(engine, "migrate by one") as connection:

            def step(sync: Connection, revision: str = revision) -> dict[str, Any]:
                command.upgrade(_config(sync), revision)
                return _shape(sync)

            shapes[revision] = await connection.run_sync(step)

    for revision, at in zip(REVISIONS[::-1], [*REVISIONS[-2::-1], BASE], strict=True):
        way = await downgrade(empty_url, at, may_lose=False)

        assert way.undone == [revision]
        async with reading(engine, "look") as connection:
            found = await connection.run_sync(_shape)
        assert found == shapes.get(
            at, {"programs": [], "alembic_version": found["alembic_version"]}
        )
    await engine.dispose()
    assert (await current_state(empty_url)).current is None
    assert (await upgrade(empty_url)).is_current


async def test_what_an_earlier_schema_has_no_place_for_is_named_and_kept(
    url: str, engine: AsyncEngine
) -> None:
    """Without leave to lose it nothing changes; the preview counts the same."""
    await LeadStore(engine, utc_now).import_leads([lead(1, city="Bilbao"), lead(2)])

    preview = await preview_downgrade(url, "0009")
    with pytest.raises(DataWouldBeLost, match=r"0009 would lose: 1 towns of leads$"):
        await downgrade(url, "0009", may_lose=False)

    assert preview.undone == REVISIONS[:8:-1]
    assert {what: count for what, count in preview.lost.items() if count} == {"towns of leads": 1}
    assert (await current_state(url)).is_current
    assert (await LeadStore(engine, utc_now).leads([lead(1).id]))[lead(1).id].city == "Bilbao"


async def test_back_and_forth_keeps_what_both_schemas_have(url: str, engine: AsyncEngine) -> None:
    """Leads, their decisions, opportunities and the ledger; it is append-only again."""
    store, ledger = LeadStore(engine, utc_now), Ledger(engine, utc_now)
    judged = lead(1, city="Bilbao")
    await store.import_leads([judged, lead(2)])
    await store.record(judged, [advance()], "acme", basis="b")
    await ledger.settle(purchase(1, run_id="run-1"))
    kept = (schema.decisions, schema.opportunities.c.lead_id, schema.purchases.c.purchase_id)

    async def rows() -> list[Any]:
        async with reading(engine, "look") as connection:
            return [(await connection.execute(select(each))).all() for each in kept]

    before = await rows()
    way = await downgrade(url, "0001", may_lose=True)
    await upgrade(url)

    assert {what for what, count in way.lost.items() if count} == {
        "towns of leads",
        "versions and states of leads",  # those that were decided come back with the upgrade
        "hand-overs",
        "moves of opportunities",
        "run ids of purchases",
    }
    assert await rows() == before
    assert set(await store.leads([lead(1).id, lead(2).id])) == {lead(1).id, lead(2).id}
    with pytest.raises(DBAPIError, match="append-only"):
        async with writing(engine, "rewrite the past") as connection:
            await connection.exec_driver_sql("DELETE FROM purchases")


@pytest.mark.parametrize(
    ("revision", "reason"),
    [
        ("0099", "there is no revision 0099; there are 0001, .* and base"),
        ("0005", "is before 0005"),
    ],
)
async def test_only_an_earlier_revision_can_be_gone_back_to(
    url: str, revision: str, reason: str
) -> None:
    """Anything else is refused in a sentence, and changes nothing."""
    await downgrade(url, "0004", may_lose=False)

    with pytest.raises(DowngradeRefused, match=reason):
        await downgrade(url, revision, may_lose=True)

    assert (await current_state(url)).current == "0004"


async def test_only_the_program_that_migrated_a_database_takes_it_back(
    url: str, engine: AsyncEngine
) -> None:
    """An older one does not know what the newer revisions have done."""
    async with writing(engine, "pretend a newer version") as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaTooNew, match="9999"):
        await downgrade(url, "0001", may_lose=True)


def _emasai(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["emasai", "db", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_says_what_is_lost_and_asks_for_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`emasai db downgrade` changes nothing before `--yes` where rows would be lost."""
    url = f"sqlite:///{tmp_path}/emasai.db"
    monkeypatch.setenv("DATABASE_URL", url)

    async def fill() -> None:
        await upgrade(url)
        engine = open_engine(url)
        await LeadStore(engine, utc_now).import_leads([lead(1, city="Bilbao")])
        await engine.dispose()

    asyncio.run(fill())

    assert _emasai(monkeypatch, "downgrade", "0010", "--dry-run") == 0
    assert "would be undone" in capsys.readouterr().out
    assert _emasai(monkeypatch, "downgrade", "0010") == 2
    assert "1 towns of leads; back it up, then give --yes" in capsys.readouterr().err
    assert asyncio.run(current_state(url)).is_current
    assert _emasai(monkeypatch, "downgrade", "0010", "--yes") == 0
    assert asyncio.run(current_state(url)).current == "0010"
    assert _emasai(monkeypatch, "downgrade", "0010") == 0
    assert "is there already" in capsys.readouterr().out

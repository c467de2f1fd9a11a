"""The moves of opportunities: added with what makes them, and kept as they are."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseForbids, insert_into, reading, writing
from orchestrator.database.schema import deleted_versions, opportunity_moves
from orchestrator.infra.clock import utc_now
from orchestrator.leads import LeadStore, opportunity_id, opportunity_key
from tests.support.cases import advance, lead

_ID = opportunity_id(lead(1).id)


@pytest.fixture
async def store(engine: AsyncEngine) -> LeadStore:
    """Return a store with one lead that has an opportunity."""
    store = LeadStore(engine, utc_now)
    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], "one", basis="b")
    return store


async def _moves(engine: AsyncEngine) -> list[tuple[object, ...]]:
    async with reading(engine, "look") as connection:
        rows = (await connection.execute(select(opportunity_moves))).mappings().all()
    return [(row["version"], row["before"], row["after"], row["moved_by"]) for row in rows]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE opportunity_moves SET moved_by = 'x'", "DELETE FROM opportunity_moves"],
)
async def test_moves_do_not_change(engine: AsyncEngine, store: LeadStore, statement: str) -> None:
    """The database refuses to rewrite them, and a repeated judgement adds none."""
    await store.record(lead(1), [advance()], "one", basis="b")

    with pytest.raises((DBAPIError, DatabaseForbids), match=r"append-only|may not tamper"):
        async with writing(engine, "tamper") as connection:
            await connection.execute(text(statement))

    assert await _moves(engine) == [(1, None, "nueva", "cdao")]


@pytest.mark.usefixtures("store")
async def test_moves_go_with_their_lead(engine: AsyncEngine) -> None:
    """The right to delete a lead is enough, also for a role that may only add moves."""
    async with writing(engine, "delete a lead") as connection:
        await connection.execute(text("DELETE FROM leads"))

    assert await _moves(engine) == []


async def test_an_opportunity_that_comes_back_continues_its_versions(
    engine: AsyncEngine, store: LeadStore
) -> None:
    """A reader that has an old version does not take the new opportunity for it."""
    async with writing(engine, "delete a lead") as connection:
        await connection.execute(text("DELETE FROM leads"))
        left = {"key": opportunity_key(_ID), "version": 7, "deleted_at": utc_now()}
        await connection.execute(insert_into(deleted_versions, connection).values(left))

    await store.import_leads([lead(1)])
    await store.record(lead(1), [advance()], "one", basis="b")

    assert await _moves(engine) == [(8, None, "nueva", "cdao")]

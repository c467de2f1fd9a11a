"""What statements need on SQLite and PostgreSQL alike: one spelling, and parts of bounded size."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")


def insert_into(table: Table, connection: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of *connection*."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def insert_new(
    connection: AsyncConnection, key: Column[KeyT], rows: Sequence[Mapping[str, Any]]
) -> set[KeyT]:
    """Insert *rows* into the table of *key* unless they are there; return the keys of the new.

    The rows must be in the order of a unique column: processes that insert the same rows
    at the same time then wait for each other in one direction only, and cannot deadlock.
    """
    if not rows:
        return set()
    statement = insert_into(key.table, connection).on_conflict_do_nothing().returning(key)
    return set((await connection.scalars(statement, rows)).all())


def in_chunks(items: Sequence[ItemT], size: int) -> Iterator[Sequence[ItemT]]:
    """Yield *items* in order, at most *size* at a time: a statement takes so many parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))

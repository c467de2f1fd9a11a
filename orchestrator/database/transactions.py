"""What stores do with a database: its errors, transactions, group commit, and statements.

DatabaseUnavailable(operation)        try again later; a write may have been committed or not
├── DatabaseFull(operation)           the disk, or the space that the database may use, is full
└── DatabaseForbids(operation)        the role of DATABASE_URL lacks a right
SchemaMismatch(current, head)         start-up only
├── SchemaTooOld                      `emasai db upgrade` has to be run
└── SchemaTooNew                      a newer program migrated this database

Foreign exceptions are translated here, once; those that mean a defect of this program (a wrong
statement, a broken constraint) pass unchanged.
"""

import sqlite3
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Table, exc, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.infra import batching

from .engine import WRITES

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")
RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")

#: What brings a database up to date, and when.
UPGRADE: Final = "run `emasai db upgrade` once, before workers and API are started"
#: PostgreSQL's codes for a right that a role lacks, and for a full disk.
_INSUFFICIENT_PRIVILEGE: Final = "42501"
_DISK_FULL: Final = "53100"


class DatabaseUnavailable(Exception):
    """The database did not answer, refused the connection, or stayed locked too long.

    A write that ends so may still have been committed: repeat it, all writes are idempotent.
    `operation` completes the sentence "could not ...". The cause is chained.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation

    def __str__(self) -> str:
        return f"the database is not available: could not {self.operation}; try again later"


class DatabaseFull(DatabaseUnavailable):
    """There is no room for what was to be written; nothing of it was."""

    def __str__(self) -> str:
        return (
            f"the database is full: could not {self.operation}; make room on the disk that it is "
            "on, then try again: nothing is lost meanwhile"
        )


class DatabaseForbids(DatabaseUnavailable):
    """The database role of this process lacks the right to do this."""

    def __str__(self) -> str:
        return (
            f"the database role of DATABASE_URL may not {self.operation}; run `emasai db upgrade` "
            "with DATABASE_OWNER_URL, which grants it what it needs"
        )


class SchemaMismatch(Exception):
    """The database is at revision *current* (None: no tables), this program needs *head*."""

    def __init__(self, current: str | None, head: str) -> None:
        super().__init__(current, head)
        self.current = current
        self.head = head


class SchemaTooOld(SchemaMismatch):
    """The database has to be migrated, which only `emasai db upgrade` does."""

    def __str__(self) -> str:
        has = "has no tables yet" if self.current is None else f"is at revision {self.current}"
        return f"the database {has}, this program needs revision {self.head}: {UPGRADE}"


class SchemaTooNew(SchemaMismatch):
    """The database is at a revision that this version of the program does not know."""

    def __str__(self) -> str:
        return (
            f"the database is at revision {self.current}, which a newer version of this program "
            f"made, and this one needs {self.head}: install the newer version (its "
            "`emasai db check` says when it fits), or restore the backup made before it"
        )


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise DatabaseUnavailable(*operation*) for every error that passes by itself."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        cause = getattr(error, "orig", None)
        state = getattr(cause, "sqlstate", None)
        if state == _INSUFFICIENT_PRIVILEGE:
            raise DatabaseForbids(operation) from error
        if state == _DISK_FULL or getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            raise DatabaseFull(operation) from error
        if _is_defect(error):
            raise
        raise DatabaseUnavailable(operation) from error


def _is_defect(error: Exception) -> bool:
    match error:
        case exc.IntegrityError() | exc.ProgrammingError() | exc.DataError():
            return True
        case exc.OperationalError():
            # SQLite reports a missing table or a misspelled statement as "operational" too.
            return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        case _:
            return False


@asynccontextmanager
async def reading(engine: AsyncEngine, operation: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that only reads and never waits for writers.

    Raises:
        DatabaseUnavailable: With *operation*, which completes "could not ...".
    """
    with translated(operation):
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine, operation: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that writes; it is committed when the block ends without an error.

    Atomic: On SQLite the write lock is taken at the start, so what was read stays true.

    Raises:
        DatabaseUnavailable: With *operation*, which completes "could not ...".
    """
    with translated(operation):
        async with engine.execution_options(**{WRITES: True}).begin() as connection:
            yield connection


async def database_time(engine: AsyncEngine) -> datetime:
    """Return the time of a PostgreSQL server.

    Raises:
        DatabaseUnavailable: It does not answer.
    """
    async with reading(engine, "read its clock") as connection:
        now: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return now


class Batcher(batching.Batcher[RequestT, ResultT]):
    """Group commit: concurrent writes of one event loop share a transaction, and its failure."""

    def __init__(
        self,
        commit: Callable[[Sequence[RequestT]], Awaitable[Sequence[ResultT]]],
        *,
        max_batch: int = batching.MAX_BATCH,
    ) -> None:
        """Gather for *commit*, which writes all in one transaction, or nothing."""
        super().__init__(commit, shared=DatabaseUnavailable, max_batch=max_batch)


def first_occurrences(keys: Sequence[Hashable], new: Collection[Hashable]) -> list[bool]:
    """Return for each of *keys* whether its row is new, and no earlier key of the batch made it.

    *new* are the keys that the database reports as inserted.
    """
    left = set(new)
    is_first = []
    for key in keys:
        is_first.append(key in left)
        left.discard(key)
    return is_first


def insert_into(table: Table, connection: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of *connection*."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def insert_new(
    connection: AsyncConnection, key: Column[KeyT], rows: Sequence[Mapping[str, Any]]
) -> set[KeyT]:
    """Insert *rows* into the table of *key* unless they are there; return the keys of the new.

    The rows must be in the order of a unique column: processes that insert the same rows at the
    same time then wait for each other in one direction only, and cannot deadlock.
    """
    if not rows:
        return set()
    statement = insert_into(key.table, connection).on_conflict_do_nothing().returning(key)
    return set((await connection.scalars(statement, rows)).all())


def in_chunks(items: Sequence[ItemT], size: int) -> Iterator[Sequence[ItemT]]:
    """Yield *items* in order, at most *size* at a time: a statement takes so many parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))

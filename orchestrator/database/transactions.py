"""The two kinds of transaction, with foreign errors translated."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .engine import WRITES
from .errors import translated


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
    """Return what the clock of a PostgreSQL server says.

    Raises:
        DatabaseUnavailable: It is unavailable.
    """
    async with reading(engine, "read its clock") as connection:
        told: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return told

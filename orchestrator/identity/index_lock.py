"""Writers of the index take turns: what they have read stays true until they have written."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Number of PostgreSQL's advisory lock for it ("emaids" in ASCII).
_LOCK: Final = 0x656D61696473


async def take_turn(connection: AsyncConnection) -> None:
    """Wait until no other transaction writes the index; the turn ends with the transaction.

    On SQLite a transaction that writes has its turn from the beginning.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

"""Keeps answers, within the transaction that enters their purchases into the ledger."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.database.schema import evidence
from orchestrator.database.statements import insert_new


async def keep_answers(
    connection: AsyncConnection, packed: Mapping[str, bytes], now: datetime
) -> None:
    """Store *packed* answers by purchase id; the purchases must be in the ledger already.

    Idempotent: An answer that is there already stays as it is.
    """
    rows = [
        {"purchase_id": purchase_id, "body": packed[purchase_id], "archived_at": now}
        for purchase_id in sorted(packed)
    ]
    await insert_new(connection, evidence.c.purchase_id, rows)

"""The states that opportunities went through: a row is added with each change, and stays."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.database.schema import opportunity_moves

#: The state in which every opportunity begins.
FIRST_STATE = "nueva"


@dataclass(frozen=True, slots=True)
class Move:
    """One move. `version` is the opportunity's after it; `before` is None of a new opportunity.

    `moved_by` and `why` are as the caller has said them, or the agent that made the opportunity.
    """

    opportunity_id: UUID
    version: int
    before: str | None
    after: str
    moved_by: str | None
    why: str | None
    moved_at: datetime


async def add_moves(connection: AsyncConnection, moves: Sequence[Move]) -> None:
    """Store *moves* in the transaction that makes them."""
    if moves:
        await connection.execute(insert(opportunity_moves), [asdict(move) for move in moves])

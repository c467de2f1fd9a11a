"""Writes judgements so that each has exactly one effect, however often it is repeated.

All rows go in the order of their leads: processes that record the same leads at the same
time then wait for each other in one direction only, and cannot deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.database.batch import firsts
from orchestrator.database.schema import decisions, opportunities
from orchestrator.database.statements import insert_into, insert_new

from .judgement import Judgement, draft_of, opportunity_id
from .models import Recorded
from .rows import decision_rows, opportunity_row


async def record_all(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> list[Recorded]:
    """Write *judgements* in the transaction of *connection*; results in the same order.

    Raises:
        sqlalchemy.exc.IntegrityError: One of them is about a lead that is not stored.
    """
    in_order = sorted(judgements, key=lambda judgement: judgement.lead_id)
    await _confirm_decisions(connection, in_order, now)
    created = await _create_opportunities(connection, in_order, now)
    having = created | await _having_opportunity(
        connection, {judgement.lead_id for judgement in judgements} - created
    )
    lead_ids = [judgement.lead_id for judgement in judgements]
    return [
        Recorded(opportunity_id(lead_id) if lead_id in having else None, created=is_new)
        for lead_id, is_new in zip(lead_ids, firsts(lead_ids, created), strict=True)
    ]


async def _confirm_decisions(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> None:
    # The same decision twice in one batch is one row: equal keys mean equal content.
    rows = {
        (row["lead_id"], row["agent"], row["version"], row["basis"]): row
        for judgement in judgements
        for row in decision_rows(judgement, now)
    }
    if not rows:
        return
    insert = insert_into(decisions, connection)
    # Confirming moves the decision to the end of its lead's history: a policy that returns
    # to an earlier version speaks last, although it adds no row.
    statement = insert.on_conflict_do_update(
        index_elements=["lead_id", "agent", "version", "basis"],
        set_={"confirmed_at": insert.excluded.confirmed_at},
    )
    await connection.execute(statement, list(rows.values()))


async def _create_opportunities(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> set[UUID]:
    rows = {
        judgement.lead_id: opportunity_row(judgement, draft, now)
        for judgement in judgements
        if (draft := draft_of(judgement.decisions)) is not None
    }
    return await insert_new(connection, opportunities.c.lead_id, list(rows.values()))


async def _having_opportunity(connection: AsyncConnection, lead_ids: set[UUID]) -> set[UUID]:
    if not lead_ids:
        return set()
    statement = select(opportunities.c.lead_id).where(opportunities.c.lead_id.in_(lead_ids))
    return set((await connection.scalars(statement)).all())

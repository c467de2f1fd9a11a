"""Writes judgements so that each has exactly one effect, however often it is repeated.

All rows go in the order of their leads: processes that record the same leads at the same
time then wait for each other in one direction only, and cannot deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.case import Decision
from orchestrator.database.batch import firsts
from orchestrator.database.schema import decisions, handovers, opportunities
from orchestrator.database.statements import insert_into, insert_new

from .event import hand_over_row
from .judgement import Judgement, draft_of, opportunity_id
from .models import Recorded
from .rows import IDENTITY, Identity, decision_rows, identity_of, opportunity_row, to_decision


async def record_all(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> list[Recorded]:
    """Write *judgements* in the transaction of *connection*; results in the same order.

    Raises:
        sqlalchemy.exc.IntegrityError: One of them is about a lead that is not stored.
    """
    in_order = sorted(judgements, key=lambda judgement: judgement.lead_id)
    stored = await _confirm_decisions(connection, in_order, now)
    standing = [_standing(judgement, stored) for judgement in judgements]
    agreed = [each for each in in_order if not _standing(each, stored)]
    created = await _create_opportunities(connection, agreed, now)
    having = created | await _having_opportunity(
        connection, {judgement.lead_id for judgement in judgements} - created
    )
    lead_ids = [judgement.lead_id for judgement in judgements]
    return [
        Recorded(opportunity_id(lead_id) if lead_id in having else None, is_new, earlier)
        for lead_id, is_new, earlier in zip(
            lead_ids, firsts(lead_ids, created), standing, strict=True
        )
    ]


async def _confirm_decisions(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> dict[Identity, Decision]:
    """Store the decisions that are new; return what stands of each, whoever wrote it."""
    given = {
        identity_of(judgement, decision): decision
        for judgement in judgements
        for decision in judgement.decisions
    }
    rows = {
        tuple(row[name] for name in IDENTITY): row
        for judgement in judgements
        for row in decision_rows(judgement, now)
    }
    if not rows:
        return {}
    insert = insert_into(decisions, connection)
    # Confirming moves the decision to the end of its lead's history: a policy that returns
    # to an earlier version speaks last, although it adds no row.
    statement = insert.on_conflict_do_update(
        index_elements=IDENTITY, set_={"confirmed_at": insert.excluded.confirmed_at}
    )
    columns = [decisions.c[name] for name in ("id", "verdict", "code", "score", *IDENTITY)]
    found = await connection.execute(statement.returning(*columns), list(rows.values()))
    ids = []
    for row_id, verdict, code, score, *identity in found:
        ours = given[tuple(identity)]
        if (verdict, code, score) != (ours.verdict, ours.code, ours.score):
            ids.append(row_id)
    return given | await _decisions(connection, ids)


async def _decisions(connection: AsyncConnection, ids: Sequence[int]) -> dict[Identity, Decision]:
    if not ids:
        return {}
    rows = await connection.execute(select(decisions).where(decisions.c.id.in_(ids)))
    found = rows.mappings().all()
    return {tuple(row[name] for name in IDENTITY): to_decision(row).decision for row in found}


def _standing(judgement: Judgement, stored: dict[Identity, Decision]) -> dict[str, Decision]:
    """Return what stands against *judgement*, by agent."""
    pairs = ((ours, stored[identity_of(judgement, ours)]) for ours in judgement.decisions)
    return {
        theirs.agent: theirs
        for ours, theirs in pairs
        if (ours.verdict, ours.code, ours.score) != (theirs.verdict, theirs.code, theirs.score)
    }


async def _create_opportunities(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> set[UUID]:
    rows = {
        judgement.lead_id: opportunity_row(judgement, draft, now)
        for judgement in judgements
        if (draft := draft_of(judgement.decisions)) is not None
    }
    created = await insert_new(connection, opportunities.c.lead_id, list(rows.values()))
    owed = [
        hand_over_row(judgement, draft, now)
        for judgement in {each.lead_id: each for each in judgements}.values()
        if judgement.lead_id in created and (draft := draft_of(judgement.decisions)) is not None
    ]
    await insert_new(connection, handovers.c.event_id, owed)
    return created


async def _having_opportunity(connection: AsyncConnection, lead_ids: set[UUID]) -> set[UUID]:
    if not lead_ids:
        return set()
    statement = select(opportunities.c.lead_id).where(opportunities.c.lead_id.in_(lead_ids))
    return set((await connection.scalars(statement)).all())

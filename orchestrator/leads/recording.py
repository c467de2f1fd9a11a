"""Writes judgements so that each has exactly one effect, however often it is repeated.

All rows go in the order of their leads: processes that record the same leads at the same
time then wait for each other in one direction only, and cannot deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.case import Decision, Localized, OpportunityDraft, Verdict
from orchestrator.database import first_occurrences, insert_into, insert_new
from orchestrator.database.schema import decisions, handovers, opportunities

from .models import (
    Judgement,
    Recorded,
    StoredDecision,
    drafting,
    opportunity_id,
    opportunity_key,
)
from .outbox import hand_over_row
from .versions import FIRST_STATE, Move, add_moves, next_versions

Row = dict[str, Any]

#: What makes two decisions the same: same rules, same evidence. Columns of a unique constraint.
_IDENTITY: Final = ("lead_id", "agent", "version", "basis")
_Identity = tuple[Any, ...]


async def record_all(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> list[Recorded]:
    """Write *judgements*, whose leads *connection* has locked; results in the same order."""
    in_order = sorted(judgements, key=lambda judgement: judgement.lead_id)
    stored = await _confirm_decisions(connection, in_order, now)
    standing = {id(each): _standing(each, stored) for each in in_order}
    agreed = [each for each in in_order if not standing[id(each)]]
    created = await _create_opportunities(connection, agreed, now)
    lead_ids = [judgement.lead_id for judgement in judgements]
    having = created | await _having_opportunity(connection, set(lead_ids) - created)
    return [
        Recorded(
            opportunity_id(each.lead_id) if each.lead_id in having else None,
            is_new,
            standing[id(each)],
        )
        for each, is_new in zip(judgements, first_occurrences(lead_ids, created), strict=True)
    ]


async def _confirm_decisions(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> dict[_Identity, Decision]:
    """Store the decisions that are new; return the stored one for each."""
    given = {
        _identity_of(judgement, decision): (judgement, decision)
        for judgement in judgements
        for decision in judgement.decisions
    }
    if not given:
        return {}
    insert = insert_into(decisions, connection)
    # Confirming moves the decision to the end of its lead's history: a policy that returns
    # to an earlier version speaks last, although it adds no row.
    statement = insert.on_conflict_do_update(
        index_elements=_IDENTITY, set_={"confirmed_at": insert.excluded.confirmed_at}
    )
    columns = [decisions.c[name] for name in ("id", "verdict", "code", "score", *_IDENTITY)]
    rows = [_decision_row(judgement, decision, now) for judgement, decision in given.values()]
    stored = {identity: decision for identity, (_, decision) in given.items()}
    different = [
        row_id
        for row_id, *outcome, lead_id, agent, version, basis in await connection.execute(
            statement.returning(*columns), rows
        )
        if tuple(outcome) != _outcome(stored[lead_id, agent, version, basis])
    ]
    if different:
        earlier = await connection.execute(select(decisions).where(decisions.c.id.in_(different)))
        for row in earlier.mappings():
            stored[tuple(row[name] for name in _IDENTITY)] = to_decision(row).decision
    return stored


def _standing(judgement: Judgement, stored: dict[_Identity, Decision]) -> dict[str, Decision]:
    """Return the stored decisions that differ from those of *judgement*, by agent."""
    pairs = ((ours, stored[_identity_of(judgement, ours)]) for ours in judgement.decisions)
    return {theirs.agent: theirs for ours, theirs in pairs if _outcome(ours) != _outcome(theirs)}


def _outcome(decision: Decision) -> tuple[Verdict, str, int | None]:
    return decision.verdict, decision.code, decision.score


def _identity_of(judgement: Judgement, decision: Decision) -> _Identity:
    return judgement.lead_id, decision.agent, decision.version, judgement.basis


async def _create_opportunities(
    connection: AsyncConnection, judgements: Sequence[Judgement], now: datetime
) -> set[UUID]:
    drafted = {
        judgement.lead_id: (judgement, *found)
        for judgement in judgements
        if (found := drafting(judgement.decisions)) is not None
    }
    if not drafted:
        return set()
    keys = {lead_id: opportunity_key(opportunity_id(lead_id)) for lead_id in drafted}
    versions = await next_versions(connection, list(keys.values()))
    rows = [
        _opportunity_row(judgement, draft, now) | {"version": versions[keys[lead_id]]}
        for lead_id, (judgement, _, draft) in drafted.items()
    ]
    created = await insert_new(connection, opportunities.c.lead_id, rows)
    moves = [
        Move(
            row["id"],
            row["version"],
            None,
            FIRST_STATE,
            drafted[row["lead_id"]][1].agent,
            None,
            now,
        )
        for row in rows
        if row["lead_id"] in created
    ]
    await add_moves(connection, moves)
    owed = [
        hand_over_row(judgement, decision, draft, now)
        for judgement, decision, draft in drafted.values()
        if judgement.lead_id in created
    ]
    await insert_new(connection, handovers.c.event_id, owed)
    return created


async def _having_opportunity(connection: AsyncConnection, lead_ids: set[UUID]) -> set[UUID]:
    if not lead_ids:
        return set()
    statement = select(opportunities.c.lead_id).where(opportunities.c.lead_id.in_(lead_ids))
    return set((await connection.scalars(statement)).all())


def _decision_row(judgement: Judgement, decision: Decision, now: datetime) -> Row:
    return {
        "lead_id": judgement.lead_id,
        "agent": decision.agent,
        "version": decision.version,
        "basis": judgement.basis,
        "company_key": judgement.company_key,
        "verdict": decision.verdict.value,
        "code": decision.code,
        "reason_en": decision.reason.en,
        "reason_es": decision.reason.es,
        "score": decision.score,
        "draft": decision.draft and decision.draft.model_dump(),
        "details": decision.details,
        "simulated": judgement.simulated,
        "decided_at": now,
        "confirmed_at": now,
    }


def _opportunity_row(judgement: Judgement, draft: OpportunityDraft, now: datetime) -> Row:
    return {
        "id": opportunity_id(judgement.lead_id),
        "lead_id": judgement.lead_id,
        "company_key": judgement.company_key,
        "score": draft.score,
        "value_amount": draft.value.amount,
        "value_currency": draft.value.currency,
        "probability": draft.probability,
        "next_step_en": draft.next_step.en,
        "next_step_es": draft.next_step.es,
        "simulated": judgement.simulated,
        "created_at": now,
    }


def to_decision(row: RowMapping) -> StoredDecision:
    """Return the stored decision of *row*."""
    return StoredDecision(
        lead_id=row["lead_id"],
        company_key=row["company_key"],
        basis=row["basis"],
        decision=Decision(
            agent=row["agent"],
            version=row["version"],
            verdict=Verdict(row["verdict"]),
            code=row["code"],
            reason=Localized(en=row["reason_en"], es=row["reason_es"]),
            score=row["score"],
            draft=row["draft"],
            details=row["details"],
        ),
        simulated=row["simulated"],
        decided_at=row["decided_at"],
        confirmed_at=row["confirmed_at"],
    )

"""Writes judgements so that each has exactly one effect, however often it is repeated.

All rows go in the order of their leads: processes that record the same leads at the same
time then wait for each other in one direction only, and cannot deadlock.

The version of a lead is raised by every change of what the gateway answers about it: its fields,
its state, and whether it has an opportunity. Of an opportunity each change of state adds a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.case import Decision, Localized, OpportunityDraft, Verdict
from orchestrator.database import first_occurrences, in_chunks, insert_into, insert_new
from orchestrator.database.schema import (
    decisions,
    deleted_versions,
    handovers,
    leads,
    opportunities,
    opportunity_moves,
)

from .models import (
    Judgement,
    Recorded,
    StoredDecision,
    drafting,
    lead_key,
    opportunity_id,
    opportunity_key,
)
from .outbox import hand_over_row

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
    inserting = insert_into(decisions, connection)
    # Confirming moves the decision to the end of its lead's history: a policy that returns
    # to an earlier version speaks last, although it adds no row.
    statement = inserting.on_conflict_do_update(
        index_elements=_IDENTITY, set_={"confirmed_at": inserting.excluded.confirmed_at}
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
        opportunity_row(
            lead_id,
            judgement.company_key,
            draft,
            version=versions[keys[lead_id]],
            now=now,
            simulated=judgement.simulated,
        )
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


def opportunity_row(
    lead_id: UUID,
    company_key: str,
    draft: OpportunityDraft,
    *,
    version: int,
    now: datetime,
    simulated: bool = False,
) -> Row:
    """Return the row of the opportunity that *draft* makes of a lead."""
    return {
        "id": opportunity_id(lead_id),
        "lead_id": lead_id,
        "company_key": company_key,
        "score": draft.score,
        "value_amount": draft.value.amount,
        "value_currency": draft.value.currency,
        "probability": draft.probability,
        "next_step_en": draft.next_step.en,
        "next_step_es": draft.next_step.es,
        "simulated": simulated,
        "created_at": now,
        "version": version,
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


#: States of the gateway (`orchestrator.gateway.LeadState`) between which the pipeline moves leads.
NEW: Final = "nuevo"
OPPORTUNITY: Final = "oportunidad"
DISCARDED: Final = "descartado"
#: Parameters of one statement; far below what SQLite allows.
_CHUNK: Final = 2_000


async def next_versions(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, int]:
    """Return the first version of each new row by its cache key: after that of a deleted one."""
    versions = dict.fromkeys(keys, 1)
    for chunk in in_chunks(keys, _CHUNK):
        left = select(deleted_versions).where(deleted_versions.c.key.in_(chunk))
        for row in (await connection.execute(left)).mappings():
            versions[row["key"]] = row["version"] + 1
    return versions


async def move_leads(
    connection: AsyncConnection,
    judgements: Sequence[Judgement],
    recorded: Sequence[Recorded],
    now: datetime,
) -> Mapping[str, int]:
    """Give leads the state that their latest judgement says; return the new versions by key.

    The leads are locked. One that has just got its opportunity always has a new version. States
    that people have set stay as they are.
    """
    pairs = list(zip(judgements, recorded, strict=True))
    created = {judged.lead_id for judged, its in pairs if its.created}
    discarded = {
        judged.lead_id
        for judged, its in pairs
        if its.opportunity_id is None and not its.standing and judged.decisions
        if drafting(judged.decisions) is None
    }
    untouched = leads.c.estado.in_([NEW, DISCARDED])
    raised = {"version": leads.c.version + 1, "changed_at": now}
    with_opportunity = {**raised, "estado": case((untouched, OPPORTUNITY), else_=leads.c.estado)}
    moves = (
        (created, leads.c.id.is_not(None), with_opportunity),
        (discarded - created, leads.c.estado == NEW, {**raised, "estado": DISCARDED}),
    )
    versions: dict[str, int] = {}
    for ids, condition, values in moves:
        for chunk in in_chunks(sorted(ids), _CHUNK):
            moving = update(leads).where(leads.c.id.in_(chunk), condition).values(values)
            changed = await connection.execute(moving.returning(leads.c.id, leads.c.version))
            versions |= {lead_key(lead_id): version for lead_id, version in changed}
    return versions


async def supersede_decisions(connection: AsyncConnection, versions: Mapping[UUID, int]) -> None:
    """Keep what was decided about leads from standing, now that their fields change.

    The basis of each decision then names, behind `@v`, the version of the lead that it rests on.
    So the same evidence leads to a judgement of its own.

    Args:
        connection: In the transaction that changes the leads.
        versions: The version of each lead before the change.
    """
    behind = bindparam("behind", type_=decisions.c.basis.type)
    statement = (
        update(decisions)
        .where(decisions.c.lead_id == bindparam("changed"), ~decisions.c.basis.contains("@v"))
        .values(basis=decisions.c.basis.concat(behind))
    )
    rows = [{"changed": each, "behind": f"@v{versions[each]}"} for each in sorted(versions)]
    await connection.execute(statement, rows)


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

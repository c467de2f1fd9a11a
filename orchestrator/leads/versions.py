"""Versions and states of leads, as the pipeline moves them; the states of opportunities.

The version of a lead is raised by every change of what the gateway answers about it: its fields,
its state, and whether it has an opportunity. Of an opportunity each change of state adds a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.database import in_chunks
from orchestrator.database.schema import decisions, deleted_versions, leads, opportunity_moves

from .models import Judgement, Recorded, drafting, lead_key

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

"""The rows about a person, found by an e-mail address: read, counted, and erased.

What is erased with them, what stays and why:
docs/decisions/0038-erasing-a-person.md.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from operator import add
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import in_chunks, reading
from orchestrator.database.schema import (
    decisions,
    erasures,
    evidence,
    handovers,
    identity_claims,
    leads,
    opportunities,
    opportunity_moves,
    purchases,
)
from orchestrator.fence.writes import FencedWrites, Written
from orchestrator.infra.clock import Clock
from orchestrator.leads import (
    HandOverState,
    StoredDecision,
    lead_key,
    opportunity_id,
    opportunity_key,
)
from orchestrator.leads.recording import to_decision

from .models import Frozen, LeadRecord, OpportunityMove, OpportunityRecord
from .records import (
    LEADS,
    lead_from_row,
    move_from_row,
    opportunity_from_row,
    remove_leads,
)

#: Leads that are erased together: so many keys of the cache are closed within its patience.
CHUNK: Final = 200


class KeptHandOver(Frozen):
    """A hand-over to the sales agent, with the event that it sends or has sent."""

    event_id: UUID
    state: HandOverState
    created_at: AwareDatetime
    delivered_at: AwareDatetime | None
    event: dict[str, Any]


class KeptLead(Frozen):
    """A lead with everything that goes with it: all of it is deleted with the lead."""

    lead: LeadRecord
    decisions: list[StoredDecision]
    opportunity: OpportunityRecord | None
    moves: list[OpportunityMove]
    hand_over: KeptHandOver | None


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows about a person; the columns of a record of erasure."""

    leads: int = 0
    decisions: int = 0
    opportunities: int = 0
    hand_overs: int = 0
    archived_answers: int = 0

    def __add__(self, other: "RowCounts") -> "RowCounts":
        return RowCounts(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """What was erased in one transaction, and the id of its record."""

    record_id: UUID
    counts: RowCounts


def fold_email(email: str) -> str:
    """Return the form by which addresses are compared: case-folded, in Unicode's NFC."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


class Persons:
    """The rows about persons in one database. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine, writes: FencedWrites, clock: Clock) -> None:
        self._engine = engine
        self._writes = writes
        self._clock = clock

    async def leads_of(self, email: str) -> list[UUID]:
        """Return the ids of the leads with *email*, compared without regard to case."""
        wanted = fold_email(email)
        statement = select(leads.c.id, leads.c.email).order_by(leads.c.id)
        if email.isascii():
            # Databases fold ASCII alike, and other letters not at all, or by their locale.
            statement = statement.where(func.lower(func.trim(leads.c.email)) == wanted)
        async with reading(self._engine, "look for a person") as connection:
            found = await connection.execute(statement)
            return [lead_id for lead_id, stored in found if fold_email(stored) == wanted]

    async def named_in(self, email: str, theirs: Collection[UUID]) -> list[str]:
        """Return the cache keys of what else names *email* in a text that people have written.

        Those are notes of leads and reasons of moves, other than of the leads *theirs*.
        """

        def names(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
            wanted = email.strip().lower()
            return or_(*(func.lower(each).contains(wanted, autoescape=True) for each in columns))

        notes = select(leads.c.id).where(names(leads.c.notes))
        moves = select(opportunity_moves.c.opportunity_id).where(
            names(opportunity_moves.c.why, opportunity_moves.c.moved_by)
        )
        async with reading(self._engine, "look for a person's name") as connection:
            in_leads = set(await connection.scalars(notes)) - set(theirs)
            in_moves = set(await connection.scalars(moves)) - set(map(opportunity_id, theirs))
        return [*map(lead_key, sorted(in_leads)), *map(opportunity_key, sorted(in_moves))]

    async def read(self, ids: Sequence[UUID]) -> list[KeptLead]:
        """Return the leads of *ids* with everything that goes with them, from one snapshot."""
        found: list[KeptLead] = []
        async with reading(self._engine, "read what is kept about a person") as connection:
            for chunk in in_chunks(ids, CHUNK):
                found += await _read(connection, chunk)
        return found

    async def count(self, ids: Sequence[UUID]) -> RowCounts:
        """Count what is deleted with the leads of *ids*."""
        counted = RowCounts()
        async with reading(self._engine, "count what is kept about a person") as connection:
            for chunk in in_chunks(ids, CHUNK):
                counted += await _count_rows(connection, chunk)
        return counted

    async def company_keys(self, ids: Sequence[UUID], domain: str | None) -> set[str]:
        """Return the companies that leads were judged as, and those that go by *domain*."""
        keys: set[str] = set()
        async with reading(self._engine, "look for a person's companies") as connection:
            for chunk in in_chunks(ids, CHUNK):
                for table in (decisions, opportunities):
                    judged = select(table.c.company_key).where(table.c.lead_id.in_(chunk))
                    keys.update(await connection.scalars(judged.distinct()))
            if domain is not None:
                claimed = select(identity_claims.c.company_key)
                keys.update(
                    await connection.scalars(claimed.where(identity_claims.c.domain == domain))
                )
        return keys

    async def answers_about(self, company_keys: Collection[str]) -> list[str]:
        """Return the purchases about *company_keys* whose answers the archive keeps."""
        kept = select(evidence.c.purchase_id).join(
            purchases, purchases.c.purchase_id == evidence.c.purchase_id
        )
        found: list[str] = []
        async with reading(self._engine, "look through the evidence archive") as connection:
            for chunk in in_chunks(sorted(company_keys), CHUNK):
                about = kept.where(purchases.c.company_key.in_(chunk))
                found += await connection.scalars(about.order_by(evidence.c.purchase_id))
        return found

    async def erase(
        self, ids: Sequence[UUID], purchase_ids: Sequence[str]
    ) -> list[Written[ErasedRows]]:
        """Erase leads with everything that goes with them, and archived answers.

        Args:
            ids: Of leads; one that is not stored (any more) is left out.
            purchase_ids: Of archived answers; the ledger keeps the purchases.

        Atomic: By 200 leads, each time with a record of it. Repeating it completes the work.
        """
        parts = list(in_chunks(ids, CHUNK)) or ([()] if purchase_ids else [])
        return [
            await self._erase(part, purchase_ids if number == 0 else ())
            for number, part in enumerate(parts)
        ]

    async def _erase(self, ids: Sequence[UUID], purchase_ids: Sequence[str]) -> Written[ErasedRows]:
        keys = [
            key for each in ids for key in (lead_key(each), opportunity_key(opportunity_id(each)))
        ]

        async def work(connection: AsyncConnection) -> tuple[ErasedRows, Mapping[str, int]]:
            stored = select(leads.c.id, leads.c.version).where(leads.c.id.in_(ids))
            locked = await connection.execute(stored.order_by(leads.c.id).with_for_update())
            versions = {row.id: row.version for row in locked}
            counts = await _count_rows(connection, list(versions))
            now = self._clock()
            gone = await remove_leads(connection, versions, now) if versions else {}
            answers = await _drop_answers(connection, purchase_ids)
            erased = ErasedRows(uuid4(), counts + RowCounts(archived_answers=answers))
            row = {"id": erased.record_id, **asdict(erased.counts), "erased_at": now}
            await connection.execute(insert(erasures).values(row))
            return erased, gone

        return await self._writes.run("erase a person", keys, work)


async def _drop_answers(connection: AsyncConnection, purchase_ids: Sequence[str]) -> int:
    dropped = 0
    for chunk in in_chunks(purchase_ids, CHUNK):
        of_chunk = delete(evidence).where(evidence.c.purchase_id.in_(chunk))
        dropped += (await connection.execute(of_chunk)).rowcount
    return dropped


async def _count_rows(connection: AsyncConnection, ids: Sequence[UUID]) -> RowCounts:
    opportunity_ids = [opportunity_id(each) for each in ids]
    found = [
        await connection.scalar(select(func.count()).where(condition))
        for condition in (
            leads.c.id.in_(ids),
            decisions.c.lead_id.in_(ids),
            opportunities.c.lead_id.in_(ids),
            handovers.c.opportunity_id.in_(opportunity_ids),
        )
    ]
    return RowCounts(*(count or 0 for count in found))


async def _read(connection: AsyncConnection, ids: Sequence[UUID]) -> list[KeptLead]:
    records = (await connection.execute(LEADS.where(leads.c.id.in_(ids)))).mappings().all()
    its = {each: opportunity_id(each) for each in ids}
    judged = select(decisions).where(decisions.c.lead_id.in_(ids)).order_by(decisions.c.id)
    made = select(opportunities).where(opportunities.c.lead_id.in_(ids))
    moved = opportunity_moves.c.opportunity_id.in_(its.values())
    moves = select(opportunity_moves).where(moved).order_by(opportunity_moves.c.version)
    owed = select(handovers).where(handovers.c.opportunity_id.in_(its.values()))
    about, known, history, handed = [
        (await connection.execute(statement)).mappings().all()
        for statement in (judged, made, moves, owed)
    ]
    by_lead = {row["lead_id"]: opportunity_from_row(row) for row in known}
    by_opportunity = {row["opportunity_id"]: _hand_over(row) for row in handed}
    return [
        KeptLead(
            lead=lead_from_row(row),
            decisions=[to_decision(each) for each in about if each["lead_id"] == row["id"]],
            opportunity=by_lead.get(row["id"]),
            moves=[
                move_from_row(each) for each in history if each["opportunity_id"] == its[row["id"]]
            ],
            hand_over=by_opportunity.get(its[row["id"]]),
        )
        for row in sorted(records, key=lambda row: (row["imported_at"], row["id"]))
    ]


def _hand_over(row: RowMapping) -> KeptHandOver:
    return KeptHandOver(
        event_id=row["event_id"],
        state=HandOverState(row["state"]),
        created_at=row["created_at"],
        delivered_at=row["delivered_at"],
        event=orjson.loads(row["body"]),
    )

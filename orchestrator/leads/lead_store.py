"""Leads, what was decided about them, and the opportunities that came of it.

Queries and transactions; how a judgement is written is in `recording`.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, ColumnElement, RowMapping, Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Decision, Lead, Verdict
from orchestrator.database import Batcher, reading, schema, writing
from orchestrator.database.statements import in_chunks, insert_new
from orchestrator.infra.clock import Clock

from .judgement import Judgement
from .models import ImportReport, Opportunity, Recorded, StoreCounts, StoredDecision, UnknownLead
from .recording import record_all
from .rows import lead_row, to_decision, to_lead, to_opportunity
from .selection import LeadFilter, chosen_leads

#: Leads of one transaction or query: short for other writers and for the event loop, and
#: far below the 32,766 variables that SQLite allows in a statement.
CHUNK: Final = 2_000


class LeadStore:
    """Keeps leads, decisions and opportunities. One instance belongs to one event loop.

    Every method raises DatabaseUnavailable when the database does not answer; repeating it is safe.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock
        self._recorder = Batcher(self._record_all)

    async def import_leads(self, new: Sequence[Lead]) -> ImportReport:
        """Store the leads of *new* whose id is not stored yet; the others stay as they are.

        Atomic: By chunks of 2,000; after an interruption, importing the same leads again
            completes the work.
        """
        inserted = 0
        for chunk in in_chunks(new, CHUNK):
            now = self._clock()
            rows = [lead_row(lead, now) for lead in sorted(chunk, key=lambda lead: lead.id)]
            async with writing(self._engine, "import leads") as connection:
                inserted += len(await insert_new(connection, schema.leads.c.id, rows))
        return ImportReport(new=inserted, existing=len(new) - inserted)

    async def leads(self, ids: Collection[UUID]) -> dict[UUID, Lead]:
        """Return the leads of *ids* by id; an unknown id is left out."""
        rows = await self._rows("read leads", *_chosen(schema.leads.c.id, ids))
        return {row["id"]: to_lead(row) for row in rows}

    async def chosen(self, wanted: LeadFilter | None, policy_version: str) -> list[UUID]:
        """Return the ids of the leads of *wanted*, of all leads for None, the oldest first.

        Args:
            wanted: The conditions.
            policy_version: What "judged by another policy" is held against.
        """
        statement = chosen_leads(wanted, policy_version)
        async with reading(self._engine, "choose leads") as connection:
            return list(await connection.scalars(statement))

    async def record(
        self,
        lead_id: UUID,
        decisions: Sequence[Decision],
        company_key: str,
        *,
        basis: str,
        simulated: bool = False,
    ) -> Recorded:
        """Store the decisions of one run of a pipeline and, where all advance, the opportunity.

        Concurrent calls share a transaction; each returns after its commit.

        Args:
            lead_id: An imported lead.
            decisions: In the order in which the agents decided.
            company_key: Under which `decisions_for_company` finds them.
            basis: What identifies the evidence: the id of its purchase, or its as-of instant.
            simulated: Whether the evidence is invented.

        Idempotent: A lead gets one opportunity at most, whose content never changes here: sales
            may be working on it, even when a later decision discards the lead. The same agent,
            version and basis confirm the stored decision instead of adding one; where that one
            says otherwise it stands, and makes no opportunity (`Recorded.standing`).

        Raises:
            UnknownLead: The lead is not stored; nothing was written for it.
        """
        judgement = Judgement(lead_id, company_key, basis, tuple(decisions), simulated)
        try:
            return await self._recorder.submit(judgement)
        except IntegrityError as error:
            # The models rule out every other constraint.
            raise UnknownLead(lead_id) from error

    async def _record_all(self, judgements: Sequence[Judgement]) -> list[Recorded]:
        async with writing(self._engine, "record decisions") as connection:
            return await record_all(connection, judgements, self._clock())

    async def opportunity_of(self, lead_id: UUID) -> Opportunity | None:
        """Return the opportunity of a lead, if it has one."""
        found = await self.opportunities_of([lead_id])
        return found.get(lead_id)

    async def opportunities_of(self, lead_ids: Collection[UUID]) -> dict[UUID, Opportunity]:
        """Return the opportunities of *lead_ids* by lead; a lead without one is left out."""
        statements = _chosen(schema.opportunities.c.lead_id, lead_ids)
        rows = await self._rows("read opportunities", *statements)
        return {row["lead_id"]: to_opportunity(row) for row in rows}

    async def opportunities(self, *, limit: int = 100, offset: int = 0) -> list[Opportunity]:
        """Return a page of all opportunities, newest first."""
        table = schema.opportunities
        newest_first = select(table).order_by(table.c.created_at.desc(), table.c.id)
        rows = await self._rows("read opportunities", newest_first.limit(limit).offset(offset))
        return [to_opportunity(row) for row in rows]

    async def decisions_of(self, lead_id: UUID) -> list[StoredDecision]:
        """Return what was decided about a lead, the latest last."""
        return await self._decisions(schema.decisions.c.lead_id == lead_id)

    async def decisions_for_company(self, company_key: str) -> list[StoredDecision]:
        """Return what was decided about all leads of a company, the latest last."""
        return await self._decisions(schema.decisions.c.company_key == company_key)

    async def _decisions(self, condition: ColumnElement[bool]) -> list[StoredDecision]:
        table = schema.decisions
        statement = select(table).where(condition).order_by(table.c.confirmed_at, table.c.id)
        return [to_decision(row) for row in await self._rows("read decisions", statement)]

    async def counts(self) -> StoreCounts:
        """Count leads and opportunities, and discarded leads by their latest reason."""
        leads, opportunities, *discards = await self._rows(
            "count leads and opportunities",
            select(func.count().label("total")).select_from(schema.leads),
            select(func.count().label("total")).select_from(schema.opportunities),
            _discards_by_code(),
        )
        return StoreCounts(
            leads=leads["total"],
            opportunities=opportunities["total"],
            discards={row["code"]: row["total"] for row in discards},
        )

    async def _rows(self, operation: str, *statements: Select[Any]) -> list[RowMapping]:
        async with reading(self._engine, operation) as connection:
            results = [await connection.execute(statement) for statement in statements]
            return [row for result in results for row in result.mappings()]


def _chosen(column: Column[UUID], ids: Collection[UUID]) -> Iterator[Select[Any]]:
    """Yield what selects the rows whose *column* is among *ids*, chunk by chunk."""
    return (select(column.table).where(column.in_(chunk)) for chunk in in_chunks(list(ids), CHUNK))


def _discards_by_code() -> Select[Any]:
    table = schema.decisions
    latest_first = (table.c.confirmed_at.desc(), table.c.id.desc())
    rank = func.row_number().over(partition_by=table.c.lead_id, order_by=latest_first)
    latest = select(table.c.code, table.c.verdict, rank.label("rank")).subquery()
    return (
        select(latest.c.code, func.count().label("total"))
        .where(latest.c.rank == 1, latest.c.verdict == Verdict.DISCARD.value)
        .group_by(latest.c.code)
        .order_by(latest.c.code)
    )

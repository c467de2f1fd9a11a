"""Reads and writes of leads and opportunities by other services, through the fence.

Every change raises the row's version in the same UPDATE. A deletion leaves its version behind.
"""

import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    RowMapping,
    Select,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agents.case import OpportunityDraft
from orchestrator.database import DatabaseUnavailable, insert_into, reading
from orchestrator.database.schema import (
    deleted_versions,
    leads,
    opportunities,
    opportunity_moves,
)
from orchestrator.fence import Fence, Hit
from orchestrator.fence.writes import FencedWrites, Written
from orchestrator.identity import company_key
from orchestrator.infra.batching import Batcher
from orchestrator.infra.clock import Clock
from orchestrator.leads import (
    Move,
    add_moves,
    lead_key,
    next_versions,
    opportunity_id,
    opportunity_key,
    opportunity_row,
    supersede_decisions,
)

from .models import (
    UNNAMED,
    Amount,
    Author,
    LeadListFilter,
    LeadRecord,
    LeadState,
    MoveRefused,
    NextStep,
    NotStored,
    OpportunityExists,
    OpportunityHistory,
    OpportunityListFilter,
    OpportunityMove,
    OpportunityRecord,
    OpportunityState,
    Page,
    PageCursor,
    VersionMismatch,
    allowed_moves,
)

#: Versions that a write is meant for; None for any.
Expected = frozenset[int] | None
#: Share of the reads from the cache that are compared with the database, and how many of them
#: wait for that at most.
SAMPLED_SHARE: Final = 0.01
MOST_SAMPLED: Final = 100
_LEAD: Final = "lead"
_OPPORTUNITY: Final = "oportunidad"
LEADS: Final = select(leads, opportunities.c.id.label("opportunity_id")).select_from(
    leads.outerjoin(opportunities, opportunities.c.lead_id == leads.c.id)
)
_OPPORTUNITIES: Final = select(opportunities)


@dataclass(frozen=True, slots=True)
class Read:
    """A record as JSON, and its version.

    `age_s` is how long ago it was cached, None where it comes from the database; `stored` says
    whether it is cached now.
    """

    value: bytes
    version: int
    age_s: int | None
    stored: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """Versions of one record in the cache and in the database, which has None of a deleted one."""

    kind: str
    cached: int
    stored: int | None
    is_divergent: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a record is: its cache key, and what reads its row."""

    key: str
    rows: Batcher[UUID, RowMapping | None]
    kind: str
    record_id: UUID


class Records:
    """Leads and opportunities of one database, with cached copies under the documented keys.

    Every method raises DatabaseUnavailable when the database does not answer.
    """

    def __init__(
        self, engine: AsyncEngine, fence: Fence, writes: FencedWrites, clock: Clock
    ) -> None:
        self._engine = engine
        self._fence = fence
        self._writes = writes
        self._clock = clock
        self._sampled: deque[_Source] = deque(maxlen=MOST_SAMPLED)
        # Concurrent misses share a query. It begins after all of them have asked for it.
        self._lead_rows = Batcher(
            partial(self._rows_of, LEADS, leads.c.id), shared=DatabaseUnavailable
        )
        self._opportunity_rows = Batcher(
            partial(self._rows_of, _OPPORTUNITIES, opportunities.c.id), shared=DatabaseUnavailable
        )

    async def lead(self, lead_id: UUID) -> Read:
        """Return a lead, cached or read now.

        Raises:
            NotStored: There is none.
        """
        return await self._read(_Source(lead_key(lead_id), self._lead_rows, _LEAD, lead_id))

    async def opportunity(self, record_id: UUID) -> Read:
        """Return an opportunity, cached or read now.

        Raises:
            NotStored: There is none.
        """
        key = opportunity_key(record_id)
        return await self._read(_Source(key, self._opportunity_rows, _OPPORTUNITY, record_id))

    async def _read(self, source: _Source) -> Read:
        found = await self._fence.read(source.key)
        if isinstance(found, Hit):
            if random.random() < SAMPLED_SHARE:  # noqa: S311 - no secret
                self._sampled.append(source)
            return Read(found.value, found.version, found.age_s, stored=True)
        # Its transaction begins after the generation was given: it sees every commit that came
        # before.
        row = await source.rows.submit(source.record_id)
        if row is None:
            raise NotStored(source.kind, source.record_id)
        record = lead_from_row(row) if source.kind == _LEAD else opportunity_from_row(row)
        value = record.model_dump_json().encode()
        stored = await self._fence.fill(source.key, found.generation, record.version, value)
        return Read(value, record.version, None, stored)

    async def compare_sampled(self) -> AsyncIterator[Compared]:
        """Compare what was sampled of cached reads with the database, each once.

        A copy that diverges is dropped.
        """
        while self._sampled:
            compared = await self._compare(self._sampled.popleft())
            if compared is not None:
                yield compared

    async def _compare(self, source: _Source) -> Compared | None:
        found = await self._fence.read(source.key)
        if not isinstance(found, Hit):
            return None
        row = await source.rows.submit(source.record_id)
        version: int | None = None if row is None else row["version"]
        is_divergent = False
        if version != found.version:
            # A write in between has closed the key, or dropped the copy.
            again = await self._fence.read(source.key)
            is_divergent = isinstance(again, Hit) and again.version == found.version
        if is_divergent:
            await self._fence.open({source.key: version or 0}, uuid4().hex)
        return Compared(source.kind, found.version, version, is_divergent)

    async def _rows_of(
        self, statement: Select[Any], column: Column[UUID], ids: Sequence[UUID]
    ) -> list[RowMapping | None]:
        async with reading(self._engine, f"read {column.table.name}") as connection:
            among = statement.where(column.in_(sorted(set(ids))))
            found = {row["id"]: row for row in (await connection.execute(among)).mappings()}
        return [found.get(record_id) for record_id in ids]

    async def list_leads(
        self, wanted: LeadListFilter, *, after: PageCursor | None, limit: int
    ) -> Page[LeadRecord]:
        """Return leads from the database, newest first."""
        statement = LEADS.where(*conditions(wanted))
        at = leads.c.imported_at
        return _page(await self._rows(statement, leads, at, after, limit), lead_from_row, limit)

    async def list_opportunities(
        self, wanted: OpportunityListFilter, *, after: PageCursor | None, limit: int
    ) -> Page[OpportunityRecord]:
        """Return opportunities from the database, newest first."""
        statement = _OPPORTUNITIES.where(*conditions(wanted))
        at = opportunities.c.created_at
        rows = await self._rows(statement, opportunities, at, after, limit)
        return _page(rows, opportunity_from_row, limit)

    async def _rows(
        self,
        statement: Select[Any],
        table: Table,
        at: ColumnElement[Any],
        after: PageCursor | None,
        limit: int,
    ) -> list[RowMapping]:
        if after is not None:
            is_later = or_(at < after.at, and_(at == after.at, table.c.id < after.id))
            statement = statement.where(is_later)
        ordered = statement.order_by(at.desc(), table.c.id.desc()).limit(limit + 1)
        async with reading(self._engine, f"list {table.name}") as connection:
            return list((await connection.execute(ordered)).mappings())

    async def change_lead(
        self, lead_id: UUID, fields: Mapping[str, Any], expected: Expected
    ) -> Written[LeadRecord]:
        """Change *fields* of a lead, by their columns, and return it.

        Raises:
            NotStored: There is none.
            VersionMismatch: Its version is none of *expected*.
        """

        async def work(connection: AsyncConnection) -> tuple[LeadRecord, Mapping[str, int]]:
            values = dict(fields)
            if fields.keys() - {"estado"}:
                values["name_at_company"] = None  # the next import finds it out
            await self._change(connection, leads, lead_id, values, expected)
            statement = LEADS.where(leads.c.id == lead_id)
            record = lead_from_row((await connection.execute(statement)).mappings().one())
            if fields.keys() - {"estado"}:
                await supersede_decisions(connection, {lead_id: record.version - 1})
            return record, {lead_key(lead_id): record.version}

        return await self._writes.run("change a lead", [lead_key(lead_id)], work)

    async def delete_lead(self, lead_id: UUID, expected: Expected) -> Written[None]:
        """Delete a lead with what was concluded about it.

        Raises:
            NotStored: There is none.
            VersionMismatch: Its version is none of *expected*.
        """
        its_opportunity = opportunity_id(lead_id)
        keys = [lead_key(lead_id), opportunity_key(its_opportunity)]

        async def work(connection: AsyncConnection) -> tuple[None, Mapping[str, int]]:
            locked = await _lock_row(connection, leads, lead_id, for_deletion=True)
            row = _check_version(locked, leads, lead_id, expected)
            gone = await remove_leads(connection, {lead_id: row["version"]}, self._clock())
            return None, gone

        return await self._writes.run("delete a lead", keys, work)

    async def history(
        self, record_id: UUID, *, before: int | None, limit: int
    ) -> OpportunityHistory:
        """Return the state of an opportunity and its moves *before* a version, the latest first.

        Raises:
            NotStored: There is none.
        """
        moves = opportunity_moves
        is_its = moves.c.opportunity_id == opportunities.c.id
        if before is not None:
            is_its = and_(is_its, moves.c.version < before)
        # One statement, so that the state is the one that the latest move has led to.
        both = select(opportunities.c.estado, moves).select_from(
            opportunities.outerjoin(moves, is_its)
        )
        statement = both.where(opportunities.c.id == record_id)
        latest_first = statement.order_by(moves.c.version.desc()).limit(limit)
        async with reading(self._engine, "read an opportunity's moves") as connection:
            rows = (await connection.execute(latest_first)).mappings().all()
        if not rows:
            raise NotStored(_OPPORTUNITY, record_id)
        estado = OpportunityState(rows[0]["estado"])
        made = [move_from_row(row) for row in rows if row["version"] is not None]
        return OpportunityHistory(
            id=record_id, estado=estado, permitidos=allowed_moves(estado), historial=made
        )

    async def change_opportunity(
        self,
        record_id: UUID,
        fields: Mapping[str, Any],
        expected: Expected,
        author: Author = UNNAMED,
    ) -> Written[OpportunityRecord]:
        """Change *fields* of an opportunity, by their columns, and return it.

        A new `estado` must be one that it may go to, and is added to its moves by *author*.

        Raises:
            NotStored: There is none.
            VersionMismatch: Its version is none of *expected*.
            MoveRefused: It does not go to that state.
        """

        async def work(connection: AsyncConnection) -> tuple[OpportunityRecord, Mapping[str, int]]:
            estado = await self._change(connection, opportunities, record_id, fields, expected)
            record = await _opportunity(connection, record_id)
            if record.estado != estado:
                await add_moves(connection, [_move(record, estado, author)])
            return record, {opportunity_key(record_id): record.version}

        return await self._writes.run("change an opportunity", [opportunity_key(record_id)], work)

    async def create_opportunity(
        self, lead_id: UUID, draft: OpportunityDraft, author: Author = UNNAMED
    ) -> Written[OpportunityRecord]:
        """Make an opportunity of a lead, whose answer then names it.

        Raises:
            NotStored: There is no such lead.
            OpportunityExists: It has one.
        """
        record_id = opportunity_id(lead_id)
        key, its_lead = opportunity_key(record_id), lead_key(lead_id)

        async def work(connection: AsyncConnection) -> tuple[OpportunityRecord, Mapping[str, int]]:
            lead = await _lock_row(connection, leads, lead_id)
            if lead is None:
                raise NotStored(_LEAD, lead_id)
            version = (await next_versions(connection, [key]))[key]
            key_of_company = company_key(lead["company"])
            row = opportunity_row(
                lead_id, key_of_company, draft, version=version, now=self._clock()
            )
            await connection.execute(insert(opportunities).values(row))
            values = {"estado": LeadState.OPORTUNIDAD.value}
            await self._change(connection, leads, lead_id, values, None)
            record = await _opportunity(connection, record_id)
            await add_moves(connection, [_move(record, None, author)])
            return record, {key: version, its_lead: lead["version"] + 1}

        try:
            return await self._writes.run("create an opportunity", [key, its_lead], work)
        except IntegrityError as error:
            # The row has no other constraint that the models admit to be broken.
            raise OpportunityExists(lead_id) from error

    async def _change(
        self,
        connection: AsyncConnection,
        table: Table,
        record_id: UUID,
        values: Mapping[str, Any],
        expected: Expected,
    ) -> str:
        """Change the row and return the state that it was in."""
        locked = await _lock_row(connection, table, record_id)
        row = _check_version(locked, table, record_id, expected)
        estado: str = row["estado"]
        if table is opportunities:
            _check_move(estado, values.get("estado", estado))
        raised = {**values, "version": table.c.version + 1, "changed_at": self._clock()}
        await connection.execute(update(table).where(table.c.id == record_id).values(raised))
        return estado


async def _opportunity(connection: AsyncConnection, record_id: UUID) -> OpportunityRecord:
    its = _OPPORTUNITIES.where(opportunities.c.id == record_id)
    return opportunity_from_row((await connection.execute(its)).mappings().one())


async def _lock_row(
    connection: AsyncConnection, table: Table, record_id: UUID, *, for_deletion: bool = False
) -> RowMapping | None:
    # The weaker lock, which the lead store takes, too, lets rows that refer to this one be added.
    # A deletion that began with it would wait for them, and they for it. SQLite has one writer,
    # and ignores the clause.
    found = select(table).where(table.c.id == record_id)
    locking = found.with_for_update(key_share=not for_deletion)
    return (await connection.execute(locking)).mappings().one_or_none()


def _check_version(
    row: RowMapping | None, table: Table, record_id: UUID, expected: Expected
) -> RowMapping:
    kind = _LEAD if table is leads else _OPPORTUNITY
    if row is None:
        raise NotStored(kind, record_id)
    if expected is not None and row["version"] not in expected:
        raise VersionMismatch(kind, record_id, row["version"])
    return row


def _check_move(before: str, after: str) -> None:
    if after != before and after not in allowed_moves(before):
        raise MoveRefused(before, after)


def _move(record: OpportunityRecord, before: str | None, author: Author) -> Move:
    at = record.actualizado_en
    return Move(record.id, record.version, before, record.estado, author.name, author.why, at)


async def remove_leads(
    connection: AsyncConnection, versions: Mapping[UUID, int], now: datetime
) -> dict[str, int]:
    """Delete leads, locked in their *versions*, with what was concluded about them.

    Returns:
        The version that each deleted lead and opportunity leaves behind, by its cache key.
    """
    gone = {lead_key(each): version + 1 for each, version in versions.items()}
    theirs = select(opportunities.c.id, opportunities.c.version)
    in_order = theirs.where(opportunities.c.lead_id.in_(versions)).order_by(opportunities.c.id)
    for record_id, version in await connection.execute(in_order.with_for_update()):
        gone[opportunity_key(record_id)] = version + 1
    await connection.execute(delete(leads).where(leads.c.id.in_(versions)))
    await _leave_versions(connection, gone, now)
    return gone


async def _leave_versions(
    connection: AsyncConnection, gone: Mapping[str, int], now: datetime
) -> None:
    new = insert_into(deleted_versions, connection)
    statement = new.on_conflict_do_update(
        index_elements=["key"],
        set_={"version": new.excluded.version, "deleted_at": new.excluded.deleted_at},
    )
    rows = [{"key": key, "version": gone[key], "deleted_at": now} for key in sorted(gone)]
    await connection.execute(statement, rows)


#: What each condition of a `LeadListFilter` asks of a row; an e-mail as the index has it.
_OF_LEADS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "estado": lambda state: leads.c.estado == state.value,
    "pais": lambda code: leads.c.country == code.upper(),
    "origen": lambda source: func.lower(leads.c.source) == source.lower(),
    "correo": lambda email: func.lower(func.trim(leads.c.email)) == email.lower(),
    "empresa": lambda part: func.lower(leads.c.company).contains(part.lower(), autoescape=True),
    "desde": lambda at: leads.c.imported_at >= at,
    "hasta": lambda at: leads.c.imported_at < at,
}
#: The same of an `OpportunityListFilter`.
_OF_OPPORTUNITIES: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "estado": lambda state: opportunities.c.estado == state.value,
    "lead_id": lambda lead_id: opportunities.c.lead_id == lead_id,
    "puntuacion_min": lambda score: opportunities.c.score >= score,
    "moneda": lambda currency: opportunities.c.value_currency == currency,
    "simulado": opportunities.c.simulated.is_,
    "desde": lambda at: opportunities.c.created_at >= at,
    "hasta": lambda at: opportunities.c.created_at < at,
}


def conditions(wanted: LeadListFilter | OpportunityListFilter) -> list[ColumnElement[bool]]:
    """Return what the rows that are *wanted* must meet."""
    of = _OF_LEADS if isinstance(wanted, LeadListFilter) else _OF_OPPORTUNITIES
    given = ((condition, getattr(wanted, name)) for name, condition in of.items())
    return [condition(value) for condition, value in given if value is not None]


def _page(rows: list[RowMapping], convert: Any, limit: int) -> Page[Any]:  # noqa: ANN401 - either kind
    records = [convert(row) for row in rows[:limit]]
    after = None
    if len(rows) > limit:
        after = PageCursor(records[-1].creado_en, records[-1].id)
    return Page(records, after)


def lead_from_row(row: RowMapping) -> LeadRecord:
    """Return the lead of a row of `LEADS`."""
    return LeadRecord(
        version=row["version"],
        id=row["id"],
        empresa=row["company"],
        contacto=row["contact"],
        correo=row["email"] or None,
        sitio_web=row["website"],
        pais=row["country"],
        ciudad=row["city"],
        telefono=row["phone"],
        origen=row["source"],
        notas=row["notes"],
        estado=LeadState(row["estado"]),
        oportunidad_id=row["opportunity_id"],
        creado_en=row["imported_at"],
        actualizado_en=row["changed_at"] or row["imported_at"],
    )


def move_from_row(row: RowMapping) -> OpportunityMove:
    """Return the move of *row*."""
    return OpportunityMove(
        version=row["version"],
        de=row["before"],
        a=row["after"],
        quien=row["moved_by"],
        motivo=row["why"],
        cuando=row["moved_at"],
    )


def opportunity_from_row(row: RowMapping) -> OpportunityRecord:
    """Return the opportunity of *row*."""
    return OpportunityRecord(
        version=row["version"],
        id=row["id"],
        lead_id=row["lead_id"],
        clave_empresa=row["company_key"],
        estado=OpportunityState(row["estado"]),
        puntuacion=row["score"],
        valor=Amount.model_construct(importe=row["value_amount"], moneda=row["value_currency"]),
        probabilidad=row["probability"],
        proximo_paso=NextStep(en=row["next_step_en"], es=row["next_step_es"]),
        simulado=row["simulated"],
        creado_en=row["created_at"],
        actualizado_en=row["changed_at"] or row["created_at"],
    )

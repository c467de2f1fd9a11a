"""Stored leads, what was decided about them, and the opportunities that resulted.

Queries and transactions; how a judgement is written is in `recording`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    RowMapping,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agents.case import Decision, Lead, Localized, Money, OpportunityDraft, Verdict
from orchestrator.database import (
    DatabaseUnavailable,
    in_chunks,
    insert_new,
    is_among,
    reading,
    take_turns,
    writing,
)
from orchestrator.database.schema import decisions, leads, opportunities
from orchestrator.fence.writes import FencedWrites, Work
from orchestrator.infra.batching import Batcher
from orchestrator.infra.clock import Clock

from .models import (
    Imported,
    ImportReport,
    Judgement,
    LeadChanged,
    LeadFilter,
    LeadStatus,
    OnConflict,
    Opportunity,
    Recorded,
    StoredDecision,
    lead_key,
    merge_all,
    merge_leads,
    opportunity_key,
)
from .recording import (
    move_leads,
    next_versions,
    record_all,
    supersede_decisions,
    to_decision,
)
from .same import Marks, Match, is_same, match_all

T = TypeVar("T")
#: Leads of one transaction or query: short for other writers and for the event loop, and
#: far below the 32,766 variables that SQLite allows in a statement.
CHUNK: Final = 2_000
#: Leads that are updated together: so many keys of the cache are closed within its patience.
CLOSED: Final = 500

_IS_DISCARD: Final = decisions.c.verdict == Verdict.DISCARD.value
#: The decisions of one run are confirmed at one instant; a discard among them ends the run.
_LATEST_LAST: Final = (decisions.c.confirmed_at, _IS_DISCARD, decisions.c.id)
_LATEST_FIRST: Final = tuple(column.desc() for column in _LATEST_LAST)


class LeadStore:
    """Keeps leads, decisions and opportunities. One instance belongs to one event loop.

    Every method raises DatabaseUnavailable when the database does not answer; repeating it is safe.
    """

    def __init__(
        self, engine: AsyncEngine, clock: Clock, *, writes: FencedWrites | None = None
    ) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of.

        *writes* tells the gateway's cache of changes; None where nothing of it is cached.
        """
        self._engine = engine
        self._clock = clock
        self._writes = writes
        self._recorder = Batcher(self._record_all, shared=DatabaseUnavailable)
        self._reader = Batcher(self._read_all, shared=DatabaseUnavailable)

    async def import_leads(
        self, new: Sequence[Lead], *, on_conflict: OnConflict = OnConflict.REPLACE
    ) -> Imported:
        """Store the leads of *new*; one that is stored (`leads.same`), or given before, is merged.

        What was decided about a lead that changes stands no longer: see `supersede_decisions`.

        Atomic: By chunks of 2,000; after an interruption, importing the same leads again
            completes the work. Imports of the same persons wait for each other.
        """
        await self._name_all()
        imported = Imported()
        for chunk in in_chunks(new, CHUNK):
            imported += await self._import(chunk, on_conflict)
        return imported

    async def _name_all(self) -> None:
        """Fill in the names of leads that have been stored or changed without."""
        unnamed = select(leads).where(leads.c.name_at_company.is_(None)).limit(CHUNK)
        while found := await self._rows("look for unnamed leads", unnamed):
            async with writing(self._engine, "name leads") as connection:
                rows = [
                    {"named": row["id"], **_names(Marks.of(_to_lead(row)))}
                    for row in await _locked(connection, [row["id"] for row in found])
                ]
                naming = update(leads).where(leads.c.id == bindparam("named"))
                if rows:
                    await connection.execute(naming, rows)

    async def _import(self, chunk: Sequence[Lead], rule: OnConflict) -> Imported:
        waiting = _distinct(chunk, rule)
        became: dict[UUID, UUID] = {}
        inserted: set[UUID] = set()
        updated: set[UUID] = set()
        doubtful: set[UUID] = set()
        while waiting:
            matches, added = await self._insert(waiting)
            later: dict[UUID, list[Lead]] = {}
            for each, match in matches.items():
                if match.lead is not None:
                    later.setdefault(match.lead.id, []).append(waiting[each])
            stored = {match.lead.id: match.lead for match in matches.values() if match.lead}
            changing = {
                each: rows
                for each, rows in later.items()
                if merge_all(stored[each], rows, rule) != stored[each]
            }
            changed, overtaken = await self._update(changing, rule)
            became |= {each: each for each in added}
            became |= {row.id: each for each, rows in later.items() for row in rows}
            inserted |= added
            updated |= changed
            doubtful |= {each for each in added if matches[each].is_doubtful}
            # What another import has stored first, or changed meanwhile, is recognized anew.
            left = {row.id for row in overtaken} | {
                each for each, match in matches.items() if not match.lead and each not in added
            }
            waiting = {each: lead for each, lead in waiting.items() if each in left}
        unchanged = set(became.values()) - inserted - updated
        return Imported(
            ImportReport(len(inserted), len(updated - inserted), len(unchanged)),
            [became[lead.id] for lead in chunk],
            doubtful,
        )

    async def _insert(self, waiting: Mapping[UUID, Lead]) -> tuple[dict[UUID, Match], set[UUID]]:
        """Insert those leads that are not stored; return the match of each, and what was new."""

        async def work(
            connection: AsyncConnection,
        ) -> tuple[tuple[dict[UUID, Match], set[UUID]], Mapping[str, int]]:
            now = self._clock()
            matches, marks = await _matches(connection, waiting, takes_turns=True)
            new = {each.lead.id: each for each in marks if matches[each.lead.id].lead is None}
            versions = await next_versions(connection, [lead_key(each) for each in sorted(new)])
            rows = [
                {
                    **_row(new[each].lead),
                    **_names(new[each]),
                    "imported_at": now,
                    "version": versions[lead_key(each)],
                }
                for each in sorted(new)
            ]
            inserted = await insert_new(connection, leads.c.id, rows)
            # A copy of a lead that was deleted must not be taken for one that comes back.
            back = {lead_key(each): versions[lead_key(each)] for each in inserted}
            later = {key: version for key, version in back.items() if version > 1}
            return (matches, inserted), later

        return await self._write("import leads", [], work)

    async def _write(self, operation: str, keys: Sequence[str], work: Work[T]) -> T:
        if self._writes is not None:
            return (await self._writes.run(operation, keys, work)).result
        async with writing(self._engine, operation) as connection:
            return (await work(connection))[0]

    async def preview_import(
        self, new: Sequence[Lead], *, on_conflict: OnConflict = OnConflict.REPLACE
    ) -> tuple[list[Lead], Imported]:
        """Return what *new*, all distinct, would become in an import, and what it would report."""
        await self._name_all()
        after: dict[UUID, Lead] = {}
        imported = Imported()
        for chunk in in_chunks(new, CHUNK):
            matches = await self._matches(chunk)
            before = {match.lead.id: match.lead for match in matches.values() if match.lead}
            ids = [(matches[lead.id].lead or lead).id for lead in chunk]
            for each, lead in zip(ids, chunk, strict=True):
                earlier = after.get(each) or before.get(each)
                after[each] = merge_leads(earlier, lead, on_conflict) if earlier else lead
            updated = sum(after[each] != lead for each, lead in before.items())
            report = ImportReport(len(set(ids) - set(before)), updated, len(before) - updated)
            doubtful = {each for each, match in matches.items() if match.is_doubtful}
            imported += Imported(report, ids, doubtful)
        return [after[each] for each in imported.ids], imported

    async def recognize(self, given: Sequence[Lead]) -> list[UUID]:
        """Return the id under which each lead is stored; its own id where it is not."""
        await self._name_all()
        return [
            (matches[lead.id].lead or lead).id
            for chunk in in_chunks(given, CHUNK)
            for matches in [await self._matches(chunk)]
            for lead in chunk
        ]

    async def _matches(self, chunk: Sequence[Lead]) -> dict[UUID, Match]:
        async with reading(self._engine, "read leads") as connection:
            by_id = {lead.id: lead for lead in chunk}
            return (await _matches(connection, by_id, takes_turns=False))[0]

    async def _update(
        self, later: Mapping[UUID, Sequence[Lead]], rule: OnConflict
    ) -> tuple[set[UUID], list[Lead]]:
        """Merge *later* into the stored leads; return which that changes, and what is none of them.

        A lead may have changed or gone since it was recognized.
        """
        changed: set[UUID] = set()
        overtaken: list[Lead] = []

        async def work(connection: AsyncConnection) -> tuple[list[Lead], Mapping[str, int]]:
            merging = {each: later[each] for each in some}
            versions, others = await self._merge(connection, merging, rule)
            changed.update(versions)
            return others, {lead_key(each): version for each, version in versions.items()}

        for some in in_chunks(sorted(later), CLOSED):
            overtaken += await self._write("update leads", list(map(lead_key, some)), work)
        return changed, overtaken

    async def _merge(
        self,
        connection: AsyncConnection,
        later: Mapping[UUID, Sequence[Lead]],
        rule: OnConflict,
    ) -> tuple[dict[UUID, int], list[Lead]]:
        """Merge *later* in a transaction; return the new versions of what has changed, and others.

        Others are those that a lead, as it is stored now, is not.
        """
        before: dict[UUID, int] = {}
        left = dict(later)
        others: list[Lead] = []
        rows = []
        for row in await _locked(connection, later):
            stored = _to_lead(row)
            its: dict[bool, list[Lead]] = {True: [], False: []}
            for each in left.pop(stored.id):
                its[is_same(each, stored)].append(each)
            others += its[False]
            lead = merge_all(stored, its[True], rule)
            if lead != stored:
                before[stored.id] = row["version"]
                values = {**_row(lead), **_names(Marks.of(lead))}
                rows.append({f"new_{name}": value for name, value in values.items()})
        if rows:
            changed = {
                **{n.removeprefix("new_"): bindparam(n) for n in rows[0] if n != "new_id"},
                "version": leads.c.version + 1,
                "changed_at": self._clock(),
            }
            statement = update(leads).where(leads.c.id == bindparam("new_id")).values(changed)
            await connection.execute(statement, rows)
            await supersede_decisions(connection, before)
        others += [each for its in left.values() for each in its]
        return {each: version + 1 for each, version in before.items()}, others

    async def lead(self, lead_id: UUID) -> Lead | None:
        """Return a lead, None if it is not stored. Concurrent calls share one query."""
        return await self._reader.submit(lead_id)

    async def _read_all(self, ids: Sequence[UUID]) -> list[Lead | None]:
        found = await self.leads(set(ids))
        return [found.get(lead_id) for lead_id in ids]

    async def leads(self, ids: Collection[UUID]) -> dict[UUID, Lead]:
        """Return the leads of *ids* by id; an unknown id is left out."""
        rows = await self._rows("read leads", *_among(leads.c.id, ids))
        return {row["id"]: _to_lead(row) for row in rows}

    async def select_ids(self, wanted: LeadFilter | None, policy: Mapping[str, str]) -> list[UUID]:
        """Return the ids of the leads of *wanted*, of all leads for None, the oldest first.

        *policy* is the version of each agent, by its name, that `other_policy` is compared with.
        """
        async with reading(self._engine, "choose leads") as connection:
            return list(await connection.scalars(_selection(wanted, policy)))

    async def record(
        self,
        lead: Lead,
        decisions: Sequence[Decision],
        company_key: str,
        *,
        basis: str,
        simulated: bool = False,
    ) -> Recorded:
        """Store the decisions of one run of a pipeline and, where all advance, the opportunity.

        Concurrent calls share a transaction; each returns after its commit.

        Args:
            lead: As it was read for this run.
            decisions: In the order in which the agents decided.
            company_key: Under which `decisions_for_company` finds them.
            basis: What identifies the evidence: the id of its purchase, or its as-of instant.
            simulated: Whether the evidence is invented.

        Idempotent: A lead gets one opportunity at most, whose content never changes here: sales
            may be working on it, even when a later decision discards the lead. The same agent,
            version and basis confirm the stored decision instead of adding one; where the stored
            one differs it stands, and makes no opportunity (`Recorded.standing`).

        Raises:
            LeadChanged: The lead is not stored as *lead*: changed meanwhile, or deleted. Nothing
                was written for it; judge what is stored now.
        """
        judgement = Judgement(lead, company_key, basis, tuple(decisions), simulated)
        recorded = await self._recorder.submit(judgement)
        if recorded is None:
            raise LeadChanged(lead.id)
        return recorded

    async def _record_all(self, judgements: Sequence[Judgement]) -> list[Recorded | None]:
        """Record the judgements of leads as they are stored; None for each of the others."""
        ids = {each.lead_id for each in judgements}

        async def work(
            connection: AsyncConnection,
        ) -> tuple[list[Recorded | None], Mapping[str, int]]:
            now = self._clock()
            # What changes a lead takes the same lock, and supersedes what it then finds decided:
            # a judgement of earlier fields would otherwise be stored behind that, and stand.
            stored = {row["id"]: row for row in await _locked(connection, ids)}
            current = [each for each in judgements if _is_as_judged(stored.get(each.lead_id), each)]
            recorded = await record_all(connection, current, now)
            moved = await move_leads(connection, current, recorded, now)
            # Nor must a copy of an opportunity that was deleted with its lead: it is dropped.
            created = (each.opportunity_id for each in recorded if each.created)
            versions = {**moved, **{opportunity_key(each): 0 for each in created if each}}
            by_judgement = {id(each): its for each, its in zip(current, recorded, strict=True)}
            return [by_judgement.get(id(each)) for each in judgements], versions

        keys = sorted(map(lead_key, ids))
        return await self._write("record decisions", keys, work)

    async def opportunity_of(self, lead_id: UUID) -> Opportunity | None:
        """Return the opportunity of a lead, if it has one."""
        return (await self.opportunities_of([lead_id])).get(lead_id)

    async def opportunities_of(self, lead_ids: Collection[UUID]) -> dict[UUID, Opportunity]:
        """Return the opportunities of *lead_ids* by lead; a lead without one is left out."""
        statements = _among(opportunities.c.lead_id, lead_ids)
        rows = await self._rows("read opportunities", *statements)
        return {row["lead_id"]: _to_opportunity(row) for row in rows}

    async def decisions_of(self, lead_id: UUID) -> list[StoredDecision]:
        """Return what was decided about a lead, the latest last."""
        return await self._decisions(decisions.c.lead_id == lead_id)

    async def latest_decisions_of(self, lead_id: UUID, limit: int) -> list[StoredDecision]:
        """Return the *limit* latest decisions about a lead, the latest first."""
        its = select(decisions).where(decisions.c.lead_id == lead_id)
        statement = its.order_by(*_LATEST_FIRST).limit(limit)
        return [to_decision(row) for row in await self._rows("read decisions", statement)]

    async def decisions_for_company(self, company_key: str) -> list[StoredDecision]:
        """Return what was decided about all leads of a company, the latest last."""
        return await self._decisions(decisions.c.company_key == company_key)

    async def _decisions(self, condition: ColumnElement[bool]) -> list[StoredDecision]:
        statement = select(decisions).where(condition).order_by(*_LATEST_LAST)
        return [to_decision(row) for row in await self._rows("read decisions", statement)]

    async def _rows(self, operation: str, *statements: Select[Any]) -> list[RowMapping]:
        async with reading(self._engine, operation) as connection:
            results = [await connection.execute(statement) for statement in statements]
            return [row for result in results for row in result.mappings()]


def _distinct(given: Sequence[Lead], rule: OnConflict) -> dict[UUID, Lead]:
    distinct: dict[UUID, Lead] = {}
    for lead in given:
        earlier = distinct.get(lead.id)
        distinct[lead.id] = merge_leads(earlier, lead, rule) if earlier else lead
    return distinct


async def _matches(
    connection: AsyncConnection, given: Mapping[UUID, Lead], *, takes_turns: bool
) -> tuple[dict[UUID, Match], list[Marks]]:
    """Return the match of each of the *given* leads, and the marks of all if one has a new id.

    With *takes_turns* until the transaction ends no other one stores the same persons.
    """
    known = await _selected(connection, is_among(connection, leads.c.id, given))
    new = given.keys() - {lead.id for lead in known}
    if not new:
        return {lead.id: Match(lead) for lead in known}, []
    marks = [Marks.of(lead) for lead in given.values()]
    unknown = [each for each in marks if each.lead.id in new]
    if takes_turns:
        await take_turns(connection, (each.name for each in unknown))
    names = [name for each in unknown for name in each.names]
    addresses = [each.address for each in unknown if each.address]
    is_alike = or_(
        is_among(connection, func.lower(func.trim(leads.c.email), type_=Text), addresses),
        is_among(connection, leads.c.name_at_company, names),
        is_among(connection, leads.c.name_at_domain, names),
    )
    alike = await _selected(connection, is_alike)
    stored = {lead.id: lead for lead in (*alike, *known)}.values()
    matches = match_all(marks, stored)
    return {each.lead.id: match for each, match in zip(marks, matches, strict=True)}, marks


async def _selected(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[Lead]:
    """Return the leads that meet *condition*, the oldest first."""
    statement = select(leads).where(condition).order_by(leads.c.imported_at, leads.c.id)
    return list(map(_to_lead, (await connection.execute(statement)).mappings()))


async def _locked(connection: AsyncConnection, ids: Collection[UUID]) -> list[RowMapping]:
    """Return leads, locked until the transaction ends: always in one order, against deadlocks."""
    in_order = select(leads).where(leads.c.id.in_(ids)).order_by(leads.c.id)
    return list((await connection.execute(in_order.with_for_update(key_share=True))).mappings())


def _is_as_judged(row: RowMapping | None, judgement: Judgement) -> bool:
    """Return whether a lead still has the fields that *judgement* is about; None: it is deleted."""
    if row is None:
        return False
    return all(row[name] == value for name, value in _row(judgement.lead).items())


def _among(column: Column[UUID], ids: Collection[UUID]) -> Iterator[Select[Any]]:
    """Yield what selects the rows whose *column* is among *ids*, chunk by chunk."""
    return (select(column.table).where(column.in_(chunk)) for chunk in in_chunks(list(ids), CHUNK))


def _selection(wanted: LeadFilter | None, policy: Mapping[str, str]) -> Select[Any]:
    statement = select(leads.c.id).order_by(leads.c.imported_at, leads.c.id)
    if wanted is None:
        return statement
    if wanted.source is not None:
        statement = statement.where(func.lower(leads.c.source) == wanted.source.lower())
    if wanted.country is not None:
        statement = statement.where(leads.c.country == wanted.country)
    if wanted.imported_since is not None:
        statement = statement.where(leads.c.imported_at >= wanted.imported_since)
    if wanted.status is not None:
        latest = _latest_decisions()
        statement = statement.outerjoin(latest, latest.c.lead_id == leads.c.id)
        has_opportunity = exists().where(opportunities.c.lead_id == leads.c.id)
        match wanted.status:
            case LeadStatus.NEVER_JUDGED:
                statement = statement.where(latest.c.lead_id.is_(None))
            case LeadStatus.OPPORTUNITY:
                statement = statement.where(has_opportunity)
            case LeadStatus.DISCARDED:
                is_discarded = latest.c.verdict == Verdict.DISCARD.value
                statement = statement.where(is_discarded, ~has_opportunity)
    if wanted.other_policy:
        statement = statement.where(leads.c.id.in_(_judged_otherwise(policy)))
    return statement


def _judged_otherwise(policy: Mapping[str, str]) -> Select[Any]:
    """Return what selects the leads whose latest run had other agents or rules than *policy*.

    A discard ends a run, so only a run without one has a decision of every agent.
    """
    rank = func.rank().over(
        partition_by=decisions.c.lead_id, order_by=decisions.c.confirmed_at.desc()
    )
    is_todays = or_(
        *(
            and_(decisions.c.agent == agent, decisions.c.version == version)
            for agent, version in policy.items()
        )
    )
    run = select(
        decisions.c.lead_id,
        rank.label("rank"),
        case((is_todays, 1), else_=0).label("todays"),
        case((_IS_DISCARD, 1), else_=0).label("discards"),
    ).subquery()
    is_short = and_(func.sum(run.c.discards) == 0, func.count() < len(policy))
    return (
        select(run.c.lead_id)
        .where(run.c.rank == 1)
        .group_by(run.c.lead_id)
        .having(or_(func.sum(run.c.todays) < func.count(), is_short))
    )


def _latest_decisions() -> Subquery:
    """Return the latest decision about each lead."""
    rank = func.row_number().over(partition_by=decisions.c.lead_id, order_by=_LATEST_FIRST)
    ranked = select(decisions.c.lead_id, decisions.c.verdict, rank.label("rank")).subquery()
    return select(ranked).where(ranked.c.rank == 1).subquery()


def _row(lead: Lead) -> dict[str, Any]:
    return {**lead.model_dump(), "email": lead.email or ""}


def _names(marks: Marks) -> dict[str, str | None]:
    return {"name_at_company": marks.at_company or "", "name_at_domain": marks.at_domain}


def _to_lead(row: RowMapping) -> Lead:
    values = {name: row[name] for name in Lead.model_fields}
    return Lead.model_validate({**values, "email": row["email"] or None})


def _to_opportunity(row: RowMapping) -> Opportunity:
    return Opportunity(
        id=row["id"],
        lead_id=row["lead_id"],
        company_key=row["company_key"],
        draft=OpportunityDraft(
            score=row["score"],
            value=Money(amount=row["value_amount"], currency=row["value_currency"]),
            probability=row["probability"],
            next_step=Localized(en=row["next_step_en"], es=row["next_step_es"]),
        ),
        simulated=row["simulated"],
        created_at=row["created_at"],
    )

"""The company index: which company a name means, given its domain and country, right now.

Each process holds the decisions, and the assignments of the few names that several companies
share, in memory, and checks for changes after `REFRESH_AFTER`: one small read then, none for the
lookups in between. So a decision takes effect everywhere within that time.

All three are in the database: name assignments and decisions never change, once entered. Writers
take turns over the whole fleet, so two leads of one name never miss each other.
"""

import asyncio
import time
from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import RowMapping, func, insert, select, text, union
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import DatabaseUnavailable, in_chunks, reading, writing
from orchestrator.database.schema import (
    PurchaseOutcome,
    decisions,
    identity_claims,
    identity_decisions,
    purchases,
    settled,
)
from orchestrator.identity import Facts, Identity, identify
from orchestrator.identity.identify import of_key
from orchestrator.identity.resolution import (
    DecisionKind,
    IdentityDecision,
    IndexState,
    MatchReason,
    NameAssignment,
    NewDecision,
    Resolved,
    after_merges,
    assign_all,
    by_assignment,
    by_decision,
    by_facts,
    by_key,
    by_name,
    check,
    companies_of,
    in_force,
)
from orchestrator.infra.batching import Batcher
from orchestrator.infra.clock import Clock

log = structlog.get_logger(__name__)

#: Age from which what a process knows of decisions is checked before it is used.
REFRESH_AFTER: Final = timedelta(seconds=2)
#: Assignments that a process remembers, and names that one statement asks for.
_REMEMBERED: Final = 100_000
_MOST: Final = 500
#: Number of PostgreSQL's advisory lock for writers of the index ("emaids" in ASCII).
_LOCK: Final = 0x656D61696473


class CompanyIndex:
    """Resolves identities to companies. One per event loop."""

    def __init__(
        self, engine: AsyncEngine, clock: Clock, *, refresh_after: timedelta = REFRESH_AFTER
    ) -> None:
        """Read from the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._assignments = _Assignments(engine, clock)
        self._refresh_after = refresh_after.total_seconds()
        self._state: IndexState | None = None
        self._version: tuple[int, int] | None = None
        self._checked_at = 0.0
        self._checking = asyncio.Lock()

    async def resolve_all(
        self, identities: Sequence[Identity], *, enters: bool = True
    ) -> list[Resolved]:
        """Return the companies that *identities* mean, and assign the names that have a domain.

        Names without one are resolved after those assignments, wherever they stand. For them, and
        for what this process has met before, nothing is read from the database. Unless it *enters*
        assignments, all is as if it had, and none is stored.

        Raises:
            DatabaseUnavailable: It does not answer, and what is needed is not in memory.
        """
        state = newest = await self._current()
        decided = [by_decision(each, state) for each in identities]
        assignable = [
            each
            for each, known in zip(identities, decided, strict=True)
            if known is None and each.is_assignable
        ]
        assign = self._assignments.assign if enters else self._assignments.preview
        keys = await assign(assignable, state.rules.splits) if assignable else []
        if enters and any(
            key != each.name_key and each.name_key not in state.shared
            for each, key in zip(assignable, keys, strict=True)
        ):
            newest = await self._current(renewed=True)
        found: list[Resolved] = []
        key_of_next = iter(keys)
        for identity, known in zip(identities, decided, strict=True):
            if known is not None:
                found.append(known)
            elif identity.is_assignable:
                found.append(by_assignment(identity, next(key_of_next), state))
            elif identity.distinctive:
                found.append(by_facts(identity, newest))
            else:
                found.append(await self._by_domain(identity, newest))
        return found

    async def preview(self, identity: Identity) -> Resolved:
        """Return what `resolve_all` would for one, without assigning its name."""
        return (await self.preview_all([identity]))[0]

    async def preview_all(self, identities: Sequence[Identity]) -> list[Resolved]:
        """Return what `resolve_all` would, without assigning names.

        Raises:
            DatabaseUnavailable: It does not answer, and what is needed is not in memory.
        """
        return await self.resolve_all(identities, enters=False)

    async def resolve_key(self, company_key: str, name: str | None = None) -> Resolved:
        """Return the company that has *company_key*, or had it once, and is called *name*.

        Raises:
            DatabaseUnavailable: The index cannot be read.
        """
        identity = of_key(company_key)
        if name is not None:
            identity = identify(name)._replace(key=company_key)
        return by_key(identity, await self._current())

    async def merged_keys(self, company_key: str) -> tuple[str, ...]:
        """Return the key to which *company_key* leads, then all other keys that lead there.

        Raises:
            DatabaseUnavailable: The index cannot be read.
        """
        rules = (await self._current()).rules
        key, _ = rules.final(company_key)
        return (key, *rules.merged.get(key, ()), *rules.aliases_of(key))

    async def companies_of(self, name_key: str) -> dict[str, tuple[NameAssignment, ...]]:
        """Return the companies that have a name, the oldest first: by key, its assignments.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        state = await self._current()
        return companies_of(name_key, await self.assignments_of(name_key), state)

    async def assignments_of(self, name_key: str) -> list[NameAssignment]:
        """Return all assignments of a name, the oldest first.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        async with reading(self._engine, "read the assignments of a name") as connection:
            return (await _read_assignments(connection, [name_key])).get(name_key, [])

    async def _by_domain(self, identity: Identity, state: IndexState) -> Resolved:
        """Return the company of a name that says nothing, by its domain."""
        domain = identity.facts.domain
        known = domain and await self._assignments.bought_under(domain)
        if known:
            return after_merges(Resolved(identity, known, MatchReason.DOMAIN), state)
        return after_merges(by_name(identity), state)

    async def _current(self, *, renewed: bool = False) -> IndexState:
        """Return what is known, no older than `refresh_after`; if *renewed*, than this call.

        While the database does not answer, no decision can be entered: what is in memory holds.

        Raises:
            DatabaseUnavailable: It does not answer, and what is in memory is not good enough.
        """
        oldest = time.monotonic() - (0 if renewed else self._refresh_after)
        if self._state is not None and self._checked_at > oldest:
            return self._state
        async with self._checking:
            if self._state is not None and self._checked_at > oldest:
                return self._state
            asked_at = time.monotonic()
            try:
                self._state = await self._read(self._state)
            except DatabaseUnavailable as away:
                if self._state is None or renewed:
                    raise
                log.warning("company_index.not_refreshed", error=str(away))
            self._checked_at = asked_at
            return self._state

    async def _read(self, known: IndexState | None) -> IndexState:
        async with reading(self._engine, "read the company index") as connection:
            version = await _version(connection)
            if known is not None and version == self._version:
                return known
            rules = in_force(await _read_decisions(connection))
            refined = select(identity_claims.c.name_key).where(identity_claims.c.refined)
            names = {*(await connection.scalars(refined.distinct())).all(), *rules.splits}
            shared = await _read_assignments(connection, sorted(names))
        self._version = version
        return IndexState(rules, {name: tuple(each) for name, each in shared.items()})


class _Request(NamedTuple):
    identity: Identity
    is_split: bool

    @property
    def memory_key(self) -> tuple[str, str | None, bool]:
        return self.identity.name_key, self.identity.facts.domain, self.is_split


class _Assignments:
    """Name assignments: entered on first sight and remembered, since none ever changes."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._batcher = Batcher(self._assign_all, shared=DatabaseUnavailable)
        self._known: dict[tuple[str, str | None, bool], str] = {}

    async def assign(self, identities: Sequence[Identity], splits: Container[str]) -> list[str]:
        """Return the keys of the companies that *identities*, with their domains, mean.

        The first time that a name comes with a domain, that is entered; concurrent calls share
        transactions. Names among *splits* mean several companies by decision.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        requests = [_Request(each, each.name_key in splits) for each in identities]
        keys = {each.memory_key: self._known.get(each.memory_key, "") for each in requests}
        new = [each for each in requests if not keys[each.memory_key]]
        if new:
            entered = await asyncio.gather(*map(self._batcher.submit, new))
            found = {each.memory_key: key for each, key in zip(new, entered, strict=True)}
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known |= found
            keys |= found
        return [keys[each.memory_key] for each in requests]

    async def preview(self, identities: Sequence[Identity], splits: Container[str]) -> list[str]:
        """Return what `assign` would, entering nothing.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        names = sorted({each.name_key for each in identities})
        async with reading(self._engine, "read name assignments") as connection:
            assignments = await _read_assignments(connection, names)
        return [key for key, _ in assign_all(identities, assignments, splits)]

    async def bought_under(self, domain: str) -> str | None:
        """Return the key of the one company that was bought and whose leads name *domain*.

        None if there is none, or several: then the domain does not say which.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        was_bought = (
            select(settled.c.purchase_id)
            .where(settled.c.company_key == identity_claims.c.company_key)
            .where(settled.c.outcome == PurchaseOutcome.FOUND.value)
            .exists()
        )
        keys = select(identity_claims.c.company_key).where(identity_claims.c.domain == domain)
        async with reading(self._engine, "look a domain up") as connection:
            found = (await connection.scalars(keys.where(was_bought).distinct().limit(2))).all()
        return found[0] if len(found) == 1 else None

    async def _assign_all(self, requests: Sequence[_Request]) -> list[str]:
        identities = [request.identity for request in requests]
        splits = {request.identity.name_key for request in requests if request.is_split}
        async with writing(self._engine, "enter name assignments") as connection:
            await _take_turn(connection)
            names = sorted({each.name_key for each in identities})
            known = await _read_assignments(connection, names)
            assigned = assign_all(identities, known, splits)
            now = self._clock()
            rows = [
                _assignment_row(identity.name_key, assignment, now)
                for identity, (_, assignment) in zip(identities, assigned, strict=True)
                if assignment is not None
            ]
            if rows:
                await connection.execute(insert(identity_claims), rows)
        return [key for key, _ in assigned]


class IdentityDecisions:
    """Keeps decisions. Every method may raise DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock

    async def enter(self, new: NewDecision) -> IdentityDecision:
        """Enter *new*, with the next number.

        Atomic: It is checked against all decisions before it; none comes in between.

        Raises:
            BadDecision: It contradicts itself or an earlier one; nothing was entered.
        """
        async with writing(self._engine, "enter a decision") as connection:
            await _take_turn(connection)
            past = await _read_decisions(connection)
            check(new, in_force(past), {each.number: each for each in past})
            entered = IdentityDecision(
                number=past[-1].number + 1 if past else 1,
                kind=new.kind,
                subject=new.subject,
                target=new.target,
                by=new.by,
                why=new.why,
                decided_at=self._clock(),
            )
            await connection.execute(insert(identity_decisions).values(**_decision_row(entered)))
        return entered

    async def check(self, new: NewDecision) -> None:
        """Check that *new* could be entered right now; `enter` has the last word.

        Raises:
            BadDecision: It contradicts itself or an earlier one.
        """
        past = await self.all()
        check(new, in_force(past), {each.number: each for each in past})

    async def all(self) -> list[IdentityDecision]:
        """Return every decision, the first one first."""
        async with reading(self._engine, "read the decisions") as connection:
            return await _read_decisions(connection)

    async def is_known(self, company_key: str) -> bool:
        """Return whether a key was ever bought, judged, assigned, or the target of a decision."""
        columns = (
            purchases.c.company_key,
            decisions.c.company_key,
            identity_claims.c.company_key,
            identity_decisions.c.target,
        )
        places = [select(column).where(column == company_key) for column in columns]
        async with reading(self._engine, "look a company up") as connection:
            return (await connection.execute(union(*places).limit(1))).first() is not None


async def _take_turn(connection: AsyncConnection) -> None:
    """Wait until no other transaction writes the index; the turn ends with the transaction.

    So what this one reads stays true until it has written. On SQLite a transaction that writes has
    its turn from the beginning.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def _version(connection: AsyncConnection) -> tuple[int, int]:
    """Return numbers of which one grows with every decision and every refined assignment."""
    decided = await connection.scalar(select(func.max(identity_decisions.c.number)))
    refined = select(func.max(identity_claims.c.id)).where(identity_claims.c.refined)
    return int(decided or 0), int(await connection.scalar(refined) or 0)


async def _read_assignments(
    connection: AsyncConnection, names: Sequence[str]
) -> dict[str, list[NameAssignment]]:
    """Return the assignments of *names* by name, the oldest first."""
    found: dict[str, list[NameAssignment]] = {}
    for chunk in in_chunks(names, _MOST):
        wanted = identity_claims.c.name_key.in_(chunk)
        statement = select(identity_claims).where(wanted).order_by(identity_claims.c.id)
        for row in (await connection.execute(statement)).mappings():
            facts = Facts(row["domain"], row["country"], row["legal_form"])
            assignment = NameAssignment(row["company_key"], row["company"], facts)
            found.setdefault(row["name_key"], []).append(assignment)
    return found


async def _read_decisions(connection: AsyncConnection) -> list[IdentityDecision]:
    """Return every decision, in order."""
    rows = await connection.execute(
        select(identity_decisions).order_by(identity_decisions.c.number)
    )
    return [_decision(row) for row in rows.mappings()]


def _decision(row: RowMapping) -> IdentityDecision:
    return IdentityDecision(
        number=row["number"],
        kind=DecisionKind(row["kind"]),
        subject=row["subject"],
        target=row["target"],
        by=row["decided_by"],
        why=row["why"],
        decided_at=row["decided_at"],
    )


def _decision_row(decision: IdentityDecision) -> dict[str, Any]:
    return {
        "number": decision.number,
        "kind": decision.kind.value,
        "subject": decision.subject,
        "target": decision.target,
        "decided_by": decision.by,
        "why": decision.why,
        "decided_at": decision.decided_at,
    }


def _assignment_row(name_key: str, assignment: NameAssignment, now: datetime) -> dict[str, object]:
    return {
        "name_key": name_key,
        "company_key": assignment.company_key,
        "company": assignment.company,
        **assignment.facts._asdict(),
        "refined": assignment.company_key != name_key,
        "claimed_at": now,
    }

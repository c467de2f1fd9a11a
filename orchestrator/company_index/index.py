"""The company index: who is meant by a name, its domain and its country, right now.

Each process holds what is decided, and the claims of the few names that several companies
share, in memory, and looks whether anything is new after `REFRESH_AFTER`: one small read then,
none for the lookups in between. So a decision takes effect everywhere within that time.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.clock import Clock
from orchestrator.company_index.claims import Claims, claims_of, shared_claims, version_of
from orchestrator.company_index.decisions import read_decisions
from orchestrator.database import DatabaseUnavailable, reading
from orchestrator.database.schema import identity_decisions
from orchestrator.identity import Identity
from orchestrator.identity.decisions import in_force
from orchestrator.identity.identify import of_key
from orchestrator.identity.resolution import (
    Because,
    Book,
    Claim,
    Resolved,
    alone,
    by_decision,
    by_facts,
    claimed,
    companies_of,
    followed,
    keyed,
    place,
)

log = structlog.get_logger(__name__)

#: Age from which what a process knows of decisions is no longer used unchecked.
REFRESH_AFTER: Final = timedelta(seconds=2)


class CompanyIndex:
    """Resolves identities to companies. One per event loop."""

    def __init__(
        self, engine: AsyncEngine, clock: Clock, *, refresh_after: timedelta = REFRESH_AFTER
    ) -> None:
        """Read from the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._claims = Claims(engine, clock)
        self._refresh_after = refresh_after.total_seconds()
        self._book: Book | None = None
        self._version: tuple[int, int] | None = None
        self._checked_at = 0.0
        self._checking = asyncio.Lock()

    async def resolve(self, identity: Identity) -> Resolved:
        """Return the company that *identity* means, and claim its name if it has a domain.

        Raises:
            DatabaseUnavailable: The database is away, and what is needed is not in memory.
        """
        book = await self._current()
        if decided := by_decision(identity, book):
            return decided
        domain = identity.facts.domain
        if domain is None or not identity.distinctive:
            return await self._resolve_unclaimed(identity, book)
        is_split = book.is_split(identity.name_key)
        return claimed(identity, await self._claims.key_for(identity, is_split=is_split), book)

    async def look(self, identity: Identity, claims: Sequence[Claim] | None = None) -> Resolved:
        """Return what `resolve` would, without claiming anything.

        Args:
            identity: Whom to look for.
            claims: All claims of its name; without them only those of shared names are known, so
                a company that would make its name shared is taken for the first one.
        """
        book = await self._current()
        if decided := by_decision(identity, book):
            return decided
        name, facts = identity.name_key, identity.facts
        if facts.domain is None or not identity.distinctive:
            return await self._resolve_unclaimed(identity, book)
        known = book.shared.get(name, ()) if claims is None else claims
        key, _ = place(known, name, facts, is_split=book.is_split(name))
        return claimed(identity, key, book)

    async def look_up_key(self, company_key: str) -> Resolved:
        """Return the company that has *company_key*, or had it once.

        Raises:
            DatabaseUnavailable: The index cannot be read.
        """
        return keyed(of_key(company_key), await self._current())

    async def one_with(self, company_key: str) -> tuple[str, ...]:
        """Return the key that *company_key* leads to, and all keys that lead there, too.

        Raises:
            DatabaseUnavailable: The index cannot be read.
        """
        rulings = (await self._current()).rulings
        key, _ = rulings.final(company_key)
        return (key, *rulings.merged_into(key), *rulings.spelled(key))

    async def companies_of(self, name_key: str) -> dict[str, tuple[Claim, ...]]:
        """Return the companies that go by a name, the oldest first: by key, its claims.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        book = await self._current()
        return companies_of(name_key, await self.claims_on(name_key), book)

    async def claims_on(self, name_key: str) -> list[Claim]:
        """Return all claims of a name, the oldest first.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        async with reading(self._engine, "read the claims of a name") as connection:
            return (await claims_of(connection, [name_key])).get(name_key, [])

    async def _resolve_unclaimed(self, identity: Identity, book: Book) -> Resolved:
        domain = identity.facts.domain
        if identity.distinctive:
            return by_facts(identity, book)
        learned = domain and await self._claims.bought_under(domain)
        if learned:
            return followed(Resolved(identity, learned, Because.DOMAIN), book)
        return followed(alone(identity), book)

    async def _current(self) -> Book:
        """Return what is known, no older than `refresh_after`.

        While the database is away nobody can decide anything, so what is in memory still holds.
        """
        if self._book is not None and self._age() < self._refresh_after:
            return self._book
        async with self._checking:
            if self._book is not None and self._age() < self._refresh_after:
                return self._book
            asked_at = time.monotonic()
            try:
                self._book = await self._read(self._book)
            except DatabaseUnavailable as away:
                if self._book is None:
                    raise
                log.warning("company_index.not_refreshed", error=str(away))
            self._checked_at = asked_at
            return self._book

    def _age(self) -> float:
        return time.monotonic() - self._checked_at

    async def _read(self, known: Book | None) -> Book:
        async with reading(self._engine, "read the company index") as connection:
            version = await _version(connection)
            if known is not None and version == self._version:
                return known
            rulings = in_force(await read_decisions(connection))
            shared = await shared_claims(connection, rulings.splits)
        self._version = version
        return Book(rulings, {name: tuple(claims) for name, claims in shared.items()})


async def _version(connection: AsyncConnection) -> tuple[int, int]:
    decided = await connection.scalar(select(func.max(identity_decisions.c.number)))
    return int(decided or 0), await version_of(connection)

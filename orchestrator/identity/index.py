"""The company index: who is meant by a name, its domain and its country, right now.

Each process holds what is decided, and the claims of the few names that several companies
share, in memory, and looks whether anything is new after `REFRESH_AFTER`: one small read then,
none for the lookups in between. So a decision takes effect everywhere within that time.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import DatabaseUnavailable, reading
from orchestrator.database.schema import identity_decisions
from orchestrator.identity import Identity, identify
from orchestrator.identity.claims import Claims, claims_of, shared_claims, version_of
from orchestrator.identity.decisions import in_force
from orchestrator.identity.identify import of_key
from orchestrator.identity.recorded_decisions import read_decisions
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
)
from orchestrator.infra.clock import Clock

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
        """Return the company that *identity* means; see `resolve_all`."""
        return (await self.resolve_all([identity]))[0]

    async def resolve_all(self, identities: Sequence[Identity]) -> list[Resolved]:
        """Return the companies that *identities* mean, and claim the names of those with a domain.

        Those without one are resolved after those claims, wherever they stand. Where no domain
        is known, and for what this process has met before, nothing is asked of the database.

        Raises:
            DatabaseUnavailable: The database is away, and what is needed is not in memory.
        """
        book = await self._current()
        claiming = _claiming(identities, book)
        keys = await self._claims.enter(claiming, book.rulings.splits)
        has_new_names = any(
            key != each.name_key and each.name_key not in book.shared
            for each, key in zip(claiming, keys, strict=True)
        )
        newest = await self._current(renewed=True) if has_new_names else book
        return await self._resolved(identities, iter(keys), book, newest)

    async def look(self, identity: Identity) -> Resolved:
        """Return what `resolve` would, without claiming anything; see `look_all`."""
        return (await self.look_all([identity]))[0]

    async def look_all(self, identities: Sequence[Identity]) -> list[Resolved]:
        """Return what `resolve_all` would, without claiming anything.

        Raises:
            DatabaseUnavailable: The database is away, and what is needed is not in memory.
        """
        book = await self._current()
        keys = await self._claims.foresee(_claiming(identities, book), book.rulings.splits)
        return await self._resolved(identities, iter(keys), book, book)

    async def look_up_key(self, company_key: str, name: str | None = None) -> Resolved:
        """Return the company that has *company_key*, or had it once; *name* is how it is called.

        Raises:
            DatabaseUnavailable: The index cannot be read.
        """
        identity = of_key(company_key)
        if name is not None:
            identity = identify(name)._replace(key=company_key)
        return keyed(identity, await self._current())

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

    async def _resolved(
        self, identities: Sequence[Identity], keys: Iterator[str], book: Book, newest: Book
    ) -> list[Resolved]:
        """Return the companies meant; *keys* are of those that `_claiming` returns for *book*."""
        found: list[Resolved] = []
        for identity in identities:
            decided = by_decision(identity, book)
            if decided is not None:
                found.append(decided)
            elif identity.claims_its_name:
                found.append(claimed(identity, next(keys), book))
            elif identity.distinctive:
                found.append(by_facts(identity, newest))
            else:
                found.append(await self._by_domain(identity, newest))
        return found

    async def _by_domain(self, identity: Identity, book: Book) -> Resolved:
        """Return who is meant by a name that says nothing."""
        domain = identity.facts.domain
        learned = domain and await self._claims.bought_under(domain)
        if learned:
            return followed(Resolved(identity, learned, Because.DOMAIN), book)
        return followed(alone(identity), book)

    async def _current(self, *, renewed: bool = False) -> Book:
        """Return what is known, no older than `refresh_after`; if *renewed*, than this call.

        While the database is away nobody can decide anything, so what is in memory still holds.

        Raises:
            DatabaseUnavailable: The database is away, and nothing that is good enough is known.
        """
        oldest = time.monotonic() - (0 if renewed else self._refresh_after)
        if self._book is not None and self._checked_at > oldest:
            return self._book
        async with self._checking:
            if self._book is not None and self._checked_at > oldest:
                return self._book
            asked_at = time.monotonic()
            try:
                self._book = await self._read(self._book)
            except DatabaseUnavailable as away:
                if self._book is None or renewed:
                    raise
                log.warning("company_index.not_refreshed", error=str(away))
            self._checked_at = asked_at
            return self._book

    async def _read(self, known: Book | None) -> Book:
        async with reading(self._engine, "read the company index") as connection:
            version = await _version(connection)
            if known is not None and version == self._version:
                return known
            rulings = in_force(await read_decisions(connection))
            shared = await shared_claims(connection, rulings.splits)
        self._version = version
        return Book(rulings, {name: tuple(claims) for name, claims in shared.items()})


def _claiming(identities: Iterable[Identity], book: Book) -> list[Identity]:
    """Return those of *identities* whose company depends on the claims of their names."""
    return [each for each in identities if each.claims_its_name and not by_decision(each, book)]


async def _version(connection: AsyncConnection) -> tuple[int, int]:
    decided = await connection.scalar(select(func.max(identity_decisions.c.number)))
    return int(decided or 0), await version_of(connection)

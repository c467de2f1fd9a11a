"""Claims of names: which lead's name and domain went to which key, kept for ever.

Writers take turns over the whole fleet, so two leads of one name never miss each other, in
whatever processes they are. A claim never changes, so each process remembers those it has met.
"""

import asyncio
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import Batcher, reading, writing
from orchestrator.database.schema import PurchaseOutcome, identity_claims, settled
from orchestrator.database.statements import in_chunks
from orchestrator.identity import Facts, Identity
from orchestrator.identity.index_lock import take_turn
from orchestrator.identity.resolution import Claim, place_all
from orchestrator.infra.clock import Clock

#: Claims that a process remembers, and names that one statement asks for.
_REMEMBERED: Final = 100_000
_MOST: Final = 500


class _Request(NamedTuple):
    identity: Identity
    is_split: bool


class Claims:
    """Enters claims, and finds them. One per event loop."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock
        self._batcher = Batcher(self._claim_all)
        self._known: dict[tuple[str, str | None, bool], str] = {}

    async def enter(self, identities: Sequence[Identity], splits: Container[str]) -> list[str]:
        """Return the keys of the companies that *identities*, with their domains, mean.

        The first time that a name comes with a domain, that is entered; concurrent calls share
        transactions. Of names that are among *splits* a person has said that they are several's.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        asked = [_Request(each, each.name_key in splits) for each in identities]
        keys = {_met(each): self._known.get(_met(each), "") for each in asked}
        new = [each for each in asked if not keys[_met(each)]]
        if new:
            entered = await asyncio.gather(*map(self._batcher.submit, new))
            found = dict(zip(map(_met, new), entered, strict=True))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known |= found
            keys |= found
        return [keys[_met(each)] for each in asked]

    async def foresee(self, identities: Sequence[Identity], splits: Container[str]) -> list[str]:
        """Return what `enter` would, entering nothing.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        if not identities:
            return []
        async with reading(self._engine, "read claims of names") as connection:
            claims = await claims_of(connection, sorted({each.name_key for each in identities}))
        return [key for key, _ in place_all(identities, claims, splits)]

    async def bought_under(self, domain: str) -> str | None:
        """Return the key of the one company that was bought and whose leads name *domain*.

        None if there is none, or several: then the domain tells nothing.

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

    async def _claim_all(self, requests: Sequence[_Request]) -> list[str]:
        identities = [request.identity for request in requests]
        splits = {request.identity.name_key for request in requests if request.is_split}
        async with writing(self._engine, "enter claims of names") as connection:
            await take_turn(connection)
            names = sorted({each.name_key for each in identities})
            placed = place_all(identities, await claims_of(connection, names), splits)
            now = self._clock()
            rows = [
                _row(identity.name_key, claim, now)
                for identity, (_, claim) in zip(identities, placed, strict=True)
                if claim is not None
            ]
            if rows:
                await connection.execute(insert(identity_claims), rows)
        return [key for key, _ in placed]


async def claims_of(connection: AsyncConnection, names: Sequence[str]) -> dict[str, list[Claim]]:
    """Return the claims of *names* by name, the oldest first."""
    found: dict[str, list[Claim]] = {}
    for chunk in in_chunks(names, _MOST):
        wanted = identity_claims.c.name_key.in_(chunk)
        statement = select(identity_claims).where(wanted).order_by(identity_claims.c.id)
        _sort_in(found, (await connection.execute(statement)).mappings())
    return found


async def shared_claims(
    connection: AsyncConnection, splits: Iterable[str]
) -> dict[str, list[Claim]]:
    """Return the claims of all names that have a refined one, and of *splits*."""
    refined = select(identity_claims.c.name_key).where(identity_claims.c.refined).distinct()
    names = {*(await connection.scalars(refined)).all(), *splits}
    return await claims_of(connection, sorted(names))


async def version_of(connection: AsyncConnection) -> int:
    """Return a number that grows with every refined claim."""
    newest = select(func.max(identity_claims.c.id)).where(identity_claims.c.refined)
    return int(await connection.scalar(newest) or 0)


def _met(request: _Request) -> tuple[str, str | None, bool]:
    identity, is_split = request
    return identity.name_key, identity.facts.domain, is_split


def _row(name_key: str, claim: Claim, now: datetime) -> dict[str, object]:
    return {
        "name_key": name_key,
        "company_key": claim.company_key,
        "company": claim.company,
        **claim.facts._asdict(),
        "refined": claim.company_key != name_key,
        "claimed_at": now,
    }


def _sort_in(found: dict[str, list[Claim]], rows: Iterable[RowMapping]) -> None:
    for row in rows:
        facts = Facts(row["domain"], row["country"], row["legal_form"])
        claim = Claim(row["company_key"], row["company"], facts)
        found.setdefault(row["name_key"], []).append(claim)

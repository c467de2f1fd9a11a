"""Claims of names: which lead's name and domain went to which key, kept for ever.

Writers take turns over the whole fleet, so two leads of one name never miss each other, in
whatever processes they are. A claim never changes, so each process remembers those it has met.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.clock import Clock
from orchestrator.company_index.turns import take_turn
from orchestrator.database import Batcher, reading, writing
from orchestrator.database.schema import identity_claims, purchases
from orchestrator.database.statements import in_chunks
from orchestrator.identity import Facts, Identity
from orchestrator.identity.resolution import Claim, place
from orchestrator.spend import PurchaseOutcome

#: Claims that a process remembers, and names that one statement asks for.
_REMEMBERED: Final = 100_000
_MOST: Final = 500


class _Request(NamedTuple):
    name_key: str
    company: str
    facts: Facts
    is_split: bool


class Claims:
    """Enters claims, and finds them. One per event loop."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock
        self._batcher = Batcher(self._claim_all)
        self._known: dict[tuple[str, str, bool], str] = {}

    async def key_for(self, identity: Identity, *, is_split: bool) -> str:
        """Return the key of the company that *identity*, with its domain, means.

        The first time that a name comes with a domain, that is entered; concurrent calls share
        a transaction.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        domain = identity.facts.domain or ""
        known = self._known.get((identity.name_key, domain, is_split))
        if known is not None:
            return known
        request = _Request(identity.name_key, identity.display_name, identity.facts, is_split)
        key = await self._batcher.submit(request)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[identity.name_key, domain, is_split] = key
        return key

    async def bought_under(self, domain: str) -> str | None:
        """Return the key of the one company that was bought and whose leads name *domain*.

        None if there is none, or several: then the domain tells nothing.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        was_bought = (
            select(purchases.c.purchase_id)
            .where(purchases.c.company_key == identity_claims.c.company_key)
            .where(purchases.c.outcome == PurchaseOutcome.FOUND.value)
            .exists()
        )
        keys = select(identity_claims.c.company_key).where(identity_claims.c.domain == domain)
        async with reading(self._engine, "look a domain up") as connection:
            found = (await connection.scalars(keys.where(was_bought).distinct().limit(2))).all()
        return found[0] if len(found) == 1 else None

    async def _claim_all(self, requests: Sequence[_Request]) -> list[str]:
        async with writing(self._engine, "enter claims of names") as connection:
            await take_turn(connection)
            names = sorted({request.name_key for request in requests})
            claims = await claims_of(connection, names)
            keys: list[str] = []
            rows: list[dict[str, object]] = []
            for request in requests:
                name, company, facts, is_split = request
                earlier = claims.setdefault(name, [])
                key, is_new = place(earlier, name, facts, is_split=is_split)
                keys.append(key)
                if is_new:
                    earlier.append(Claim(key, company, facts))
                    fields = {"name_key": name, "company_key": key, "company": company}
                    stamps = {"refined": key != name, "claimed_at": self._clock()}
                    rows.append({**fields, **facts._asdict(), **stamps})
            if rows:
                await connection.execute(insert(identity_claims), rows)
        return keys


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


def _sort_in(found: dict[str, list[Claim]], rows: Iterable[RowMapping]) -> None:
    for row in rows:
        facts = Facts(row["domain"], row["country"], row["legal_form"])
        claim = Claim(row["company_key"], row["company"], facts)
        found.setdefault(row["name_key"], []).append(claim)

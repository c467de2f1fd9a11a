"""What a watch is about in the other tables: whether it is worth money, and whose leads it has."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, union
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading
from orchestrator.database.schema import decisions, leads, opportunities, purchases, servings
from orchestrator.database.statements import in_chunks

#: Company keys of one statement, below what SQLite takes as parameters: it names them twice.
CHUNK: Final = 400


class RefreshPolicy:
    """Asks the store and the ledger. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Read the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine

    async def among(self, company_keys: Collection[str]) -> set[str]:
        """Return those of *company_keys* that somebody has a use for.

        Those with an opportunity, and those whose last purchase has answered another lookup
        since.
        """
        found: set[str] = set()
        async with reading(self._engine, "see what is worth a refresh") as connection:
            for chunk in in_chunks(sorted(set(company_keys)), CHUNK):
                sold = select(opportunities.c.company_key).where(
                    opportunities.c.company_key.in_(chunk)
                )
                latest = (
                    select(
                        purchases.c.company_key,
                        func.max(purchases.c.settled_at).label("settled_at"),
                    )
                    .where(purchases.c.company_key.in_(chunk))
                    .group_by(purchases.c.company_key)
                    .subquery()
                )
                is_latest = (purchases.c.company_key == latest.c.company_key) & (
                    purchases.c.settled_at == latest.c.settled_at
                )
                read = (
                    select(purchases.c.company_key)
                    .join(latest, is_latest)
                    .join(servings, servings.c.purchase_id == purchases.c.purchase_id)
                )
                found.update((await connection.scalars(union(sold, read))).all())
        return found

    async def with_opportunities(self) -> dict[str, str]:
        """Return the keys of companies that have an opportunity, each with a name of it."""
        statement = (
            select(opportunities.c.company_key, func.min(leads.c.company).label("company"))
            .join(opportunities, opportunities.c.lead_id == leads.c.id)
            .group_by(opportunities.c.company_key)
        )
        async with reading(self._engine, "read companies with opportunities") as connection:
            rows = await connection.execute(statement)
            return {row.company_key: row.company for row in rows}

    async def leads_of(self, company_keys: Collection[str]) -> list[UUID]:
        """Return the leads of *company_keys* that the agents have judged before."""
        found: set[UUID] = set()
        async with reading(self._engine, "read a company's leads") as connection:
            for chunk in in_chunks(sorted(set(company_keys)), CHUNK):
                statement = select(decisions.c.lead_id).where(decisions.c.company_key.in_(chunk))
                found.update((await connection.scalars(statement.distinct())).all())
        return sorted(found)

"""What was spent, and what it has saved since, by day, tenant, source or company.

Reads the ledger and the servings; what a purchase has saved counts where the purchase does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading
from orchestrator.database.schema import UNCERTAIN, PurchaseOutcome, servings, settled


class CostsBy(StrEnum):
    """What costs are added up by."""

    DAY = "day"
    TENANT = "tenant"
    SOURCE = "source"
    COMPANY = "company"


_GROUPS: Final[Mapping[CostsBy, ColumnElement[Any]]] = {
    CostsBy.DAY: settled.c.settled_day,
    CostsBy.TENANT: settled.c.tenant,
    CostsBy.SOURCE: settled.c.source,
    CostsBy.COMPANY: settled.c.company_key,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one `key` has cost: a UTC day as `2026-11-23`, a tenant, a source, a company key.

    `charged_micros` is on the seller's bill, as far as its answers tell; `uncertain_micros` may be:
    their answers were lost, or cannot be read and named no price. So the bill lies between the one
    and the sum of both. Of that sum, `estimated_micros` were not named by the seller. `served`
    lookups were answered by what was bought, for which they would have paid `saved_micros`.
    """

    key: str
    purchases: int
    charged_micros: int
    uncertain_micros: int = 0
    estimated_micros: int = 0
    served: int = 0
    saved_micros: int = 0

    @property
    def spent_micros(self) -> int:
        """What counts as spent, in budgets too: charged, or uncertain."""
        return self.charged_micros + self.uncertain_micros

    @property
    def net_micros(self) -> int:
        """What was saved beyond what was spent; below zero where it has not paid yet."""
        return self.saved_micros - self.spent_micros


@dataclass(frozen=True, slots=True)
class Doubt:
    """Purchases that may be on the seller's bill or not, and their price."""

    purchases: int
    micros: int


def total(costs: Iterable[Cost], key: str = "in all") -> Cost:
    """Return the sum of *costs* under the name *key*."""
    known = list(costs)
    return Cost(
        key,
        sum(cost.purchases for cost in known),
        sum(cost.charged_micros for cost in known),
        sum(cost.uncertain_micros for cost in known),
        sum(cost.estimated_micros for cost in known),
        sum(cost.served for cost in known),
        sum(cost.saved_micros for cost in known),
    )


class Costs:
    """Reads what was spent and saved.

    Every method raises DatabaseUnavailable when the database does not answer.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Read from the migrated database of *engine*."""
        self._engine = engine

    async def by(self, by: CostsBy, *, since: datetime | None = None) -> list[Cost]:
        """Return the costs per day, tenant, source or company key, in the order of the key.

        Args:
            by: What to add up by.
            since: Aware instant; purchases settled at or after it count. None counts all.
        """
        use = _use_by_purchase()
        cost = settled.c.cost_micros
        uncertain = _is_uncertain()
        sums = (
            case((uncertain, 0), else_=cost),
            case((uncertain, cost), else_=0),
            case((settled.c.estimated, cost), else_=0),
            use.c.served,
            use.c.saved_micros,
        )
        key = _GROUPS[by]
        statement = select(
            key, func.count(), *(func.coalesce(func.sum(each), 0) for each in sums)
        ).select_from(settled.outerjoin(use, use.c.purchase_id == settled.c.purchase_id))
        if since is not None:
            statement = statement.where(settled.c.settled_at >= since)
        async with reading(self._engine, "read the ledger") as connection:
            rows = await connection.execute(statement.group_by(key).order_by(key))
            # PostgreSQL sums BIGINT as a decimal number.
            return [Cost(str(name), *map(int, numbers)) for name, *numbers in rows]

    async def uncertain(self, since: datetime) -> Doubt:
        """Return what is uncertain of the purchases that were entered at or after *since*."""
        day = since.astimezone(UTC).date()
        statement = (
            select(func.count(), func.coalesce(func.sum(settled.c.cost_micros), 0))
            .where(settled.c.settled_day >= day)  # has an index
            .where(settled.c.settled_at >= since)
            .where(_is_uncertain())
        )
        async with reading(self._engine, "read the ledger") as connection:
            count, micros = (await connection.execute(statement)).one()
        return Doubt(int(count), int(micros))


def _is_uncertain() -> ColumnElement[bool]:
    """Return the condition of `PurchaseRecord.is_uncertain`."""
    unnamed = and_(settled.c.outcome == PurchaseOutcome.FAILED.value, settled.c.estimated)
    return or_(settled.c.outcome.in_([each.value for each in UNCERTAIN]), unnamed)


def _use_by_purchase() -> Any:  # noqa: ANN401 - SQLAlchemy types no columns of a subquery
    return (
        select(
            servings.c.purchase_id,
            func.sum(servings.c.served).label("served"),
            func.sum(servings.c.saved_micros).label("saved_micros"),
        )
        .group_by(servings.c.purchase_id)
        .subquery()
    )

"""What was spent, and what it has saved since, by day, tenant, source or company.

Reads the ledger and the servings; what a purchase has saved counts where the purchase does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading
from orchestrator.database.schema import purchases, servings
from orchestrator.spend.ledger import PurchaseOutcome


class CostsBy(StrEnum):
    """What costs are added up by."""

    DAY = "day"
    TENANT = "tenant"
    SOURCE = "source"
    COMPANY = "company"


_GROUPS: Final[Mapping[CostsBy, Column[Any]]] = {
    CostsBy.DAY: purchases.c.settled_day,
    CostsBy.TENANT: purchases.c.tenant,
    CostsBy.SOURCE: purchases.c.source,
    CostsBy.COMPANY: purchases.c.company_key,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one `key` has cost: a UTC day as `2026-11-23`, a tenant, a source, a company key.

    Of `spent_micros`, `estimated_micros` were not named by the seller, and `lost_micros` paid
    for answers that never arrived. `served` lookups were answered by what was bought, for
    which they would have paid `saved_micros`.
    """

    key: str
    purchases: int
    spent_micros: int
    estimated_micros: int = 0
    lost_micros: int = 0
    served: int = 0
    saved_micros: int = 0

    @property
    def net_micros(self) -> int:
        """What was saved beyond what was spent; below zero where it has not paid yet."""
        return self.saved_micros - self.spent_micros


def total(costs: Iterable[Cost], key: str = "in all") -> Cost:
    """Return the sum of *costs* under the name *key*."""
    known = list(costs)
    return Cost(
        key,
        sum(cost.purchases for cost in known),
        sum(cost.spent_micros for cost in known),
        sum(cost.estimated_micros for cost in known),
        sum(cost.lost_micros for cost in known),
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
        cost = purchases.c.cost_micros
        lost = purchases.c.outcome == PurchaseOutcome.LOST.value
        sums = (
            cost,
            case((purchases.c.estimated, cost), else_=0),
            case((lost, cost), else_=0),
            use.c.served,
            use.c.saved_micros,
        )
        key = _GROUPS[by]
        statement = select(
            key, func.count(), *(func.coalesce(func.sum(each), 0) for each in sums)
        ).select_from(purchases.outerjoin(use, use.c.purchase_id == purchases.c.purchase_id))
        if since is not None:
            statement = statement.where(purchases.c.settled_at >= since)
        async with reading(self._engine, "read the ledger") as connection:
            rows = await connection.execute(statement.group_by(key).order_by(key))
            # PostgreSQL sums BIGINT as a decimal number.
            return [Cost(str(name), *map(int, numbers)) for name, *numbers in rows]


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

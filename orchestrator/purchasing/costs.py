"""What was spent, and how often each purchase was reused, by day, tenant, source or company.

Reads the ledger and the reuse statistics; what a purchase has saved counts where the purchase does.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Subquery, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseUnavailable, in_chunks, insert_into, reading, writing
from orchestrator.database.schema import UNCERTAIN, PurchaseOutcome, servings, settled
from orchestrator.infra.counters import FLUSH_AFTER, LateCounts

log = structlog.get_logger(__name__)

#: Purchases that one statement asks for, well below what SQLite takes as parameters.
_MOST = 500


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
class UncertainCost:
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


def top_costs(found: Iterable[Cost], by: CostsBy, *, most: int) -> list[Cost]:
    """Return at most *most* rows, the latest days or the largest sums, and a row for the rest."""
    if by is CostsBy.DAY:
        by_day = sorted(found, key=lambda cost: cost.key)
        shown, rest = by_day[-most:], by_day[:-most]
    else:
        dearest = sorted(found, key=lambda cost: (-cost.spent_micros, cost.key))
        shown, rest = dearest[:most], dearest[most:]
    return [*shown, total(rest, f"{len(rest)} {_rest_name(by)}")] if rest else shown


def _rest_name(by: CostsBy) -> str:
    return "earlier" if by is CostsBy.DAY else "others"


@dataclass(frozen=True, slots=True)
class CostsCursor:
    """The last row of a page: what its `key` has cost, by which pages are ordered, but for days."""

    spent_micros: int
    key: str


@dataclass(frozen=True, slots=True)
class CostsPage:
    """Some rows; `rest` is the sum of those behind them, `total` of all, `after` the next page."""

    rows: list[Cost]
    rest: Cost | None
    total: Cost
    after: CostsCursor | None


class Costs:
    """Reads what was spent and saved.

    Every method raises DatabaseUnavailable when the database does not answer.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Read from the migrated database of *engine*."""
        self._engine = engine

    async def yields(self, since: datetime) -> dict[str, tuple[int, int]]:
        """Return by source how many purchases since then brought something, of how many."""
        found = func.sum(case((settled.c.outcome == PurchaseOutcome.FOUND.value, 1), else_=0))
        statement = (
            select(settled.c.source, found, func.count())
            .where(settled.c.settled_at >= since)
            .group_by(settled.c.source)
        )
        async with reading(self._engine, "read the ledger") as connection:
            rows = await connection.execute(statement)
            return {source: (int(hits), int(purchases)) for source, hits, purchases in rows}

    async def by(
        self, by: CostsBy, *, since: datetime | None = None, among: Collection[str] | None = None
    ) -> list[Cost]:
        """Return the costs per day, tenant, source or company key, in the order of the key.

        Args:
            by: What to add up by.
            since: Aware instant; purchases settled at or after it count. None counts all.
            among: Only these tenants, sources or company keys.
        """
        grouped = _totals_by(by, since, among)
        async with reading(self._engine, "read the ledger") as connection:
            rows = await connection.execute(select(grouped).order_by(grouped.c.key))
            return [_cost(*row) for row in rows]

    async def page(
        self,
        by: CostsBy,
        *,
        most: int,
        since: datetime | None = None,
        after: CostsCursor | None = None,
    ) -> CostsPage:
        """Return *most* rows behind *after*: the largest sums first, or the latest days.

        Days are in their order within a page. Only the rows of the page are read into memory.

        Args:
            by: What to add up by.
            most: Rows of the page.
            since: As of `by`.
            after: Of a page by the same; its key is a day where days are added up.
        """
        grouped = _totals_by(by, since)
        key, spent = grouped.c.key, grouped.c.charged + grouped.c.uncertain
        order = [key.desc()] if by is CostsBy.DAY else [spent.desc(), key]

        def behind(cursor: CostsCursor) -> ColumnElement[bool]:
            if by is CostsBy.DAY:
                return key < date.fromisoformat(cursor.key)
            return or_(
                spent < cursor.spent_micros, and_(spent == cursor.spent_micros, key > cursor.key)
            )

        numbers = [grouped.c[name] for name in _NUMBERS]
        sums = [func.coalesce(func.sum(each), 0) for each in numbers]
        statement = select(grouped).order_by(*order).limit(most)
        if after is not None:
            statement = statement.where(behind(after))
        async with reading(self._engine, "read the ledger") as connection:
            rows = [_cost(*row) for row in await connection.execute(statement)]
            total = _cost("in all", *(await connection.execute(select(*sums))).one())
            rest, last = None, None
            if rows:
                last = CostsCursor(rows[-1].spent_micros, rows[-1].key)
                others = select(func.count(), *sums).select_from(grouped).where(behind(last))
                count, *left = (await connection.execute(others)).one()
                rest = _cost(f"{count} {_rest_name(by)}", *left) if count else None
        rows = rows[::-1] if by is CostsBy.DAY else rows
        return CostsPage(rows, rest, total, None if rest is None else last)

    async def uncertain(self, since: datetime) -> UncertainCost:
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
        return UncertainCost(int(count), int(micros))


@dataclass(frozen=True, slots=True)
class Reuse:
    """How many lookups one purchase has answered by one way (`hit`, `coalesced`, ...)."""

    purchase_id: str
    source: str
    served: int
    saved_micros: int


#: Purchase, way, price. A plain tuple: it is hashed on every lookup.
ReuseKey = tuple[str, str, int]


class ReuseStatistics:
    """Counts servings. One per event loop; `aclose` it before its engine is disposed of."""

    def __init__(self, engine: AsyncEngine, *, flush_after: timedelta = FLUSH_AFTER) -> None:
        """Keep them in the migrated database of *engine*."""
        self._engine = engine
        self._counts: LateCounts[ReuseKey] = LateCounts(
            self._write,
            event="servings.not_written",
            expected=(DatabaseUnavailable, TimeoutError),
            flush_after=flush_after,
        )

    def add(self, purchase_id: str, source: str, price_micros: int, n: int = 1) -> None:
        """Count *n* lookups that *purchase_id* has answered, at what each would have paid itself.

        Does no I/O; needs the running loop.
        """
        self._counts.add((purchase_id, source, price_micros), n)

    async def add_all(self, served: Counter[ReuseKey]) -> None:
        """Count many lookups, and write them now; like all of these counts they may get lost."""
        if not served:
            return
        try:
            await self._write(served)
        except DatabaseUnavailable as error:
            log.warning("servings.not_written", error=type(error).__name__)

    async def of(self, purchase_ids: Sequence[str]) -> list[Reuse]:
        """Return what the fleet has written about *purchase_ids*, seconds late.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        columns = [servings.c[name] for name in Reuse.__dataclass_fields__]
        statement = select(*columns).order_by(servings.c.purchase_id, servings.c.source)
        found: list[Reuse] = []
        async with reading(self._engine, "read the servings") as connection:
            for chunk in in_chunks(purchase_ids, _MOST):
                wanted = servings.c.purchase_id.in_(chunk)
                rows = await connection.execute(statement.where(wanted))
                found += [Reuse(*row) for row in rows]
        return found

    async def aclose(self) -> None:
        """Write what is buffered, in bounded time."""
        await self._counts.aclose()

    async def _write(self, pending: Counter[ReuseKey]) -> None:
        served: Counter[tuple[str, str]] = Counter()
        saved: Counter[tuple[str, str]] = Counter()
        for (purchase_id, source, price_micros), n in pending.items():
            served[purchase_id, source] += n
            saved[purchase_id, source] += n * price_micros
        names = [column.name for column in servings.columns]
        # In the order of the key, so that processes cannot deadlock.
        rows = [
            dict(zip(names, (*key, served[key], saved[key]), strict=True)) for key in sorted(served)
        ]
        async with writing(self._engine, "count servings") as connection:
            new = insert_into(servings, connection)
            statement = new.on_conflict_do_update(
                index_elements=["purchase_id", "source"],
                set_={
                    "served": servings.c.served + new.excluded.served,
                    "saved_micros": servings.c.saved_micros + new.excluded.saved_micros,
                },
            )
            await connection.execute(statement, rows)


#: Columns of `_totals_by` beside the key, in the order of the fields of `Cost`.
_NUMBERS: Final = ("purchases", "charged", "uncertain", "estimated", "served", "saved")


def _totals_by(
    by: CostsBy, since: datetime | None, among: Collection[str] | None = None
) -> Subquery:
    """Return the sums of each key."""
    use = _use_by_purchase()
    cost, uncertain, key = settled.c.cost_micros, _is_uncertain(), _GROUPS[by]
    summed = (
        case((uncertain, 0), else_=cost),
        case((uncertain, cost), else_=0),
        case((settled.c.estimated, cost), else_=0),
        use.c.served,
        use.c.saved_micros,
    )
    sums = [func.coalesce(func.sum(each), 0) for each in summed]
    named = [each.label(name) for name, each in zip(_NUMBERS, (func.count(), *sums), strict=True)]
    statement = select(key.label("key"), *named).select_from(
        settled.outerjoin(use, use.c.purchase_id == settled.c.purchase_id)
    )
    if since is not None:
        day = since.astimezone(UTC).date()  # has an index
        statement = statement.where(settled.c.settled_day >= day, settled.c.settled_at >= since)
    if among is not None:
        statement = statement.where(key.in_(among))
    return statement.group_by(key).subquery("costs")


def _cost(key: object, *numbers: Any) -> Cost:  # noqa: ANN401 - PostgreSQL sums to a decimal number
    return Cost(str(key), *map(int, numbers))


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

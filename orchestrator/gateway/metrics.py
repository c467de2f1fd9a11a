"""Numbers about leads and opportunities: what the dashboard shows, and whether the cache is right.

The dashboard's are sums by SQL over all rows, never over a page of them. And a share of what the
cache has answered is compared with the database, while the system runs: the promise that no read is
stale is proved beforehand (docs/protocol.md); this checks it at run time. Divergences are counted
for `/metrics` and `emasai doctor`, and their copies are dropped.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading
from orchestrator.database.schema import leads, opportunities
from orchestrator.infra.background import Loop
from orchestrator.infra.counters import Counters

from .records import Records

log = structlog.get_logger(__name__)

#: Names of the counts.
COMPARED: Final = "comparisons.all"
DIVERGED: Final = "comparisons.diverged"
PERIOD: Final = timedelta(seconds=1)


class Comparison:
    """Compares the reads that `Records` has sampled. One per process that reads for others."""

    def __init__(self, records: Records, counters: Counters) -> None:
        self._records = records
        self._counters = counters

    @property
    def loop(self) -> Loop:
        """The loop that every API process runs."""
        return Loop("cache comparison", self.compare, PERIOD)

    async def compare(self) -> None:
        """Compare all that was sampled since the last time.

        Raises:
            DatabaseUnavailable: It does not answer; the rest of the sample is compared later.
        """
        async for compared in self._records.compare_sampled():
            self._counters.add(COMPARED)
            if compared.is_divergent:
                self._counters.add(DIVERGED)
                # No id: it is a person's.
                log.error(
                    "cache.diverged",
                    kind=compared.kind,
                    cached=compared.cached,
                    stored=compared.stored,
                )


class DashboardMetrics(BaseModel):
    """How many leads and opportunities there are in each state, and what they may be worth.

    `valor_por_moneda` sums the estimates of opportunities that are neither won nor lost,
    `ganado_por_moneda` of those that are won. `calculado_en` is when all this was so.
    """

    model_config = ConfigDict(frozen=True)

    leads: int
    leads_por_estado: dict[str, int]
    oportunidades: int
    oportunidades_por_estado: dict[str, int]
    valor_por_moneda: dict[str, int]
    ganado_por_moneda: dict[str, int]
    calculado_en: AwareDatetime


async def dashboard_metrics(engine: AsyncEngine, now: datetime) -> DashboardMetrics:
    """Return the metrics as the database has them at *now*.

    Raises:
        DatabaseUnavailable: It does not answer.
    """
    by_lead = select(leads.c.estado, func.count()).group_by(leads.c.estado)
    state, currency = opportunities.c.estado, opportunities.c.value_currency
    totals = select(state, currency, func.count(), func.sum(opportunities.c.value_amount))
    async with reading(engine, "count leads and opportunities") as connection:
        counted = (await connection.execute(by_lead)).all()
        rows = (await connection.execute(totals.group_by(state, currency))).all()
    lead_counts: dict[str, int] = {estado: n for estado, n in counted}  # noqa: C416 - of Rows
    counts: dict[str, int] = {}
    pending: dict[str, int] = {}
    won: dict[str, int] = {}
    for estado, moneda, n, amount in rows:
        counts[estado] = counts.get(estado, 0) + n
        if estado != "perdida":
            sums = won if estado == "ganada" else pending
            sums[moneda] = sums.get(moneda, 0) + int(amount)
    return DashboardMetrics(
        leads=sum(lead_counts.values()),
        leads_por_estado=lead_counts,
        oportunidades=sum(counts.values()),
        oportunidades_por_estado=counts,
        valor_por_moneda=pending,
        ganado_por_moneda=won,
        calculado_en=now,
    )

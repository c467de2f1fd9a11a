"""What a run would buy, and for how much, before a cent is spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.batch import Batch, Reading, in_parts
from orchestrator.cli.console import dollars, out, print_json
from orchestrator.cli.session import with_runtime
from orchestrator.identity import Mention, mention_of
from orchestrator.infra.distinct import Distinct


@dataclass(frozen=True, slots=True)
class Estimate:
    """Distinct companies of a batch by what would happen to them.

    `cost_micros` is the worst case: the list price of every purchase.
    """

    rows: int
    items: int
    companies: int
    fresh: int
    unusable: int
    to_buy: int
    price_micros: int
    max_cost_micros: int | None

    @property
    def affordable(self) -> int:
        """How many of the companies to buy the cap allows at the list price."""
        if self.max_cost_micros is None or not self.price_micros:
            return self.to_buy
        return min(self.to_buy, self.max_cost_micros // self.price_micros)

    @property
    def cost_micros(self) -> int:
        """What the affordable purchases cost at most."""
        return self.affordable * self.price_micros

    def as_json(self) -> dict[str, Any]:
        """Return the estimate for `--json`."""
        return {
            "rows": self.rows,
            "items": self.items,
            "companies": self.companies,
            "fresh": self.fresh,
            "ambiguous": self.unusable,
            "to_buy": self.to_buy,
            "affordable": self.affordable,
            "price_micros": self.price_micros,
            "cost_micros_at_most": self.cost_micros,
        }


async def estimate(parts: Runtime, batch: Batch, *, quiet: bool) -> Estimate:
    """Look at every company of *batch* without buying."""
    reading = Reading(batch.lead_file, quiet=quiet)
    mentions = (mention_of(lead) for lead in reading.read())
    return await estimate_of(
        parts, mentions, rows=batch.lead_file.length, max_cost_micros=batch.terms.max_cost_micros
    )


async def estimate_of(
    parts: Runtime, mentions: Iterable[Mention], *, rows: int, max_cost_micros: int | None
) -> Estimate:
    """Look at the companies of *mentions*, one an item, without buying."""
    companies = Distinct()
    items = fresh = unusable = 0
    for some in in_parts(mentions):
        items += len(some)
        for glance in await parts.purchasing.enricher.glance(some):
            # A name that may mean several companies has the key of one of them.
            named = f"{glance.company_key}\0{glance.is_ambiguous}"
            before = len(companies)
            if companies.number(named) == before:
                fresh += glance.fresh
                unusable += glance.is_ambiguous
    return Estimate(
        rows=rows,
        items=items,
        companies=len(companies),
        fresh=fresh,
        unusable=unusable,
        to_buy=len(companies) - fresh - unusable,
        price_micros=parts.purchasing.seller.price_micros,
        max_cost_micros=max_cost_micros,
    )


def show_estimate(estimate: Estimate, *, as_json: bool) -> None:
    """Print the estimate, for programs or for people."""
    if as_json:
        print_json(estimate.as_json())
    else:
        out.print(_table(estimate))


def _table(estimate: Estimate) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("rows", str(estimate.rows), f"{estimate.items} distinct and usable")
    table.add_row("distinct companies", str(estimate.companies), "")
    table.add_row("fresh in the memo", str(estimate.fresh), "cost nothing")
    table.add_row("name says too little", str(estimate.unusable), "nothing is bought for them")
    table.add_row("to buy", str(estimate.to_buy), f"{dollars(estimate.price_micros)} each at most")
    if estimate.affordable < estimate.to_buy:
        table.add_row("within the cap", str(estimate.affordable), "the rest would be skipped")
    table.add_row("cost at most", dollars(estimate.cost_micros), "")
    return table


def foresee(batch: Batch, *, as_json: bool) -> None:
    """Print what *batch* would buy."""

    async def work(parts: Runtime) -> Estimate:
        return await estimate(parts, batch, quiet=as_json)

    show_estimate(with_runtime(work), as_json=as_json)

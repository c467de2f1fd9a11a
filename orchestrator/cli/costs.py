"""`emasai costs` and `emasai budget`: what was spent and saved, and what may still be spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, notice, out, print_json
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.jobs import JobContext
from orchestrator.purchasing import Account, Cost, CostsBy, accounts_of, run_account, total

#: Rows that are shown; the rest is one row.
SHOWN = 30
#: Widest bar, in characters.
BAR = 30
#: Columns from which the plot stands beside the figures; on fewer it stands below them.
WIDE = 112
_LEGEND: Final = Text.assemble(("spent", "red"), " and ", ("saved", "green"))


def costs(
    *,
    by: Annotated[CostsBy, typer.Option(help="What to add up by.")] = CostsBy.DAY,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First UTC day that counts."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent and saved, by day, tenant, source or company."""
    begin = None if since is None else since.replace(tzinfo=UTC)

    async def work(parts: Runtime) -> list[Cost]:
        return await parts.purchasing.costs.by(by, since=begin)

    found = with_runtime(work)
    if as_json:
        listed = [costs_json(cost) for cost in found]
        print_json({"by": by.value, "costs": listed, "total": costs_json(total(found))})
    elif found:
        out.print(pictured(found, by, width=out.width))
    else:
        out.print("Nothing was bought.")


def costs_json(cost: Cost) -> dict[str, Any]:
    """Return *cost* for `--json`."""
    return {
        "key": cost.key,
        "purchases": cost.purchases,
        "spent_micros": cost.spent_micros,
        "estimated_micros": cost.estimated_micros,
        "charged_micros": cost.charged_micros,
        "uncertain_micros": cost.uncertain_micros,
        "served": cost.served,
        "saved_micros": cost.saved_micros,
        "net_micros": cost.net_micros,
    }


def shortened(found: Iterable[Cost], by: CostsBy, *, most: int = SHOWN) -> list[Cost]:
    """Return at most *most* rows: the latest days, or the dearest of the others, and the rest."""
    if by is CostsBy.DAY:
        by_day = sorted(found, key=lambda cost: cost.key)
        shown, rest, name = by_day[-most:], by_day[:-most], "earlier"
    else:
        dearest = sorted(found, key=lambda cost: (-cost.spent_micros, cost.key))
        shown, rest, name = dearest[:most], dearest[most:], "others"
    return [*shown, total(rest, f"{len(rest)} {name}")] if rest else shown


def pictured(found: list[Cost], by: CostsBy, *, width: int) -> RenderableType:
    """Return the table of *found* with its plot, for a terminal of *width* columns."""
    rows = shortened(found, by)
    largest = max(max(cost.spent_micros, cost.saved_micros) for cost in rows)
    bars = [_bars(cost, largest) for cost in rows]
    beside = width >= WIDE
    figures = _table(
        by.value, "purchases", "charged", "uncertain", "estimated", "served", "saved", "net"
    )
    if beside:
        figures.add_column(_LEGEND)
    for cost, bar in zip(rows, bars, strict=True):
        figures.add_row(*_cells(cost), *([bar] if beside else []))
    figures.add_section()
    figures.add_row(*_cells(total(found)), style="bold")
    return figures if beside else Group(figures, "", _plot(by.value, rows, bars))


def _plot(first: str, rows: list[Cost], bars: list[Group]) -> Table:
    plot = _table(first)
    plot.add_column(_LEGEND)
    for cost, bar in zip(rows, bars, strict=True):
        plot.add_row(cost.key, bar)
    return plot


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(cost: Cost) -> tuple[str, ...]:
    share = cost.estimated_micros / cost.spent_micros if cost.spent_micros else 0
    return (
        cost.key,
        f"{cost.purchases:,}",
        dollars(cost.charged_micros),
        dollars(cost.uncertain_micros),
        f"{share:.0%}",
        f"{cost.served:,}",
        dollars(cost.saved_micros),
        _signed(cost.net_micros),
    )


def _signed(micros: int) -> str:
    return f"-{dollars(-micros)}" if micros < 0 else dollars(micros)


def _bars(cost: Cost, largest: int) -> Group:
    sizes = ((cost.spent_micros, "red"), (cost.saved_micros, "green"))
    return Group(*(Bar(largest or 1, 0, size, width=BAR, color=color) for size, color in sizes))


@dataclass(frozen=True, slots=True)
class States:
    """The accounts that concern somebody, by name, and from which share of a cap to warn."""

    accounts: dict[str, Account]
    soft_share: float


def budget(
    *,
    job: Annotated[
        str | None, typer.Option(metavar="JOB_ID", help="Show this job's own budget, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is spent, held and left of each budget."""

    async def work(parts: Runtime) -> States:
        return await _read(parts, await _names(parts, job))

    states = with_runtime(work)
    if as_json:
        print_json(as_json_list(states))
    else:
        out.print(_budget_table(states))


async def read_states(parts: Runtime, context: JobContext | None) -> States:
    """Read the accounts of a purchase for the job of *context*, made now."""
    names = accounts_of(
        tenant=parts.settings.tenant if context is None else context.tenant,
        day=parts.clock().date(),
        job_id=context.job_id if context is not None and context.capped else None,
    )
    return await _read(parts, names)


def as_json_list(states: States) -> list[dict[str, Any]]:
    """Return *states* for `--json`."""
    return [
        {
            "account": name,
            "cap_micros": state.cap_micros,
            "spent_micros": state.spent_micros,
            "held_micros": state.held_micros,
            "left_micros": state.left_micros,
            "soft_cap_reached": state.is_past(states.soft_share),
        }
        for name, state in states.accounts.items()
    ]


def show_warnings(states: States) -> None:
    """Print a sentence for each account that is nearly used up."""
    for name, state in states.accounts.items():
        if state.cap_micros is not None and state.is_past(states.soft_share):
            used, cap = dollars(state.used_micros), dollars(state.cap_micros)
            notice(
                f"The budget of {name} is nearly used up:", f"{used} of {cap} (`emasai budget`)."
            )


async def _names(parts: Runtime, job: str | None) -> list[str]:
    """Return the accounts of today, with those of every tenant that has ever bought."""
    tenants = {cost.key for cost in await parts.purchasing.costs.by(CostsBy.TENANT)} | {
        parts.settings.tenant
    }
    day = parts.clock().date()
    by_tenant = (accounts_of(tenant=tenant, day=day, refresh=True) for tenant in sorted(tenants))
    names = dict.fromkeys(name for names in by_tenant for name in reversed(names))
    return [*names, *([] if job is None else [run_account(job)])]


async def _read(parts: Runtime, names: list[str] | tuple[str, ...]) -> States:
    accounts = {name: await parts.purchasing.budget.account(name) for name in names}
    return States(accounts, parts.settings.soft_cap_share)


def _budget_table(states: States) -> Table:
    table = Table("budget", box=None, padding=(0, 3, 0, 0))
    for column in ("cap", "spent", "held", "left"):
        table.add_column(column, justify="right")
    table.add_column("")
    for name, state in states.accounts.items():
        table.add_row(
            name,
            "none" if state.cap_micros is None else dollars(state.cap_micros),
            dollars(state.spent_micros),
            dollars(state.held_micros),
            "-" if state.left_micros is None else dollars(state.left_micros),
            Text("nearly used up", "yellow") if state.is_past(states.soft_share) else "",
        )
    return table

"""`emasai costs`: what was bought, for how much, and what that has saved; as table and plot."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, out, print_json
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.purchasing import Cost, CostsBy, total

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
        return await parts.costs.by(by, since=begin)

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

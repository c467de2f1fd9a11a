"""`emasai costs` and `emasai budget`: what was spent and saved, and what may still be spent."""

from typing import Annotated, Any, Final

import typer
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.app import Runtime
from orchestrator.cli.console import (
    dollars,
    notice,
    number,
    out,
    percent,
    print_json,
    print_sentence,
    table,
)
from orchestrator.cli.jobs import unknown_job
from orchestrator.cli.options import AsJson, parse_instant
from orchestrator.cli.session import with_runtime
from orchestrator.cli.spanish import translate, translate_message
from orchestrator.infra.clock import utc_now
from orchestrator.purchasing import Cost, CostsBy, run_account, top_costs, total
from orchestrator.spending import Budgets, budgets_json, read_all_budgets

#: Rows that are shown; the others are summed up in one row.
SHOWN: Final = 30
#: Widest bar, in characters.
BAR: Final = 30
#: Width of a terminal from which the plot is beside the figures, not below them.
WIDE: Final = 112
_COST_FIELDS: Final = (
    *("key", "purchases", "spent_micros", "estimated_micros", "charged_micros"),
    *("uncertain_micros", "served", "saved_micros", "net_micros"),
)


def costs(
    *,
    by: Annotated[
        CostsBy, typer.Option(metavar="|".join(CostsBy), help="What to add up by.")
    ] = CostsBy.DAY,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only since: 7d, 2026-11-30, or 2026-11-30T18:00 (UTC)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent and saved, by day, tenant, source or company."""
    begin = None if since is None else parse_instant(since, utc_now(), ago=True)

    async def work(runtime: Runtime) -> list[Cost]:
        return await runtime.purchasing.costs.by(by, since=begin)

    found = with_runtime(work)
    if as_json:
        listed = [costs_json(cost) for cost in found]
        print_json({"by": by.value, "costs": listed, "total": costs_json(total(found))})
    elif found:
        out.print(costs_table(found, by, width=out.width))
    else:
        print_sentence("Nothing was bought.")


def costs_json(cost: Cost) -> dict[str, Any]:
    """Return *cost* for `--json`."""
    return {name: getattr(cost, name) for name in _COST_FIELDS}


def costs_table(found: list[Cost], by: CostsBy, *, width: int) -> RenderableType:
    """Return the table of *found* with its plot, for a terminal of *width* columns."""
    rows = top_costs(found, by, most=SHOWN)
    largest = max(max(cost.spent_micros, cost.saved_micros) for cost in rows)
    bars = [_bars(cost, largest) for cost in rows]
    # The key of a row that sums up others is a text of ours.
    keys = [cost.key if cost in found else translate_message(cost.key) for cost in rows]
    beside = width >= WIDE
    numbers = _numbers(
        by.value, "purchases", "charged", "uncertain", "estimated", "served", "saved", "net"
    )
    if beside:
        numbers.add_column(_legend())
    for key, cost, bar in zip(keys, rows, bars, strict=True):
        numbers.add_row(key, *_cells(cost), *([bar] if beside else []))
    numbers.add_section()
    numbers.add_row(translate("in all"), *_cells(total(found)), style="bold")
    if beside:
        return numbers
    plot = _numbers(by.value)
    plot.add_column(_legend())
    for key, bar in zip(keys, bars, strict=True):
        plot.add_row(key, bar)
    return Group(numbers, "", plot)


def _numbers(first: str, *numbers: str) -> Table:
    new = table(first, *numbers, right=numbers, gap=2)
    new.columns[0].overflow = "fold"
    for column in new.columns[1:]:
        column.no_wrap = True
    return new


def _legend() -> Text:
    names = (translate("spent"), "red"), " ", translate("and"), " ", (translate("saved"), "green")
    return Text.assemble(*names)


def _cells(cost: Cost) -> tuple[str, ...]:
    share = cost.estimated_micros / cost.spent_micros if cost.spent_micros else 0
    return (
        number(cost.purchases),
        dollars(cost.charged_micros),
        dollars(cost.uncertain_micros),
        percent(share),
        number(cost.served),
        dollars(cost.saved_micros),
        dollars(cost.net_micros),
    )


def _bars(cost: Cost, largest: int) -> Group:
    sizes = ((cost.spent_micros, "red"), (cost.saved_micros, "green"))
    return Group(*(Bar(largest or 1, 0, size, width=BAR, color=color) for size, color in sizes))


def budget(
    *,
    job: Annotated[
        str | None, typer.Option(metavar="JOB_ID", help="Show the budget of this job, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is spent, held and left of each budget."""

    async def work(runtime: Runtime) -> Budgets:
        found = await read_all_budgets(runtime, job)
        if job is not None and await runtime.jobs.records.job(job) is None:
            # The budget of a job is kept for longer than its record.
            account = found[run_account(job)]
            if account.cap_micros is None and not account.used_micros:
                raise unknown_job(job)
        return found

    budgets = with_runtime(work)
    if as_json:
        print_json(budgets_json(budgets))
    else:
        out.print(_budget_table(budgets))


def show_warnings(budgets: Budgets) -> None:
    """Print a sentence for each account that is nearly used up."""
    for name, state in budgets.items():
        if state.cap_micros is not None and state.is_past_soft_cap:
            used, cap = dollars(state.used_micros), dollars(state.cap_micros)
            headline = translate("The budget of {} is nearly used up:", name)
            notice(headline, translate("{} of {} (`emasai budget`).", used, cap))


def _budget_table(budgets: Budgets) -> Table:
    numbers = ("cap", "spent", "held", "left")
    found = table("budget", *numbers, "", right=numbers)
    for name, state in budgets.items():
        found.add_row(
            name,
            translate("none") if state.cap_micros is None else dollars(state.cap_micros),
            dollars(state.spent_micros),
            dollars(state.held_micros),
            "-" if state.left_micros is None else dollars(state.left_micros),
            Text(translate("nearly used up"), "yellow") if state.is_past_soft_cap else "",
        )
    return found

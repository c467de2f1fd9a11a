"""`emasai budget`: what may still be spent, account by account."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, notice, out, print_json
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.jobs import JobContext
from orchestrator.purchasing import Account, CostsBy, accounts_of, run_account


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
        out.print(_table(states))


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
    tenants = {cost.key for cost in await parts.costs.by(CostsBy.TENANT)} | {parts.settings.tenant}
    day = parts.clock().date()
    by_tenant = (accounts_of(tenant=tenant, day=day, refresh=True) for tenant in sorted(tenants))
    names = dict.fromkeys(name for names in by_tenant for name in reversed(names))
    return [*names, *([] if job is None else [run_account(job)])]


async def _read(parts: Runtime, names: list[str] | tuple[str, ...]) -> States:
    accounts = {name: await parts.budget.account(name) for name in names}
    return States(accounts, parts.settings.soft_cap_share)


def _table(states: States) -> Table:
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

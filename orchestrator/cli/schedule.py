"""`emasai schedule`: which companies are looked up again, how often, and the last outcome."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.app import Runtime, Schedule
from orchestrator.cli.console import dollars, notice, out, print_json, span, table
from orchestrator.cli.options import AsJson, CompanyNames, Tenant, parse_duration
from orchestrator.cli.session import with_runtime
from orchestrator.identity import Mention
from orchestrator.identity.resolution import Resolved
from orchestrator.schedule import (
    EVERY_MAX,
    EVERY_MIN,
    Watch,
    WatchKind,
    new_rule,
    new_watch,
    watch_id,
)

schedule = typer.Typer(
    name="schedule", help="Look up companies again at intervals.", no_args_is_help=True
)

Rule = Annotated[
    bool, typer.Option("--open-opportunities", help="All companies with an opportunity.")
]

_FRESH = "an earlier lookup is answered from the memo, and nothing is bought."


@schedule.command()
def add(
    names: CompanyNames = None,
    *,
    every: Annotated[
        str, typer.Option(metavar="DURATION", help="How often: 12h, 7d; from 1h to 90d.")
    ],
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Watch companies, or all that have an opportunity. Adding them again changes the period."""
    period = parse_every(every)
    _check_choice(names, open_opportunities=open_opportunities)

    async def work(runtime: Runtime) -> list[Watch]:
        whose, now = tenant or runtime.settings.tenant, runtime.clock()
        if open_opportunities:
            new = [new_rule(tenant=whose, every=period, now=now)]
        else:
            found = [
                new_watch(name, tenant=whose, every=period, now=now, company_key=company.key)
                for name, company in await _companies_named(runtime, names or ())
            ]
            new = list({watch.id: watch for watch in found}.values())
        await runtime.schedule.watches.add(new)
        await runtime.schedule.due.put({watch.id: watch.next_at for watch in new})
        if period < runtime.settings.redis_ttl:
            notice(f"An answer is fresh for {span(runtime.settings.redis_ttl)}:", _FRESH)
        return new

    _report(with_runtime(work), "Watching", as_json=as_json)


@schedule.command(name="list")
def list_(*, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Show what is watched, the next due first."""

    async def work(runtime: Runtime) -> tuple[list[Watch], datetime]:
        return await runtime.schedule.watches.of_tenant(
            tenant or runtime.settings.tenant
        ), runtime.clock()

    watches, now = with_runtime(work)
    if as_json:
        print_json([_as_json(watch, now) for watch in watches])
    elif watches:
        out.print(_table(watches, now))
    else:
        out.print("Nothing is watched: `emasai schedule add NAME... --every 7d`.")


@schedule.command()
def pause(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Stop looking up companies until `resume`; without names, all of them."""
    chosen = _Choice(names, tenant, open_opportunities)
    _report(chosen.change(_pause), "Paused", as_json=as_json)


@schedule.command()
def resume(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Continue paused companies; without names, all of them."""
    chosen = _Choice(names, tenant, open_opportunities)
    _report(chosen.change(_resume), "Resumed", as_json=as_json)


@schedule.command()
def remove(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Stop watching companies; with --open-opportunities, the rule and the companies it added."""
    _check_choice(names, open_opportunities=open_opportunities)
    chosen = _Choice(names, tenant, open_opportunities)
    _report(chosen.change(_remove), "Removed", as_json=as_json)


async def _pause(schedule: Schedule, chosen: list[Watch]) -> None:
    await schedule.watches.pause([watch.id for watch in chosen], paused=True)
    await schedule.due.drop([watch.id for watch in chosen])


async def _resume(schedule: Schedule, chosen: list[Watch]) -> None:
    await schedule.watches.pause([watch.id for watch in chosen], paused=False)
    await schedule.due.put({watch.id: watch.next_at for watch in chosen})


async def _remove(schedule: Schedule, chosen: list[Watch]) -> None:
    await schedule.watches.remove([watch.id for watch in chosen])
    await schedule.due.drop([watch.id for watch in chosen])


@dataclass(frozen=True, slots=True)
class _Choice:
    """The watches that the options of a command mean; without names or a rule, all of a tenant."""

    names: Collection[str] | None
    tenant: str | None
    open_opportunities: bool

    def change(self, change: Callable[[Schedule, list[Watch]], Awaitable[None]]) -> list[Watch]:
        """Apply *change* to the watches, and return them.

        Raises:
            typer.BadParameter: A company is not watched.
        """

        async def work(runtime: Runtime) -> list[Watch]:
            chosen = await self._watches(runtime)
            await change(runtime.schedule, chosen)
            return chosen

        return with_runtime(work)

    async def _watches(self, runtime: Runtime) -> list[Watch]:
        whose = self.tenant or runtime.settings.tenant
        watches = await runtime.schedule.watches.of_tenant(whose)
        if self.open_opportunities:
            return [watch for watch in watches if watch.kind is not WatchKind.COMPANY]
        if not self.names:
            return watches
        by_id = {watch.id: watch for watch in watches}
        wanted = {
            name: [watch_id(whose, key) for key in (company.key, company.identity.key)]
            for name, company in await _meant(runtime, self.names)
        }
        unknown = [name for name, ids in wanted.items() if not by_id.keys() & set(ids)]
        if unknown:
            raise typer.BadParameter(f"not watched: {', '.join(unknown)} (`emasai schedule list`)")
        # Including one that was added before its company was merged into another.
        chosen = dict.fromkeys(each for ids in wanted.values() for each in ids if each in by_id)
        return [by_id[each] for each in chosen]


async def _meant(runtime: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names* or keys with its company."""
    identities = [Mention(name).identify() for name in names]
    return list(zip(names, await runtime.identity.index.preview_all(identities), strict=True))


async def _companies_named(runtime: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names* with its company.

    Raises:
        typer.BadParameter: A name means several companies, or none.
    """
    meant = await _meant(runtime, names)
    for name, company in meant:
        if company.is_ambiguous:
            raise typer.BadParameter(
                f"{name} is ambiguous; give the key of the company, which "
                f"`emasai identity show '{name}'` lists"
            )
    return meant


def parse_every(text: str) -> timedelta:
    """Return a period such as `12h`, `7d`, `2w` or `1h30m`.

    Raises:
        typer.BadParameter: Not a length of time, or not from `EVERY_MIN` to `EVERY_MAX`.
    """
    every = parse_duration(text)
    if not EVERY_MIN <= every <= EVERY_MAX:
        raise typer.BadParameter(f"{text} is not from {span(EVERY_MIN)} to {span(EVERY_MAX)}")
    return every


def _check_choice(names: Collection[str] | None, *, open_opportunities: bool) -> None:
    if bool(names) == open_opportunities:
        raise typer.BadParameter("give either names or --open-opportunities")


def _report(watches: list[Watch], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"watches": [str(watch.id) for watch in watches]})
        return
    rules = [watch for watch in watches if watch.kind is WatchKind.RULE]
    count, subjects = len(watches) - len(rules), []
    if rules:
        subjects.append(f"all companies with an opportunity (every {span(rules[0].every)})")
    if count or not rules:
        subjects.append(f"{count} compan{'y' if count == 1 else 'ies'}")
    out.print(f"{what} {' and '.join(subjects)}.")


def _as_json(watch: Watch, now: datetime) -> dict[str, Any]:
    return {
        "id": str(watch.id),
        "kind": watch.kind.value,
        "tenant": watch.tenant,
        "company": watch.company or None,
        "company_key": watch.company_key or None,
        "every_s": watch.every // timedelta(seconds=1),
        "paused": watch.paused,
        "running": watch.job_id is not None,
        "due_in_s": max(0, round((watch.next_at - now).total_seconds())),
        "next_at": watch.next_at.isoformat(),
        "last_run_at": watch.ran_at and watch.ran_at.isoformat(),
        "last_outcome": watch.outcome,
        "spent_micros": watch.spent_micros,
    }


def _table(watches: list[Watch], now: datetime) -> Table:
    listed = table("company", "every", "due in", "last outcome", "spent", right=("spent",))
    for watch in watches:
        listed.add_row(
            watch.company or Text("all with an opportunity", "cyan"),
            span(watch.every),
            _due(watch, now),
            watch.outcome or "-",
            dollars(watch.spent_micros),
        )
    return listed


def _due(watch: Watch, now: datetime) -> str | Text:
    if watch.paused:
        return Text("paused", "yellow")
    if watch.job_id is not None:
        return "running"
    return span(watch.next_at - now) if watch.next_at > now else "now"

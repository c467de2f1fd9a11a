"""`emasai schedule`: which companies are looked up again, how often, and the last outcome."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, notice, out, print_json
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


async def chosen_watches(
    parts: Runtime,
    names: Collection[str] | None,
    tenant: str | None,
    *,
    open_opportunities: bool,
) -> list[Watch]:
    """Return the watches that a command is about.

    Raises:
        typer.BadParameter: A company that is named is not watched.
    """
    whose = tenant or parts.settings.tenant
    watches = await parts.schedule.watches.of_tenant(whose)
    if open_opportunities:
        return [watch for watch in watches if watch.kind is not WatchKind.COMPANY]
    if not names:
        return watches
    by_id = {watch.id: watch for watch in watches}
    wanted = {
        name: [watch_id(whose, key) for key in (company.key, company.identity.key)]
        for name, company in await _meant(parts, names)
    }
    unknown = [name for name, ids in wanted.items() if not by_id.keys() & set(ids)]
    if unknown:
        raise typer.BadParameter(f"not watched: {', '.join(unknown)} (`emasai schedule list`)")
    # Also one that was added before its company was merged into another.
    chosen = [by_id[identity] for ids in wanted.values() for identity in ids if identity in by_id]
    return list({watch.id: watch for watch in chosen}.values())


async def _meant(parts: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names*, or keys, with the company that it means."""
    identities = [Mention(name).identify() for name in names]
    return list(zip(names, await parts.identity.index.preview_all(identities), strict=True))


async def companies_named(parts: Runtime, names: Collection[str]) -> list[tuple[str, Resolved]]:
    """Return each of *names* with the company that it means.

    Raises:
        typer.BadParameter: One means several, or says nothing.
    """
    meant = await _meant(parts, names)
    for name, company in meant:
        if company.is_ambiguous:
            raise typer.BadParameter(
                f"{name} does not say which company is meant; give its key, which "
                f"`emasai identity show '{name}'` lists"
            )
    return meant


schedule = typer.Typer(
    name="schedule", help="Look at companies again and again.", no_args_is_help=True
)

Rule = Annotated[
    bool, typer.Option("--open-opportunities", help="All companies that have an opportunity.")
]

_FRESH = "a look that comes sooner is answered by it, and nothing is bought."


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
    """Watch companies, or all that have an opportunity; again with another period changes it."""
    period = parse_every(every)
    _check_choice(names, open_opportunities=open_opportunities)

    async def work(parts: Runtime) -> list[Watch]:
        whose, now = tenant or parts.settings.tenant, parts.clock()
        if open_opportunities:
            new = [new_rule(tenant=whose, every=period, now=now)]
        else:
            found = [
                new_watch(name, tenant=whose, every=period, now=now, company_key=company.key)
                for name, company in await companies_named(parts, names or ())
            ]
            new = list({watch.id: watch for watch in found}.values())
        await parts.schedule.watches.add(new)
        await parts.schedule.due.put({watch.id: watch.next_at for watch in new})
        if period < parts.settings.redis_ttl:
            notice(f"An answer is fresh for {shown(parts.settings.redis_ttl)}:", _FRESH)
        return new

    _say(with_runtime(work), "Watching", as_json=as_json)


@schedule.command(name="list")
def list_(*, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Show what is watched, the next due first."""

    async def work(parts: Runtime) -> tuple[list[Watch], datetime]:
        return await parts.schedule.watches.of_tenant(
            tenant or parts.settings.tenant
        ), parts.clock()

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
    """Look at companies no more, until `resume`; with no name, at none."""

    async def change(parts: Runtime, chosen: list[Watch]) -> None:
        await parts.schedule.watches.pause([watch.id for watch in chosen], paused=True)
        await parts.schedule.due.drop([watch.id for watch in chosen])

    changed = _changed(change, names, tenant, open_opportunities=open_opportunities)
    _say(changed, "Paused", as_json=as_json)


@schedule.command()
def resume(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Go on with what was paused; with no name, with all."""

    async def change(parts: Runtime, chosen: list[Watch]) -> None:
        await parts.schedule.watches.pause([watch.id for watch in chosen], paused=False)
        await parts.schedule.due.put({watch.id: watch.next_at for watch in chosen})

    changed = _changed(change, names, tenant, open_opportunities=open_opportunities)
    _say(changed, "Resumed", as_json=as_json)


@schedule.command()
def remove(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Watch companies no more; with --open-opportunities, the rule and what it has found."""
    _check_choice(names, open_opportunities=open_opportunities)

    async def change(parts: Runtime, chosen: list[Watch]) -> None:
        await parts.schedule.watches.remove([watch.id for watch in chosen])
        await parts.schedule.due.drop([watch.id for watch in chosen])

    changed = _changed(change, names, tenant, open_opportunities=open_opportunities)
    _say(changed, "Removed", as_json=as_json)


def parse_every(text: str) -> timedelta:
    """Return a period as people write it: `12h`, `7d`, `2w`, `1h30m`.

    Raises:
        typer.BadParameter: Not a length of time, or not from `EVERY_MIN` to `EVERY_MAX`.
    """
    every = parse_duration(text)
    if not EVERY_MIN <= every <= EVERY_MAX:
        raise typer.BadParameter(f"{text} is not from {shown(EVERY_MIN)} to {shown(EVERY_MAX)}")
    return every


def shown(duration: timedelta) -> str:
    """Return *duration* as people read it, in one unit: `7d`, `90min`."""
    for unit, name in _UNITS:
        if duration >= 2 * unit or not duration % unit:
            return f"{duration // unit}{name}"
    return f"{duration.total_seconds():.0f}s"


_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))


def _check_choice(names: Collection[str] | None, *, open_opportunities: bool) -> None:
    if bool(names) == open_opportunities:
        raise typer.BadParameter("give either names or --open-opportunities")


def _changed(
    change: Callable[[Runtime, list[Watch]], Awaitable[None]],
    names: Collection[str] | None,
    tenant: str | None,
    *,
    open_opportunities: bool,
) -> list[Watch]:
    """Have *change* done to the watches that a command is about, and return them."""

    async def work(parts: Runtime) -> list[Watch]:
        chosen = await chosen_watches(parts, names, tenant, open_opportunities=open_opportunities)
        await change(parts, chosen)
        return chosen

    return with_runtime(work)


def _say(watches: list[Watch], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"watches": [str(watch.id) for watch in watches]})
        return
    rules = sum(watch.kind is WatchKind.RULE for watch in watches)
    companies = len(watches) - rules
    told = [
        *(
            [f"all companies with an opportunity (every {shown(watches[0].every)})"]
            if rules
            else []
        ),
        *(
            [f"{companies} compan{'y' if companies == 1 else 'ies'}"]
            if companies or not rules
            else []
        ),
    ]
    out.print(f"{what} {' and '.join(told)}.")


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
    table = Table(box=None, padding=(0, 3, 0, 0))
    for column in ("company", "every", "due in", "last outcome"):
        table.add_column(column)
    table.add_column("spent", justify="right")
    for watch in watches:
        table.add_row(
            watch.company or Text("all with an opportunity", "cyan"),
            shown(watch.every),
            _due(watch, now),
            watch.outcome or "-",
            dollars(watch.spent_micros),
        )
    return table


def _due(watch: Watch, now: datetime) -> str | Text:
    if watch.paused:
        return Text("paused", "yellow")
    if watch.job_id is not None:
        return "running"
    return shown(watch.next_at - now) if watch.next_at > now else "now"

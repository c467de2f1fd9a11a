"""`emasai schedule`: which companies are looked up again, how often, and the last outcome."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from orchestrator import watching
from orchestrator.app import Runtime
from orchestrator.cli.console import (
    dollars,
    notice,
    number,
    out,
    print_json,
    print_sentence,
    span,
    table,
)
from orchestrator.cli.options import AsJson, CompanyNames, Tenant, parse_duration
from orchestrator.cli.session import with_runtime
from orchestrator.cli.spanish import translate
from orchestrator.schedule import EVERY_MAX, EVERY_MIN, Watch, WatchKind
from orchestrator.watching import AmbiguousCompany, Choice, NotWatched

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

    async def work(runtime: Runtime, chosen: Choice) -> list[Watch]:
        new = await watching.watch(runtime, chosen, period)
        if period < runtime.settings.redis_ttl:
            fresh = translate("An answer is fresh for {}:", span(runtime.settings.redis_ttl))
            notice(fresh, translate(_FRESH))
        return new

    chosen = _chosen(names, tenant, open_opportunities, work)
    _report(chosen, "Watching {}.", as_json=as_json)


@schedule.command(name="list")
def list_(*, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Show what is watched, the next due first."""

    async def work(runtime: Runtime) -> tuple[list[Watch], datetime]:
        return await runtime.schedule.watches.of_tenant(
            tenant or runtime.settings.tenant
        ), runtime.clock()

    watches, now = with_runtime(work)
    if as_json:
        print_json([watching.watch_json(watch, now) for watch in watches])
    elif watches:
        out.print(_table(watches, now))
    else:
        print_sentence("Nothing is watched: `emasai schedule add NAME... --every 7d`.")


@schedule.command()
def pause(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Stop looking up companies until `resume`; without names, all of them."""
    chosen = _chosen(names, tenant, open_opportunities, watching.pause)
    _report(chosen, "Paused {}.", as_json=as_json)


@schedule.command()
def resume(
    names: CompanyNames = None,
    *,
    open_opportunities: Rule = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Continue paused companies; without names, all of them."""
    chosen = _chosen(names, tenant, open_opportunities, watching.resume)
    _report(chosen, "Resumed {}.", as_json=as_json)


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
    chosen = _chosen(names, tenant, open_opportunities, watching.remove)
    _report(chosen, "Removed {}.", as_json=as_json)


def _chosen(
    names: Collection[str] | None,
    tenant: str | None,
    open_opportunities: bool,  # noqa: FBT001 - as the commands have it
    change: Callable[[Runtime, Choice], Awaitable[list[Watch]]],
) -> list[Watch]:
    """Apply *change* to the watches that the options of a command mean, and return them.

    Raises:
        typer.BadParameter: A company is not watched, or its name means several.
    """

    async def work(runtime: Runtime) -> list[Watch]:
        whose = tenant or runtime.settings.tenant
        try:
            return await change(runtime, Choice(whose, names or (), open_opportunities))
        except NotWatched as error:
            raise typer.BadParameter(f"{error} (`emasai schedule list`)") from None
        except AmbiguousCompany as error:
            listed = f"which `emasai identity show '{error.name}'` lists"
            raise typer.BadParameter(f"{error}, {listed}") from None

    return with_runtime(work)


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
        rule = "all companies with an opportunity (every {})"
        subjects.append(translate(rule, span(rules[0].every)))
    if count or not rules:
        subjects.append(translate("{} company" if count == 1 else "{} companies", number(count)))
    print_sentence(what, translate(" and ").join(subjects))


def _table(watches: list[Watch], now: datetime) -> Table:
    listed = table("company", "every", "due in", "last outcome", "spent", right=("spent",))
    for watch in watches:
        listed.add_row(
            watch.company or Text(translate("all with an opportunity"), "cyan"),
            span(watch.every),
            _due(watch, now),
            watch.outcome or "-",
            dollars(watch.spent_micros),
        )
    return listed


def _due(watch: Watch, now: datetime) -> str | Text:
    if watch.paused:
        return Text(translate("paused"), "yellow")
    if watch.job_id is not None:
        return translate("running")
    return span(watch.next_at - now) if watch.next_at > now else translate("now")

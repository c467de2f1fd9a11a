"""`emasai identity`: a person decides which names, domains and keys are one company."""

import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import err, out, print_json
from orchestrator.cli.identity_stakes import Stakes, check_known, stakes_of
from orchestrator.cli.identity_story import ask_who, decision_json, show_who
from orchestrator.cli.options import AsJson, CompanyName, Country, Website, check_name
from orchestrator.cli.session import with_runtime
from orchestrator.identity import as_key, company_domain
from orchestrator.identity.decisions import (
    BadDecision,
    DecisionKind,
    IdentityDecision,
    NewDecision,
    undone_by,
)
from orchestrator.identity.index import REFRESH_AFTER

identity = typer.Typer(
    name="identity",
    help="Decide which names, domains and keys are one company. Decisions are kept for ever.",
    no_args_is_help=True,
)

Why = Annotated[
    str,
    typer.Option("--why", metavar="REASON", callback=check_name, help="Why; it is kept for ever."),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHO", help="Who decides; you, if not said."),
]

#: What must hold before a decision is entered; returns what follows from it, for people.
Before = Callable[[Runtime], Awaitable[list[str]]]


@identity.command()
def merge(
    losing: Annotated[
        str,
        typer.Argument(
            metavar="COMPANY", callback=check_name, help="The key, or name, that gives way."
        ),
    ],
    winning: Annotated[
        str,
        typer.Argument(
            metavar="INTO",
            callback=check_name,
            help="The key, or name, that both have from now on.",
        ),
    ],
    *,
    why: Why,
    by: By = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also if something was bought under both keys.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make two companies one: looked up, bought and reported under the second one's key."""
    subject, target = as_key(losing), as_key(winning)

    async def before(parts: Runtime) -> list[str]:
        for key in (subject, target):
            await check_known(parts, key)
        final, *_ = await parts.index.one_with(target)
        stakes = [await stakes_of(parts, key) for key in (subject, final)]
        if all(stakes) and not yes:
            _confirm(stakes)
        return [f"Both have the key {final} from now on.", *_what_stays(stakes[0], final)]

    _decide(_new(DecisionKind.MERGE, subject, target, by, why), before, as_json=as_json)


@identity.command()
def split(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", callback=check_name, help="A name of several companies."),
    ],
    *,
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that a name means several companies: the bare name buys nothing any more."""
    subject = as_key(name)

    async def before(parts: Runtime) -> list[str]:
        return [
            f"Its companies have keys such as {subject}~acme.com or {subject}~mx from now on.",
            *_what_stays(await stakes_of(parts, subject), subject),
        ]

    _decide(_new(DecisionKind.SPLIT, subject, None, by, why), before, as_json=as_json)


@identity.command()
def alias(
    spelling: Annotated[
        str,
        typer.Argument(
            metavar="SPELLING",
            callback=check_name,
            help="A name as people write it, or a domain.",
        ),
    ],
    company: Annotated[
        str,
        typer.Argument(
            metavar="COMPANY", callback=check_name, help="The key, or name, that it leads to."
        ),
    ],
    *,
    why: Why,
    is_domain: Annotated[
        bool, typer.Option("--domain", help="SPELLING is a domain, like acme.com.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let a spelling, or all leads of a domain, lead to a company."""
    subject = company_domain(spelling) if is_domain else as_key(spelling)
    if subject is None:
        raise BadDecision(f"{spelling} is no domain of a company: free mail, or no domain at all")
    target = as_key(company)

    async def before(parts: Runtime) -> list[str]:
        await check_known(parts, target)
        final, *_ = await parts.index.one_with(target)
        if is_domain:
            return [f"Every lead of {subject} has the key {final}, whatever its name."]
        stays = _what_stays(await stakes_of(parts, subject), final)
        return [f"Every lead of that name has the key {final}.", *stays]

    _decide(_new(DecisionKind.ALIAS, subject, target, by, why), before, as_json=as_json)


@identity.command()
def undo(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The decision's, see `list`.")],
    *,
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Put a decision out of force; it stays in the list, and so does this one."""

    async def before(_: Runtime) -> list[str]:
        return [
            "Each key has again what it had before, and what was bought since stays where it is."
        ]

    _decide(_new(DecisionKind.UNDO, str(number), None, by, why), before, as_json=as_json)


@identity.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List every decision: who, when, what, why, and whether it is in force."""

    async def work(parts: Runtime) -> list[IdentityDecision]:
        return await parts.identity_decisions.all()

    decisions = with_runtime(work)
    if as_json:
        undone = undone_by(decisions)
        print_json([decision_json(each, undone.get(each.number)) for each in decisions])
    elif decisions:
        out.print(_table(decisions))
    else:
        out.print("Nobody has decided anything yet.")


@identity.command()
def show(
    name: CompanyName,
    *,
    website: Website = None,
    country: Country = None,
    as_json: AsJson = False,
) -> None:
    """Show which company a name means and why, and who else goes by it."""
    who = with_runtime(lambda parts: ask_who(parts, name, website=website, country=country))
    if as_json:
        print_json(who.as_json())
    else:
        show_who(who)


def _new(
    kind: DecisionKind, subject: str, target: str | None, by: str | None, why: str
) -> NewDecision:
    return NewDecision(kind, subject, target, (_user() if by is None else by).strip(), why.strip())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        raise BadDecision("nobody knows who decides here; say it with --by") from None


def _decide(new: NewDecision, before: Before, *, as_json: bool) -> None:
    async def work(parts: Runtime) -> tuple[IdentityDecision, list[str]]:
        await parts.identity_decisions.check(new)
        consequences = await before(parts)
        return await parts.identity_decisions.enter(new), consequences

    entered, consequences = with_runtime(work)
    if as_json:
        print_json(decision_json(entered))
        return
    seconds = REFRESH_AFTER.total_seconds()
    for text in (
        f"Entered as {entered}; in force everywhere within {seconds:.0f} s.",
        *consequences,
    ):
        out.print(text)


def _confirm(stakes: list[Stakes]) -> None:
    """Have a person look at what two companies have, before they are one.

    Raises:
        BadDecision: Nobody is there to ask.
    """
    sides = "; ".join(map(str, stakes))
    if not sys.stdin.isatty():
        raise BadDecision(f"both have a history ({sides}); if they are one company, say --yes")
    err.print(f"Both have a history: {sides}.")
    typer.confirm("Are they one company?", abort=True, err=True)


def _what_stays(stakes: Stakes, told_by: str) -> list[str]:
    if not stakes:
        return []
    return [f"What there is stays, and `emasai explain {told_by}` tells it: {stakes}."]


def _table(decisions: list[IdentityDecision]) -> Table:
    undone = undone_by(decisions)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("no.", justify="right")
    for column in ("decided (UTC)", "who", "what", "state", "why"):
        table.add_column(column)
    for each in decisions:
        number = undone.get(each.number)
        table.add_row(
            str(each.number),
            f"{each.decided_at:%Y-%m-%d %H:%M}",
            each.by,
            f"{each.kind} {each.subject}" + (f" -> {each.target}" if each.target else ""),
            "in force" if number is None else f"undone by {number}",
            each.why,
        )
    return table

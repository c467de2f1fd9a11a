"""`emasai identity`: decisions about which names, domains and keys are one company."""

import getpass
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from orchestrator import deciding
from orchestrator.app import Runtime
from orchestrator.cli.console import day, err, instant, out, print_json, print_sentence, table
from orchestrator.cli.options import AsJson, CompanyName, Country, Website, check_name
from orchestrator.cli.session import with_runtime
from orchestrator.cli.spanish import translate, translate_message
from orchestrator.deciding import Affected, Author, Entered
from orchestrator.identity import Identity, Mention, Removal
from orchestrator.identity.index import REFRESH_AFTER
from orchestrator.identity.resolution import (
    BadDecision,
    IdentityDecision,
    MatchReason,
    undone_by,
)
from orchestrator.lookup import Resolution, decision_json, resolve

identity = typer.Typer(
    name="identity",
    help="Decide which names, domains and keys are one company, permanently.",
    no_args_is_help=True,
)

Why = Annotated[
    str,
    typer.Option(
        "--why", metavar="REASON", callback=check_name, help="The reason; it is kept permanently."
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHO", help="The person who decides; you by default."),
]

#: Enters a decision of an author.
Enter = Callable[[Runtime, Author], Awaitable[Entered]]

_WHY: Final = {
    MatchReason.NAME: ": by its name",
    MatchReason.DOMAIN: ": by its domain",
    MatchReason.FACTS: ": by its country or legal form",
    MatchReason.DECISION: ": by a decision",
    MatchReason.KEY: "",
    MatchReason.SAYS_NOTHING: ", which is too general: nothing is bought for it without a website",
    MatchReason.SHARED: ", but several companies go by that name: nothing is bought for it alone; "
    "give --website or --country",
}
_KINDS: Final = {"form": "legal form", "kept": "legal form", "word": "word of a legal form"}


def _name(metavar: str, text: str) -> Any:  # noqa: ANN401 - Typer's own return type
    return typer.Argument(metavar=metavar, callback=check_name, help=text)


@identity.command()
def merge(
    losing: Annotated[str, _name("COMPANY", "The key, or name, that is replaced.")],
    winning: Annotated[str, _name("INTO", "The key, or name, of both from now on.")],
    *,
    why: Why,
    by: By = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Even if both keys have purchases or opportunities.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make two companies one: looked up, bought and reported under the second one's key."""

    def confirm(histories: Sequence[Affected]) -> None:
        if not yes:
            _confirm(histories)

    _decide(
        lambda runtime, author: deciding.merge(runtime, losing, winning, author, confirm),
        by,
        why,
        as_json=as_json,
    )


@identity.command()
def split(
    name: Annotated[str, _name("NAME", "A name of several companies.")],
    *,
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Declare that a name means several companies: the name alone no longer buys anything."""
    _decide(lambda runtime, author: deciding.split(runtime, name, author), by, why, as_json=as_json)


@identity.command()
def alias(
    spelling: Annotated[str, _name("SPELLING", "A name, or a domain.")],
    company: Annotated[str, _name("COMPANY", "Its key, or name.")],
    *,
    why: Why,
    is_domain: Annotated[
        bool, typer.Option("--domain", help="SPELLING is a domain, like acme.com.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Make a spelling, or all leads of a domain, lead to a company."""
    _decide(
        lambda runtime, author: deciding.alias(
            runtime, spelling, company, author, is_domain=is_domain
        ),
        by,
        why,
        as_json=as_json,
    )


@identity.command()
def undo(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the decision, see `list`.")],
    *,
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Undo a decision; it stays in the list, and so does this one."""
    _decide(
        lambda runtime, author: deciding.undo(runtime, number, author), by, why, as_json=as_json
    )


@identity.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List every decision: what, why, by whom, when, and whether it is in force."""

    async def work(runtime: Runtime) -> list[IdentityDecision]:
        return await runtime.identity.decisions.all()

    decisions = with_runtime(work)
    if as_json:
        undone = undone_by(decisions)
        print_json([decision_json(each, undone.get(each.number)) for each in decisions])
    elif decisions:
        out.print(_table(decisions))
    else:
        print_sentence("There are no decisions yet.")


@identity.command()
def show(
    name: CompanyName,
    *,
    website: Website = None,
    country: Country = None,
    as_json: AsJson = False,
) -> None:
    """Show which company a name means and why, and which others have the same name."""
    found = with_runtime(lambda runtime: resolve(runtime, Mention(name, website, country)))
    if as_json:
        print_json(found.as_json())
    else:
        print_resolution(found)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        raise BadDecision("this account has no name; give --by") from None


def _decide(enter: Enter, by: str | None, why: str, *, as_json: bool) -> None:
    author = Author(_user() if by is None else by, why)
    entered = with_runtime(lambda runtime: enter(runtime, author))
    if as_json:
        print_json(decision_json(entered.decision))
        return
    seconds = REFRESH_AFTER.total_seconds()
    entry = "Entered as {}; in force everywhere within {} s."
    print_sentence(entry, entered.decision, round(seconds))
    for text in entered.consequences:
        out.print(translate_message(text), soft_wrap=True)


def _confirm(histories: Sequence[Affected]) -> None:
    """Ask for confirmation that two companies with histories are one.

    Raises:
        BadDecision: There is no terminal to ask at.
    """
    sides = "; ".join(map(str, histories))
    if not sys.stdin.isatty():
        raise BadDecision(f"both have a history ({sides}); if they are one company, give --yes")
    err.print(translate("Both have a history: {}.", sides))
    typer.confirm(translate("Are they one company?"), abort=True, err=True)


def _table(decisions: list[IdentityDecision]) -> Table:
    undone = undone_by(decisions)
    listed = table("no.", "decided (UTC)", "by", "what", "state", "why", right=("no.",), gap=2)
    for each in decisions:
        number = undone.get(each.number)
        listed.add_row(
            str(each.number),
            instant(each.decided_at),
            each.by,
            f"{each.kind} {each.subject}" + (f" -> {each.target}" if each.target else ""),
            translate("in force") if number is None else translate("undone by {}", number),
            each.why,
        )
    return listed


def print_resolution(found: Resolution) -> None:
    """Print the identity for people."""
    company = found.company
    name = company.identity.display_name
    print_sentence("{} has the key {}{}", name, company.key, translate(_WHY[company.reason]))
    for part in company.identity.removed:
        print_sentence("  without {!r}, {}", part.text, _reason(part))
    if _keeps_its_form(company.identity):
        form = company.identity.facts.legal_form
        print_sentence("  with the legal form {}, which distinguishes it", form)
    for decision in found.decisions:
        who = f"{decision.by}, {day(decision.decided_at)}, {decision.why}"
        print_sentence("  by {}: {}", decision, who)
    for key in found.keys[1:]:
        print_sentence("  one company with {}", key)
    for key, claims in found.companies.items():
        what = "  could be {}: {}" if company.is_ambiguous else "  leads of this name have {}: {}"
        print_sentence(what, key, ", ".join(dict.fromkeys(map(str, claims))))


def _keeps_its_form(identity: Identity) -> bool:
    labels = {part.form.label for part in identity.removed}
    form = identity.facts.legal_form
    return form is not None and form not in labels


def _reason(part: Removal) -> str:
    return f"{translate(_KINDS.get(part.form.kind, 'a remark'))} {part.form.label}"

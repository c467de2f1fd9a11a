"""`emasai identity`: decisions about which names, domains and keys are one company."""

import getpass
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, err, out, print_json, table
from orchestrator.cli.options import AsJson, CompanyName, Country, Website, check_name
from orchestrator.cli.session import with_runtime
from orchestrator.identity import Identity, Mention, Removal, as_key, company_domain
from orchestrator.identity.index import REFRESH_AFTER
from orchestrator.identity.resolution import (
    BadDecision,
    DecisionKind,
    IdentityDecision,
    MatchReason,
    NewDecision,
    undone_by,
)
from orchestrator.lookup import Resolution, decision_json, resolve
from orchestrator.purchasing import entry_key

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

#: Checks a decision before it is stored; returns its consequences, for people.
Before = Callable[[Runtime], Awaitable[list[str]]]

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
    subject, target = as_key(losing), as_key(winning)

    async def before(runtime: Runtime) -> list[str]:
        for key in (subject, target):
            await check_known(runtime, key)
        final, *_ = await runtime.identity.index.merged_keys(target)
        histories = [await affected_by(runtime, key) for key in (subject, final)]
        if all(histories) and not yes:
            _confirm(histories)
        return [f"Both have the key {final} from now on.", *_what_stays(histories[0], final)]

    _decide(_new(DecisionKind.MERGE, subject, target, by, why), before, as_json=as_json)


@identity.command()
def split(
    name: Annotated[str, _name("NAME", "A name of several companies.")],
    *,
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Declare that a name means several companies: the name alone no longer buys anything."""
    subject = as_key(name)

    async def before(runtime: Runtime) -> list[str]:
        return [
            f"Its companies have keys such as {subject}~acme.com or {subject}~mx from now on.",
            *_what_stays(await affected_by(runtime, subject), subject),
        ]

    _decide(_new(DecisionKind.SPLIT, subject, None, by, why), before, as_json=as_json)


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
    subject = company_domain(spelling) if is_domain else as_key(spelling)
    if subject is None:
        raise BadDecision(f"{spelling} is not the domain of a company: free mail, or no domain")
    target = as_key(company)

    async def before(runtime: Runtime) -> list[str]:
        await check_known(runtime, target)
        final, *_ = await runtime.identity.index.merged_keys(target)
        if is_domain:
            return [f"Every lead of {subject} has the key {final}, whatever its name."]
        stays = _what_stays(await affected_by(runtime, subject), final)
        return [f"Every lead of that name has the key {final}.", *stays]

    _decide(_new(DecisionKind.ALIAS, subject, target, by, why), before, as_json=as_json)


@identity.command()
def undo(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the decision, see `list`.")],
    *,
    why: Why,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Undo a decision; it stays in the list, and so does this one."""

    async def before(_: Runtime) -> list[str]:
        return ["Each key means what it meant before; purchases made since keep their keys."]

    _decide(_new(DecisionKind.UNDO, str(number), None, by, why), before, as_json=as_json)


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
        out.print("There are no decisions yet.")


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


def _new(
    kind: DecisionKind, subject: str, target: str | None, by: str | None, why: str
) -> NewDecision:
    return NewDecision(kind, subject, target, (_user() if by is None else by).strip(), why.strip())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        raise BadDecision("this account has no name; give --by") from None


def _decide(new: NewDecision, before: Before, *, as_json: bool) -> None:
    async def work(runtime: Runtime) -> tuple[IdentityDecision, list[str]]:
        await runtime.identity.decisions.check(new)
        consequences = await before(runtime)
        return await runtime.identity.decisions.enter(new), consequences

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


def _confirm(histories: list["Affected"]) -> None:
    """Ask for confirmation that two companies with histories are one.

    Raises:
        BadDecision: There is no terminal to ask at.
    """
    sides = "; ".join(map(str, histories))
    if not sys.stdin.isatty():
        raise BadDecision(f"both have a history ({sides}); if they are one company, give --yes")
    err.print(f"Both have a history: {sides}.")
    typer.confirm("Are they one company?", abort=True, err=True)


def _what_stays(history: "Affected", key: str) -> list[str]:
    if not history:
        return []
    return [f"Existing records stay, and `emasai explain {key}` shows them: {history}."]


def _table(decisions: list[IdentityDecision]) -> Table:
    undone = undone_by(decisions)
    listed = table("no.", "decided (UTC)", "by", "what", "state", "why", right=("no.",), gap=2)
    for each in decisions:
        number = undone.get(each.number)
        listed.add_row(
            str(each.number),
            f"{each.decided_at:%Y-%m-%d %H:%M}",
            each.by,
            f"{each.kind} {each.subject}" + (f" -> {each.target}" if each.target else ""),
            "in force" if number is None else f"undone by {number}",
            each.why,
        )
    return listed


@dataclass(frozen=True, slots=True)
class Affected:
    """The purchases and opportunities under one key that a decision affects."""

    key: str
    purchases: int
    spent_micros: int
    opportunities: int

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.purchases or self.opportunities)

    def __str__(self) -> str:
        bought = f"purchases {self.purchases} ({dollars(self.spent_micros)})"
        return f"{self.key}: {bought}, opportunities {self.opportunities}"


async def affected_by(runtime: Runtime, key: str) -> Affected:
    """Count the purchases and opportunities under *key*.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    purchases = await runtime.purchasing.ledger.purchases_of(key)
    leads = {stored.lead_id for stored in await runtime.leads.store.decisions_for_company(key)}
    return Affected(
        key,
        len(purchases),
        sum(purchase.cost_micros for purchase in purchases),
        len(await runtime.leads.store.opportunities_of(leads)),
    )


async def check_known(runtime: Runtime, key: str) -> None:
    """Check that something is known of the company with *key*.

    Raises:
        BadDecision: Nothing is: probably a typo.
        DatabaseUnavailable: The database does not answer.
    """
    is_known = await runtime.identity.decisions.is_known(key)
    if not is_known and await runtime.purchasing.memo.peek(entry_key(key)) is None:
        raise BadDecision(
            f"nothing is known of a company with the key {key}; "
            "for another spelling of a known one, use: emasai identity alias"
        )


def print_resolution(found: Resolution) -> None:
    """Print the identity for people."""
    company = found.company
    name = company.identity.display_name
    out.print(f"{name} has the key {company.key}{_WHY[company.reason]}")
    for part in company.identity.removed:
        out.print(f"  without {part.text!r}, {_reason(part)}")
    if _keeps_its_form(company.identity):
        out.print(f"  with the legal form {company.identity.legal_form}, which distinguishes it")
    for decision in found.decisions:
        out.print(f"  by {decision}: {decision.by}, {decision.decided_at:%Y-%m-%d}, {decision.why}")
    for key in found.keys[1:]:
        out.print(f"  one company with {key}")
    for key, claims in found.companies.items():
        what = "could be" if company.is_ambiguous else "leads of this name have"
        out.print(f"  {what} {key}: {', '.join(dict.fromkeys(map(str, claims)))}")


def _keeps_its_form(identity: Identity) -> bool:
    labels = {part.form.label for part in identity.removed}
    return identity.legal_form is not None and identity.legal_form not in labels


def _reason(part: Removal) -> str:
    return f"{_KINDS.get(part.form.kind, 'a remark')} {part.form.label}"

"""`emasai identity`: decisions about which names, domains and keys are one company."""

import getpass
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, err, out, print_json
from orchestrator.cli.options import AsJson, CompanyName, Country, Website, check_name
from orchestrator.cli.session import with_runtime
from orchestrator.identity import Identity, Mention, Removal, as_key, company_domain
from orchestrator.identity.decisions import (
    BadDecision,
    DecisionKind,
    IdentityDecision,
    IdentityRules,
    NewDecision,
    in_force,
    undone_by,
)
from orchestrator.identity.index import REFRESH_AFTER
from orchestrator.identity.resolution import MatchReason, NameAssignment, Resolved
from orchestrator.purchasing import entry_key


@dataclass(frozen=True, slots=True)
class Stakes:
    """What is kept under one key."""

    key: str
    purchases: int
    spent_micros: int
    opportunities: int

    def __bool__(self) -> bool:
        """Whether anything was bought, or came of it."""
        return bool(self.purchases or self.opportunities)

    def __str__(self) -> str:
        bought = f"purchases {self.purchases} ({dollars(self.spent_micros)})"
        return f"{self.key}: {bought}, opportunities {self.opportunities}"

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "key": self.key,
            "purchases": self.purchases,
            "spent_micros": self.spent_micros,
            "opportunities": self.opportunities,
        }


async def stakes_of(parts: Runtime, key: str) -> Stakes:
    """Count what is kept under *key*.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    purchases = await parts.purchasing.ledger.purchases_of(key)
    leads = {stored.lead_id for stored in await parts.leads.store.decisions_for_company(key)}
    return Stakes(
        key,
        len(purchases),
        sum(purchase.cost_micros for purchase in purchases),
        len(await parts.leads.store.opportunities_of(leads)),
    )


async def check_known(parts: Runtime, key: str) -> None:
    """Let *key* pass if anything is known of its company.

    Raises:
        BadDecision: Nothing is: most likely a slip of the pen.
        DatabaseUnavailable: The database does not answer.
    """
    is_known = await parts.identity.decisions.is_known(key)
    if not is_known and await parts.purchasing.memo.peek(entry_key(key)) is None:
        raise BadDecision(
            f"nothing is known of a company with the key {key}; "
            "for another spelling of a known one, use: emasai identity alias"
        )


_WHY = {
    MatchReason.NAME: ": its name says so",
    MatchReason.DOMAIN: ": its domain says so",
    MatchReason.FACTS: ": its country or legal form says so",
    MatchReason.DECISION: ": it was decided so",
    MatchReason.KEY: "",
    MatchReason.SAYS_NOTHING: ", which says too little: nothing is bought for it without a website",
    MatchReason.SHARED: ", but several companies go by that name: nothing is bought for it alone; "
    "a website or country may tell (--website, --country)",
}
_KINDS = {"form": "legal form", "kept": "legal form", "word": "word of a legal form"}


@dataclass(frozen=True, slots=True)
class Who:
    """Which company is meant, and all that anybody has said about it.

    `companies` are those that go by the name, by key; `decisions` those in force that lead to
    this one, `aliases` the keys of names that do so by an alias.
    """

    company: Resolved
    companies: Mapping[str, tuple[NameAssignment, ...]]
    decisions: list[IdentityDecision]
    aliases: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The company's key, and those under which something may be kept besides."""
        return (self.company.key, *self.company.former, *self.aliases)

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        identity = self.company.identity
        return {
            "key": self.company.key,
            "because": self.company.reason.value,
            "ambiguous": self.company.is_ambiguous,
            "candidates": list(self.company.candidates),
            "name_key": identity.name_key,
            "display_name": identity.display_name,
            "legal_form": identity.legal_form,
            "domain": identity.facts.domain,
            "country": identity.facts.country,
            "removed": [
                {"text": text, "label": form.label, "kind": form.kind}
                for text, form in identity.removed
            ],
            "distinctive": identity.distinctive,
            "former_keys": list(self.keys[1:]),
            "claims": [
                {"key": key, "company": claim.company, **claim.facts._asdict()}
                for key, claims in self.companies.items()
                for claim in claims
            ],
            "identity_decisions": [decision_json(each) for each in self.decisions],
        }


async def ask_who(
    parts: Runtime, name: str, *, website: str | None = None, country: str | None = None
) -> Who:
    """Find out which company is meant by a name, or a key; claims nothing, costs nothing.

    Raises:
        DatabaseUnavailable: The index cannot be read.
        InvalidCompanyName: *name* is blank.
    """
    company = await parts.identity.index.preview(Mention(name, website, country).identify())
    every = await parts.identity.decisions.all()
    rules = in_force(every)
    applied = [each for each in every if _is_about(each, company, rules)]
    undone = undone_by(every)
    return Who(
        company,
        await parts.identity.index.companies_of(company.identity.name_key),
        [each for each in applied if each.number not in undone],
        rules.aliases_of(company.key),
    )


def show_who(who: Who) -> None:
    """Print the identity for people."""
    company = who.company
    name = company.identity.display_name
    _line(f"{name} has the key {company.key}{_WHY[company.reason]}")
    for part in company.identity.removed:
        _line(f"  without {part.text!r}, {_reason(part)}")
    if _keeps_its_form(company.identity):
        _line(f"  with the legal form {company.identity.legal_form}, which tells it from others")
    for decision in who.decisions:
        _line(f"  by {decision}: {decision.by}, {decision.decided_at:%Y-%m-%d}, {decision.why}")
    for key in who.keys[1:]:
        _line(f"  one company with {key}")
    for key, claims in who.companies.items():
        what = "could be" if company.is_ambiguous else "leads of this name have"
        _line(f"  {what} {key}: {', '.join(dict.fromkeys(map(str, claims)))}")


def decision_json(decision: IdentityDecision, undone: int | None = None) -> dict[str, Any]:
    """Return a decision for `--json`; *undone* is the number of what put it out of force."""
    return {
        "number": decision.number,
        "kind": decision.kind.value,
        "subject": decision.subject,
        "target": decision.target,
        "by": decision.by,
        "why": decision.why,
        "decided_at": decision.decided_at.isoformat(),
        "undone_by": undone,
    }


def _is_about(decision: IdentityDecision, company: Resolved, rules: IdentityRules) -> bool:
    target = decision.target
    leads_here = target is not None and rules.final(target)[0] == company.key
    return leads_here or decision.number in company.decisions


def _keeps_its_form(identity: Identity) -> bool:
    labels = {part.form.label for part in identity.removed}
    return identity.legal_form is not None and identity.legal_form not in labels


def _reason(part: Removal) -> str:
    return f"{_KINDS.get(part.form.kind, 'a remark')} {part.form.label}"


def _line(text: str) -> None:
    out.print(text)


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
        final, *_ = await parts.identity.index.merged_keys(target)
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
        final, *_ = await parts.identity.index.merged_keys(target)
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
        return await parts.identity.decisions.all()

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
        await parts.identity.decisions.check(new)
        consequences = await before(parts)
        return await parts.identity.decisions.enter(new), consequences

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

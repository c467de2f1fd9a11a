"""What is told about who a name means: its key, why, what came off it, who decided what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.app import Runtime
from orchestrator.cli.console import out
from orchestrator.identity import Identity, Mention, Removal
from orchestrator.identity.decisions import IdentityDecision, Rulings, in_force, undone_by
from orchestrator.identity.resolution import Because, Claim, Resolved

_WHY = {
    Because.NAME: ": its name says so",
    Because.DOMAIN: ": its domain says so",
    Because.FACTS: ": its country or legal form says so",
    Because.DECISION: ": it was decided so",
    Because.KEY: "",
    Because.SAYS_NOTHING: ", which says too little: nothing is bought for it without a website",
    Because.SHARED: ", but several companies go by that name: nothing is bought for it alone; "
    "a website or country may tell (--website, --country)",
}
_KINDS = {"form": "legal form", "kept": "legal form", "word": "word of a legal form"}


@dataclass(frozen=True, slots=True)
class Who:
    """Which company is meant, and all that anybody has said about it.

    `companies` are those that go by the name, by key; `decisions` those in force that lead to
    this one, `spelled` the keys of names that do so by an alias.
    """

    company: Resolved
    companies: Mapping[str, tuple[Claim, ...]]
    decisions: list[IdentityDecision]
    spelled: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The company's key, and those under which something may be kept besides."""
        return (self.company.key, *self.company.former, *self.spelled)

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        identity = self.company.identity
        return {
            "key": self.company.key,
            "because": self.company.because.value,
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
    company = await parts.index.look(Mention(name, website, country).identify())
    every = await parts.identity_decisions.all()
    rulings = in_force(every)
    applied = [each for each in every if _is_about(each, company, rulings)]
    undone = undone_by(every)
    return Who(
        company,
        await parts.index.companies_of(company.identity.name_key),
        [each for each in applied if each.number not in undone],
        rulings.spelled(company.key),
    )


def show_who(who: Who) -> None:
    """Print the identity for people."""
    company = who.company
    name = company.identity.display_name
    _line(f"{name} has the key {company.key}{_WHY[company.because]}")
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


def _is_about(decision: IdentityDecision, company: Resolved, rulings: Rulings) -> bool:
    target = decision.target
    leads_here = target is not None and rulings.final(target)[0] == company.key
    return leads_here or decision.number in company.decisions


def _keeps_its_form(identity: Identity) -> bool:
    labels = {part.form.label for part in identity.removed}
    return identity.legal_form is not None and identity.legal_form not in labels


def _reason(part: Removal) -> str:
    return f"{_KINDS.get(part.form.kind, 'a remark')} {part.form.label}"


def _line(text: str) -> None:
    out.print(text)

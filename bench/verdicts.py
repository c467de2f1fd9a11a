"""What becomes of the leads of the sandbox's real world, on whose evidence, and for how much money.

Each lead goes through the waterfall as in `purchasing.research`, in this process and without HTTP,
and is judged by the packaged policy: with the stop rule, with every step that the ceiling allows,
with every step; and with the stop rule as if no lead knew its town and phone, and as if each knew
its town. For a lead that knows name and country alone, nothing is bought. Most tables are about
companies that can be found; `world` measures how evidence is read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from agents.case import Case, ClaimField, Decision, Evidence, Lead, Verdict
from agents.cdao import (
    AssessmentCode,
    CdaoAgent,
    CompanyProfile,
    Known,
    Policy,
    build_profile,
    default_policy,
)
from bench.measure import console, grid
from bench.real_world import FREE_MAIL, NOW, JsonObject, Seller, answers_of, subject_of
from orchestrator.evidence.hosts import host_of
from orchestrator.evidence.model import Step
from orchestrator.evidence.profile import assemble
from orchestrator.evidence.waterfall import DEFAULT_CEILING_MICROS, Stop, offers_for
from orchestrator.evidence.website import pages_to_read
from orchestrator.purchasing.steps import Progress, StepTaken
from orchestrator.surfsense import evidence_from

Wants: TypeAlias = Callable[[Case, frozenset[ClaimField]], bool]

_DOLLAR = 1_000_000
#: Micro-USD; more than all steps cost.
_NO_CEILING = _DOLLAR
#: Rows of a list of leads that are shown.
_MOST_SHOWN = 25
_FACTS = ("sector", "country", "website", "contact", "size")


class Dossier:
    """A lead, the truth about its company, and what can be bought about it, each thing once."""

    def __init__(self, seller: Seller, row: JsonObject, truth: JsonObject) -> None:
        """Research by what *row* says, as `purchasing.research` does."""
        self.truth = truth
        self.lead = _lead_of(row)
        self._subject = subject_of(row)
        self._seller = seller
        self._items: dict[_Request, tuple[tuple[Any, ...], int]] = {}
        self._known: dict[frozenset[_Request], _Found] = {}

    def buy(self, request: "_Request") -> int:
        """Buy what is asked for; return the price in micro-USD."""
        if request not in self._items:
            self._items[request] = self._seller.buy(
                request.step, self._subject, request.site, request.pages
            )
        return self._items[request][1]

    def known(self, bought: Iterable["_Request"]) -> "_Found":
        """Return what the steps *bought* say, and what could be read of the website then."""
        key = frozenset(bought)
        if key not in self._known:
            answers = answers_of({each.step: self._items[each][0] for each in key})
            found = assemble(self._subject, answers, dict.fromkeys(Step, NOW))
            evidence = evidence_from(self._subject.name, found.payload, NOW)
            site = found.website.url
            pages = pages_to_read(answers.crawl or (), found.payload) if site else ()
            self._known[key] = _Found(evidence, site, pages)
        return self._known[key]

    @property
    def has_place(self) -> bool:
        """Whether the lead says where the company is."""
        return bool(self._subject.country or self._subject.city)

    @property
    def is_ambiguous(self) -> bool:
        """Whether its company could not be told from another of its name."""
        return not self._subject.has_second_fact


class _Request(NamedTuple):
    """A step with what is read: the home page of a site, or further pages."""

    step: Step
    site: str | None = None
    pages: tuple[str, ...] = ()


class _Found(NamedTuple):
    """What is known of a company, its site, and the pages of it that could be read next."""

    evidence: Evidence
    site: str | None
    pages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a lead: the judgement, and what was bought for it, in micro-USD."""

    dossier: Dossier
    decision: Decision
    profile: CompanyProfile
    steps: tuple[Step, ...]
    micros: int
    stop: Stop

    @property
    def is_decided(self) -> bool:
        """Whether the lead advances, or is discarded for more than a lack of evidence."""
        return self.decision.code != AssessmentCode.INSUFFICIENT_EVIDENCE

    @property
    def is_opportunity(self) -> bool:
        """Whether the lead advances."""
        return self.decision.verdict is Verdict.ADVANCE

    @property
    def missing(self) -> tuple[str, ...]:
        """The facts of which nothing is known."""
        profile = self.profile
        known = (
            profile.sector,
            profile.country,
            profile.website,
            profile.contact_points,
            profile.size_band,
        )
        return tuple(name for name, fact in zip(_FACTS, known, strict=True) if not fact)


async def main(repeats: int, *, seed: int = 0) -> None:
    """Print verdicts and money by what is bought, what verdicts rest on, and what they lack."""
    seller, policy = Seller(repeats, seed), default_policy()
    rows = [*seller.catalogue()]
    dossiers = [Dossier(seller, *each) for each in rows]
    without = [Dossier(seller, _without(row, "city", "phone"), truth) for row, truth in rows]
    with_town = [Dossier(seller, row | {"city": truth["city"]}, truth) for row, truth in rows]
    wants = CdaoAgent(policy).wants
    rules: dict[str, tuple[list[Dossier], Wants, int]] = {
        "stop rule": (dossiers, wants, DEFAULT_CEILING_MICROS),
        "all below the ceiling": (dossiers, _everything, DEFAULT_CEILING_MICROS),
        "all steps": (dossiers, _everything, _NO_CEILING),
        "stop rule, no town or phone": (without, wants, DEFAULT_CEILING_MICROS),
        "stop rule, every town": (with_town, wants, DEFAULT_CEILING_MICROS),
    }
    outcomes = {
        name: [_researched(each, policy, wanted, ceiling) for each in leads]
        for name, (leads, wanted, ceiling) in rules.items()
    }
    found = {
        name: [each for each in leads if each.dossier.truth["findable"]]
        for name, leads in outcomes.items()
    }
    _show_verdicts(found)
    _show_money("What they cost", found)
    _show_money("What all leads cost, also those of companies that cannot be found", outcomes)
    _show_precision(found, policy)
    _show_others_evidence(outcomes, seller)
    _show_differences(found["stop rule"], found["all below the ceiling"])
    _show_undecided(found["stop rule"])


def _without(row: JsonObject, *facts: str) -> JsonObject:
    return {name: value for name, value in row.items() if name not in facts}


def _lead_of(row: JsonObject) -> Lead:
    """Return the lead of a row; without a known address it writes from free mail."""
    return Lead(
        id=UUID(int=0),
        company=row["company"],
        contact="Ana",
        email=f"ana@{row.get('email_domain', FREE_MAIL)}",
        website=row.get("website"),
        country=row.get("country"),
        city=row.get("city"),
        phone=row.get("phone"),
    )


def _everything(_case: Case, _fields: frozenset[ClaimField]) -> bool:
    return True


def _researched(dossier: Dossier, policy: Policy, wants: Wants, ceiling_micros: int) -> Outcome:
    case = Case(lead=dossier.lead, now=NOW)
    # Nothing is looked up for it: `purchasing.enricher`.
    offers = () if dossier.is_ambiguous else offers_for(has_place=dossier.has_place)
    bought: list[_Request] = []
    taken: list[StepTaken] = []
    while True:
        evidence, site, pages = dossier.known(bought)
        known = case.with_evidence(evidence)
        progress = Progress(
            offers,
            taken,
            has_site=site is not None,
            pages=len(pages),
            ceiling_micros=ceiling_micros,
        )
        chosen = progress.next(partial(wants, known))
        if isinstance(chosen, Stop):
            break
        step = chosen.step
        request = _Request(
            step,
            site if step is Step.CRAWL else None,
            pages if step is Step.PAGES else (),
        )
        taken.append(StepTaken(step, cost_micros=dossier.buy(request)))
        bought.append(request)
    return Outcome(
        dossier=dossier,
        decision=CdaoAgent(policy).decide(known),
        profile=build_profile(dossier.lead, evidence, policy.evidence, NOW),
        steps=tuple(each.step for each in taken),
        micros=sum(each.cost_micros for each in taken),
        stop=chosen,
    )


# --- Against the truth ----------------------------------------------------------------------------


def is_wanted(truth: JsonObject, policy: Policy) -> bool:
    """Return whether the company is in truth what the policy looks for, whatever is known of it."""
    market = policy.market
    return (
        truth["sector"] in market.target_sectors
        and truth["country"] in market.countries
        and truth["size_band"] not in market.avoided_sizes
        and not truth["closed"]
    )


def _sources(profile: CompanyProfile) -> set[str]:
    """Return the addresses that facts of a profile come from.

    Open positions are left out: the address of a job ad does not tell whose it is.
    """
    facts: list[Known[Any] | None] = [
        *(profile.sector, profile.size_band, profile.headcount, profile.country),
        *profile.websites,
        *profile.contact_points,
        *profile.news,
        *profile.technologies,
    ]
    return {fact.source_url for fact in facts if fact and fact.source_url}


def _is_own_source(url: str, truth: JsonObject, seller: Seller) -> bool:
    """Return whether what stands at *url* is about the company."""
    if "place_id:" in url:
        owner = seller.world.at_place(url.rpartition(":")[2])
        return owner is not None and owner.id == truth["key"]
    host = (host_of(url) or "").removeprefix("www.")
    is_group = "parent_site" in truth["traits"]
    if host == truth["domain"] or (is_group and host in truth["other_domains"]):
        return True
    if url in {item["url"] for item in truth["news"]}:
        return True
    path = urlsplit(url).path.casefold()
    neighbours = [*truth["namesakes"], truth["neighbour"]]
    return truth["slug"] in path and not any(
        other["slug"] in path and truth["slug"] in other["slug"] for other in neighbours
    )


# --- Tables ---------------------------------------------------------------------------------------


def _show_verdicts(outcomes: dict[str, list[Outcome]]) -> None:
    codes = [
        AssessmentCode.VIABLE,
        AssessmentCode.POOR_FIT,
        AssessmentCode.OUTSIDE_MARKET,
        AssessmentCode.COMPANY_CLOSED,
        AssessmentCode.COMPANY_INSOLVENT,
        AssessmentCode.INSUFFICIENT_EVIDENCE,
    ]
    table = grid("Leads of companies that can be found", ("bought", "leads", "decided", *codes))
    for name, leads in outcomes.items():
        counts = Counter(each.decision.code for each in leads)
        decided = sum(each.is_decided for each in leads)
        shown = (f"{counts[code]:,}" for code in codes)
        table.add_row(name, f"{len(leads):,}", _percent(decided, len(leads)), *shown)
    console.print(table)


def _show_money(title: str, outcomes: dict[str, list[Outcome]]) -> None:
    head = ("bought", "$ a lead", "at most", "a decided one", "an opportunity")
    table = grid(title, (*head, "steps a lead", *Step))
    for name, leads in outcomes.items():
        micros = sum(each.micros for each in leads)
        steps = Counter(step for each in leads for step in each.steps)
        table.add_row(
            name,
            _dollars(micros, len(leads)),
            _dollars(max(each.micros for each in leads), 1),
            _dollars(micros, sum(each.is_decided for each in leads)),
            _dollars(micros, sum(each.is_opportunity for each in leads)),
            f"{steps.total() / len(leads):.2f}",
            *(f"{steps[step]:,}" for step in Step),
        )
    console.print(table)


def _show_precision(outcomes: dict[str, list[Outcome]], policy: Policy) -> None:
    """Show how many opportunities are wanted in truth, and how many of the wanted become one."""
    head = ("bought", "opportunities", "wanted in truth", "all wanted", "became one")
    table = grid("Opportunities against the truth", head)
    for name, leads in outcomes.items():
        advanced = [each for each in leads if each.is_opportunity]
        wanted = [each for each in leads if is_wanted(each.dossier.truth, policy)]
        right = sum(is_wanted(each.dossier.truth, policy) for each in advanced)
        table.add_row(
            name,
            f"{len(advanced):,}",
            _percent(right, len(advanced)),
            f"{len(wanted):,}",
            _percent(right, len(wanted)),
        )
    console.print(table)


def _show_others_evidence(outcomes: dict[str, list[Outcome]], seller: Seller) -> None:
    """Show which leads, of all, are judged by a source that is about another company."""
    table = grid("Another company's evidence", ("bought", "leads with some", "decided"))
    rows: list[tuple[str, ...]] = []
    for name, leads in outcomes.items():
        borrowed = [(each, sources) for each in leads if (sources := _others(each, seller))]
        decided = sum(each.is_decided for each, _ in borrowed)
        table.add_row(name, f"{len(borrowed):,}", f"{decided:,}")
        rows += [
            (name, each.dossier.truth["name"], each.decision.code, ", ".join(sorted(sources)))
            for each, sources in borrowed
        ]
    console.print(table)
    _show_list("Whose evidence", ("bought", "lead", "verdict", "sources"), rows)


def _others(outcome: Outcome, seller: Seller) -> set[str]:
    """Return the sources of a judgement that are about another company."""
    return {
        "a place on Maps" if "place_id:" in url else host_of(url) or url
        for url in _sources(outcome.profile)
        if not _is_own_source(url, outcome.dossier.truth, seller)
    }


def _show_differences(stopped: Sequence[Outcome], complete: Sequence[Outcome]) -> None:
    """Show each lead that all steps below the ceiling would have judged otherwise, and why."""
    rows = []
    for one, other in zip(stopped, complete, strict=True):
        if one.is_opportunity == other.is_opportunity:
            continue
        unbought = ", ".join(step for step in other.steps if step not in one.steps)
        codes = f"{one.decision.code} {one.decision.score}"
        with_all = f"{other.decision.code} {other.decision.score}"
        rows.append((one.dossier.truth["name"], codes, with_all, unbought, _news(one, other)))
    title = f"Verdicts that all steps below the ceiling would change: {len(rows)}"
    _show_list(title, ("lead", "verdict", "with all", "not bought", "what that brings"), rows)


def _news(one: Outcome, other: Outcome) -> str:
    """Return the points by which the findings of two judgements differ."""
    before, after = (
        {finding["name"]: finding["points"] for finding in _findings(each)}
        for each in (one, other)
    )  # fmt: skip
    changed = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
    return ", ".join(f"{name} {points:+}" for name, points in sorted(changed.items()) if points)


def _findings(outcome: Outcome) -> Iterable[Any]:
    findings = outcome.decision.details["findings"]
    assert isinstance(findings, list), "the agent says what it found"
    return findings


def _show_undecided(leads: Sequence[Outcome]) -> None:
    """Show what is missing where evidence was insufficient, the most frequent first."""
    undecided = [each for each in leads if not each.is_decided]
    groups = Counter(", ".join(each.missing) or "nothing" for each in undecided)
    table = grid(
        f"Undecided with the stop rule: {len(undecided):,}", ("unknown", "leads", "scores", "stops")
    )
    for missing, count in groups.most_common():
        alike = [each for each in undecided if (", ".join(each.missing) or "nothing") == missing]
        scores = sorted(each.decision.score or 0 for each in alike)
        stops = Counter(
            "name alone" if each.dossier.is_ambiguous else each.stop.value for each in alike
        )
        told = ", ".join(f"{stop} {number}" for stop, number in stops.most_common())
        table.add_row(missing, f"{count:,}", f"{scores[0]}-{scores[-1]}", told)
    console.print(table)


def _show_list(title: str, head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        return
    table = grid(title, head)
    for row in rows[:_MOST_SHOWN]:
        table.add_row(*row)
    console.print(table)


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _dollars(micros: int, count: int) -> str:
    return f"{micros / count / _DOLLAR:.4f}" if count else "-"

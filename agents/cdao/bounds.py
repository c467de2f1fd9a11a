"""How far the score and the verdict can still move: what decides whether evidence is worth buying.

Two readings of "further evidence". `score_bounds` is a law: whatever further claims about the
given fields say, with whatever trust, the judgement lies within. `plausible_bounds` is what money
is spent on: settled facts keep their value, and of all news only what the policy asks to rule out
is expected. This mirrors `findings` and `assessment`; property tests hold them together.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from agents.case import Case, ClaimField, Lead
from agents.domains import domain_of_email

from .assessment import DECISIVE
from .findings import (
    DISQUALIFIED,
    HIGHEST_SCORE,
    Finding,
    find,
    listed_domain,
    listed_host,
    own_websites,
)
from .policy import Policy
from .profile import CompanyProfile, Known, build_profile
from .vocabulary import AssessmentCode, FindingName, NewsCategory, RequiredFact

Fields: TypeAlias = frozenset[ClaimField]
_Range: TypeAlias = tuple[int, int]

LISTED = (FindingName.OUR_DOMAIN, FindingName.COMPETITOR_DOMAIN)

FIELDS_OF = {
    RequiredFact.WEBSITE: frozenset({ClaimField.WEBSITE}),
    RequiredFact.CONTACT: frozenset({ClaimField.EMAIL, ClaimField.PHONE, ClaimField.SOCIAL}),
    RequiredFact.SECTOR: frozenset({ClaimField.SECTOR}),
    RequiredFact.COUNTRY: frozenset({ClaimField.COUNTRY}),
    RequiredFact.SIZE: frozenset({ClaimField.SIZE_BAND, ClaimField.HEADCOUNT}),
}
"""The claims that can fill each fact an opportunity may have to have."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the judgement can still end.

    Attributes:
        lowest: The lowest score possible, 0 to 100.
        highest: The highest.
        verdicts: Every code that the judgement may come to.
    """

    lowest: int
    highest: int
    verdicts: frozenset[AssessmentCode]

    @property
    def may_advance(self) -> bool:
        """Whether the lead can be viable."""
        return AssessmentCode.VIABLE in self.verdicts

    @property
    def may_be_discarded(self) -> bool:
        """Whether the lead can be anything but viable."""
        return self.verdicts != {AssessmentCode.VIABLE}


def score_bounds(case: Case, policy: Policy, fields: Fields) -> Bounds:
    """Return where the judgement can end if only claims about *fields* are added.

    Holds for any number of claims of any value, confidence and age, in any order.
    """
    return _bounds(_State.of(case, policy), fields, is_plausible=False)


def plausible_bounds(case: Case, policy: Policy, fields: Fields) -> Bounds:
    """Return where the judgement is expected to end if evidence about *fields* is bought.

    A fact that is known with `opportunity.settled_trust` keeps its value, though its trust may
    rise; of all news only the kinds of `opportunity.rule_out` may come.
    """
    return _bounds(_State.of(case, policy), fields, is_plausible=True)


def wants(case: Case, policy: Policy, fields: Fields) -> bool:
    """Return whether evidence about *fields* may change the verdict, or is needed to go on.

    It is needed where the lead is viable for certain, and something that an opportunity must
    have and that *fields* can fill is not settled yet.
    """
    state = _State.of(case, policy)
    bounds = _bounds(state, fields, is_plausible=True)
    if bounds.may_be_discarded:
        return bounds.may_advance
    return any(
        not fields.isdisjoint(FIELDS_OF[fact])
        for fact in policy.opportunity.required
        if not state.is_settled(*_facts_about(state.profile, fact))
    )


def _facts_about(profile: CompanyProfile, fact: RequiredFact) -> tuple[Known[Any] | None, ...]:
    """Return what is known about *fact*."""
    match fact:
        case RequiredFact.WEBSITE:
            return profile.websites
        case RequiredFact.CONTACT:
            return profile.contact_points
        case RequiredFact.SECTOR:
            return (profile.sector,)
        case RequiredFact.COUNTRY:
            return (profile.country,)
        case RequiredFact.SIZE:
            return (profile.size_band,)


@dataclass(frozen=True, slots=True)
class _State:
    """What is known now, and what it counts."""

    lead: Lead
    policy: Policy
    profile: CompanyProfile
    found: dict[FindingName, Finding]

    @classmethod
    def of(cls, case: Case, policy: Policy) -> "_State":
        profile = build_profile(case.lead, case.evidence, policy.evidence, case.now)
        found = {finding.name: finding for finding in find(profile, case.lead, policy)}
        return cls(case.lead, policy, profile, found)

    def points(self, *names: FindingName) -> int:
        """Return what these findings count now."""
        return sum(self.found[name].points for name in names if name in self.found)

    def is_settled(self, *known: Known[Any] | None) -> bool:
        least = self.policy.opportunity.settled_trust
        return any(fact is not None and fact.trust >= least for fact in known)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one group of findings can come to.

    Attributes:
        points: Lowest and highest.
        open_points: The same where the group does not end the matter; None if it does for certain.
        ends: The codes that it may end the matter with.
        is_about_company: Whether points that it takes make a poor fit.
        may_be_neutral: Whether it may be a sector that makes a poor fit without points.
        listed_points: As `open_points`, where it is no such sector; None if it certainly is one.
    """

    points: _Range
    open_points: _Range | None
    ends: frozenset[AssessmentCode] = frozenset()
    is_about_company: bool = True
    may_be_neutral: bool = False
    listed_points: _Range | None = None


def _bounds(state: _State, fields: Fields, *, is_plausible: bool) -> Bounds:
    parts = [*_parts(state, fields, is_plausible=is_plausible)]
    baseline = state.policy.scoring.baseline
    return Bounds(
        lowest=_clamp(baseline + sum(part.points[0] for part in parts)),
        highest=_clamp(baseline + sum(part.points[1] for part in parts)),
        verdicts=frozenset(_verdicts(parts, state.policy)),
    )


def _clamp(score: int) -> int:
    return max(0, min(HIGHEST_SCORE, score))


def _verdicts(parts: list[_Part], policy: Policy) -> Iterator[AssessmentCode]:
    """Yield what `assess` can come to, in its order: the decisive codes, then by the score."""
    for code in DECISIVE.values():
        ending = [part for part in parts if code in part.ends]
        if ending:
            yield code
        if any(part.open_points is None for part in ending):
            return
    scoring = policy.scoring
    ranges = [(part, *part.open_points) for part in parts if part.open_points]
    if _clamp(scoring.baseline + sum(high for _, _, high in ranges)) >= scoring.threshold:
        yield AssessmentCode.VIABLE
    lowest = _clamp(scoring.baseline + sum(low for _, low, _ in ranges))
    if lowest < scoring.threshold and any(p.is_about_company and low < 0 for p, low, _ in ranges):
        yield AssessmentCode.POOR_FIT
    elif any(part.may_be_neutral for part in parts):
        lows = (0 if part.may_be_neutral else low for part, low, _ in ranges)
        if _clamp(scoring.baseline + sum(lows)) < scoring.threshold:
            yield AssessmentCode.POOR_FIT
    if _may_be_insufficient(parts, policy):
        yield AssessmentCode.INSUFFICIENT_EVIDENCE


def _may_be_insufficient(parts: list[_Part], policy: Policy) -> bool:
    """Whether the score may be too low though no group about the company speaks against it."""
    lowest = policy.scoring.baseline
    for part in parts:
        points = part.listed_points if part.may_be_neutral else part.open_points
        if points is None or (part.is_about_company and points[1] < 0):
            return False
        lowest += max(points[0], 0) if part.is_about_company else points[0]
    return _clamp(lowest) < policy.scoring.threshold


def _parts(state: _State, fields: Fields, *, is_plausible: bool) -> Iterator[_Part]:
    yield from _website_parts(state, fields, is_plausible=is_plausible)
    yield from _market_parts(state, fields, is_plausible=is_plausible)
    yield from _news_parts(state, fields, is_plausible=is_plausible)
    weights = state.policy.weights
    for name, sources in (
        (FindingName.HIRING, frozenset({ClaimField.HIRING})),
        (FindingName.TECHNOLOGY_FIT, frozenset({ClaimField.TECHNOLOGY})),
        (FindingName.CONTACT_REACHABLE, FIELDS_OF[RequiredFact.CONTACT]),
    ):
        # More claims never take from these.
        now = state.points(name)
        yield _growing(now, now if fields.isdisjoint(sources) else weights.of(name))


def _growing(now: int, most: int) -> _Part:
    return _Part((now, most), (now, most))


@dataclass(frozen=True, slots=True)
class _Option:
    """A value that a fact may have: counts `weight`, trusted from `trust` to `most_trust`."""

    weight: int
    trust: float
    most_trust: float = 1.0
    code: AssessmentCode | None = None
    is_neutral: bool = False

    def at(self, trust: float) -> int:
        """Return the points at *trust*, rounded as `findings` does."""
        return round(self.weight * trust)


def _choice(options: Iterable[_Option], decisive_trust: float) -> _Part:
    """Return the part of a fact that has one of *options*."""
    points: list[int] = []
    open_points: list[int] = []
    listed_points: list[int] = []
    may_be_neutral = False
    ends: set[AssessmentCode] = set()
    for option in options:
        least, most = option.at(option.trust), option.at(option.most_trust)
        points += (least, most)
        if option.code is None:
            open_points += (least, most)
            is_neutral = option.is_neutral and option.most_trust >= decisive_trust
            may_be_neutral = may_be_neutral or is_neutral
            if not is_neutral or option.trust < decisive_trust:
                listed_points += (least, most)
            continue
        # Where rounding leaves no points there is no finding, however trusted the fact.
        if option.most_trust >= decisive_trust and most:
            ends.add(option.code)
        if option.trust < decisive_trust or not least:
            limit = max(option.trust, min(option.most_trust, decisive_trust))
            open_points += (least, option.at(limit))
    return _Part(
        (min(points), max(points)),
        _range_of(open_points),
        frozenset(ends),
        may_be_neutral=may_be_neutral,
        listed_points=_range_of(listed_points),
    )


def _range_of(points: Collection[int]) -> _Range | None:
    return (min(points), max(points)) if points else None


@dataclass(frozen=True, slots=True)
class _Kind:
    """Values that count alike; `values` None stands for all that no other kind has."""

    weight: int
    values: tuple[str, ...] | None = None
    code: AssessmentCode | None = None
    is_neutral: bool = False


def _market_parts(state: _State, fields: Fields, *, is_plausible: bool) -> Iterator[_Part]:
    """Yield the parts of sector, size and country: of each only the most trusted claim counts."""
    market, weights, profile = state.policy.market, state.policy.weights, state.profile
    rows: tuple[tuple[RequiredFact, Known[Any] | None, tuple[_Kind, ...]], ...] = (
        (
            RequiredFact.SECTOR,
            profile.sector,
            (
                _Kind(weights.sector_fit, market.target_sectors),
                _Kind(weights.sector_misfit, market.avoided_sectors),
                _Kind(0, is_neutral=bool(market.target_sectors)),
            ),
        ),
        (
            RequiredFact.SIZE,
            profile.size_band,
            (
                _Kind(weights.size_fit, market.target_sizes),
                _Kind(weights.size_misfit, market.avoided_sizes),
                _Kind(0),
            ),
        ),
        (
            RequiredFact.COUNTRY,
            profile.country,
            (
                _Kind(weights.country_fit, market.countries),
                _Kind(weights.outside_market, code=AssessmentCode.OUTSIDE_MARKET),
            ),
        ),
    )
    for fact, known, kinds in rows:
        is_open = not fields.isdisjoint(FIELDS_OF[fact])
        may_be_other = is_open and not (is_plausible and state.is_settled(known))
        options = [_present(known, kinds, is_open=is_open)]
        if may_be_other:
            trust = known.trust if known else 0.0
            options += [
                _Option(kind.weight, trust, code=kind.code, is_neutral=kind.is_neutral)
                for kind in kinds
                if kind.values != ()
            ]
        yield _choice(options, state.policy.scoring.decisive_trust)


def _present(known: Known[Any] | None, kinds: tuple[_Kind, ...], *, is_open: bool) -> _Option:
    """Return the option that the fact stays as it is, only more trusted if it is open."""
    if known is None:
        return _Option(0, 0.0)
    kind = next(kind for kind in kinds if kind.values is None or known.value in kind.values)
    most = 1.0 if is_open else known.trust
    return _Option(kind.weight, known.trust, most, kind.code, kind.is_neutral)


def _news_parts(state: _State, fields: Fields, *, is_plausible: bool) -> Iterator[_Part]:
    policy = state.policy
    expected = policy.opportunity.rule_out if is_plausible else tuple(NewsCategory)
    trusts: dict[NewsCategory, float] = {}
    for item in state.profile.news:
        # The most trusted come first.
        trusts.setdefault(item.value.category, item.trust)
    for category in NewsCategory:
        is_open = ClaimField.NEWS in fields and category in expected
        if not is_open and category not in trusts:
            continue
        name = FindingName(f"news_{category}")
        trust = trusts.get(category, 0.0)
        option = _Option(
            policy.weights.of(name), trust, 1.0 if is_open else trust, DECISIVE.get(name)
        )
        yield _choice([option], policy.scoring.decisive_trust)


def _website_parts(state: _State, fields: Fields, *, is_plausible: bool) -> Iterator[_Part]:
    """Yield the parts of a listed domain, of the lead's own domain, and of the website itself."""
    weights, profile = state.policy.weights, state.profile
    is_open = ClaimField.WEBSITE in fields
    may_be_other = is_open and not (is_plausible and state.is_settled(profile.website))
    yield from _listing(state, is_open=is_open, may_be_other=may_be_other)

    now = state.points(FindingName.WEBSITE_FOUND)
    yield _growing(now, weights.website_found if is_open else now)

    if domain := domain_of_email(state.lead.email):
        now = state.points(FindingName.OWN_DOMAIN_EMAIL, FindingName.FREE_MAIL)
        has_own = bool(own_websites(profile, domain))
        may_grow = may_be_other or (is_open and has_own)
        yield replace(
            _growing(now, weights.own_domain_email if may_grow else now), is_about_company=False
        )


def _listing(state: _State, *, is_open: bool, may_be_other: bool) -> Iterator[_Part]:
    """Yield the part of a domain that is ours or a competitor's, if there is or can be one."""
    domains, website = state.policy.domains, state.profile.website
    now = {DECISIVE[name] for name in LISTED if name in state.found}
    by_lead = listed_domain(state.lead, domains)
    if now and (by_lead or not may_be_other):
        certain = (DISQUALIFIED, DISQUALIFIED)
        yield _Part(certain, None, frozenset(now))
        return
    if may_be_other:
        now |= {AssessmentCode.OWN_DOMAIN} if domains.own else set()
        now |= {AssessmentCode.COMPETITOR} if domains.competitors else set()
    elif is_open and website and (finding := listed_host(website.value, domains)):
        # A settled website may still become trusted enough to be decisive.
        now.add(DECISIVE[finding.name])
    if now:
        yield _Part((DISQUALIFIED, 0), (0, 0), frozenset(now))

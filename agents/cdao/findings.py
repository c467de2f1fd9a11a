"""A profile into named findings with points; their sum is the score, exactly.

A missing fact yields no finding. Points are weight times strength, where strength is the
trust in the fact (and, for countable things, how many there are), so that no good finding
grows when a claim is taken away.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeVar

from agents.case import Lead

from .domain_findings import about_email, about_listed_domains
from .finding import Finding, Params, scored
from .known import Known
from .policy import Policy
from .profile import CompanyProfile, NewsItem
from .vocabulary import FindingName, NewsCategory

HIGHEST_SCORE = 100
"""The score runs from 0 to here."""

_Word = TypeVar("_Word", bound=str)
_Listed: TypeAlias = tuple[FindingName, tuple[_Word, ...], int]


def find(profile: CompanyProfile, lead: Lead, policy: Policy) -> tuple[Finding, ...]:
    """Return the findings about a lead in a fixed order, from the baseline to the clamp."""
    findings = [
        Finding(name=FindingName.BASELINE, points=policy.scoring.baseline),
        *about_listed_domains(profile, lead, policy),
        *_about_sector(profile, policy),
        *_about_size(profile, policy),
        *_about_country(profile, policy),
        *_about_hiring(profile, policy),
        *_about_news(profile, policy),
        *_about_technologies(profile, policy),
        *about_email(profile, lead, policy),
        *_about_contacts(profile, policy),
        *_about_website(profile, policy),
    ]
    return (*findings, *_staleness(findings), *_clamp(findings))


def score_of(findings: Iterable[Finding]) -> int:
    """Return the score: the sum of all points, 0 to 100 for everything `find` returns."""
    return sum(finding.points for finding in findings)


def _about_sector(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    market, weights = policy.market, policy.weights
    fit = (FindingName.SECTOR_FIT, market.target_sectors, weights.sector_fit)
    misfit = (FindingName.SECTOR_MISFIT, market.avoided_sectors, weights.sector_misfit)
    return _where_listed("sector", profile.sector, fit, misfit)


def _about_size(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    market, weights = policy.market, policy.weights
    fit = (FindingName.SIZE_FIT, market.target_sizes, weights.size_fit)
    misfit = (FindingName.SIZE_MISFIT, market.avoided_sizes, weights.size_misfit)
    return _where_listed("size", profile.size_band, fit, misfit)


def _where_listed(
    param: str, known: Known[_Word] | None, *lists: _Listed[_Word]
) -> Iterator[Finding]:
    for name, words, weight in lists:
        if known and known.value in words:
            yield from scored(name, weight, [known], {param: known.value})


def _about_country(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    country, weights = profile.country, policy.weights
    if country is None:
        return
    name, weight = (
        (FindingName.COUNTRY_FIT, weights.country_fit)
        if country.value in policy.market.countries
        else (FindingName.OUTSIDE_MARKET, weights.outside_market)
    )
    yield from scored(name, weight, [country], {"country": country.value})


def _about_hiring(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    numbers, titles = profile.open_positions, profile.job_titles
    full = policy.saturation.open_positions
    counted = max((min(full, known.value) * known.trust for known in numbers), default=0.0)
    named = sum(known.trust for known in titles)
    return scored(
        FindingName.HIRING,
        policy.weights.hiring,
        [*numbers, *titles],
        {"open_positions": max(len(titles), *(known.value for known in numbers), 1)},
        strength=min(1.0, max(counted, named) / full),
    )


def _about_news(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    by_category: dict[NewsCategory, list[Known[NewsItem]]] = defaultdict(list)
    for item in profile.news:
        by_category[item.value.category].append(item)
    for category, items in sorted(by_category.items()):
        best = items[0]
        yield from scored(
            FindingName(f"news_{category}"),
            policy.weights.news.get(category, 0),
            items,
            {"headline": best.value.headline, "as_of": best.as_of.date().isoformat()},
        )


def _about_technologies(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    wanted = {name.casefold(): name for name in policy.market.technologies}
    fitting = [known for known in profile.technologies if known.value.casefold() in wanted]
    params: Params = {"technologies": [wanted[known.value.casefold()] for known in fitting]}
    return scored(
        FindingName.TECHNOLOGY_FIT,
        policy.weights.technology_fit,
        fitting,
        params,
        strength=min(1.0, sum(known.trust for known in fitting) / policy.saturation.technologies),
    )


def _about_contacts(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    points = profile.contact_points
    params: Params = {"kinds": [*sorted({known.value.kind for known in points})]}
    weight = policy.weights.contact_reachable
    return scored(FindingName.CONTACT_REACHABLE, weight, points, params)


def _about_website(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    website = profile.website
    if website:
        weight = policy.weights.website_found
        params: Params = {"website": website.value}
        yield from scored(FindingName.WEBSITE_FOUND, weight, [website], params)


def _staleness(findings: Iterable[Finding]) -> Iterator[Finding]:
    params: Params = {"findings": [finding.name for finding in findings if finding.is_stale]}
    if params["findings"]:
        # Without points of its own: each finding it names has paid for its age already.
        yield Finding(name=FindingName.STALE_EVIDENCE, points=0, params=params)


def _clamp(findings: Iterable[Finding]) -> Iterator[Finding]:
    total = score_of(findings)
    excess = total - max(0, min(HIGHEST_SCORE, total))
    if excess:
        yield Finding(name=FindingName.CLAMP, points=-excess)

"""A profile into named findings with points; their sum is the score, exactly.

A missing fact yields no finding. Points are weight times strength, where strength is the
trust in the fact (and, for countable things, how many there are), so that no good finding
grows when a claim is removed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from agents.case import JsonObject, Lead
from agents.domains import domain_of_email, host_of, is_public_mail, is_within, listed_parent

from .policy import Domains, Policy
from .profile import CompanyProfile, Known, NewsItem, sources_of
from .vocabulary import FindingName, NewsCategory, Sector

Params: TypeAlias = JsonObject

HIGHEST_SCORE = 100
"""The score runs from 0 to here."""

DISQUALIFIED = -100
"""Points of a lead that is no prospect at all; no sum of good findings makes up for it."""


class Finding(BaseModel):
    """One reason why the score is what it is.

    `params` is what the sentence about it names; `trust` (0 to 1) how sure it is; `is_stale`
    marks points that age has already reduced; `sources` are addresses, the most trusted first.
    """

    model_config = ConfigDict(frozen=True)

    name: FindingName
    points: int
    trust: float = 1.0
    is_stale: bool = False
    params: Params = Field(default_factory=dict)
    sources: tuple[str, ...] = ()


def _score(
    name: FindingName,
    policy: Policy,
    basis: Sequence[Known[Any]],
    params: Params,
    strength: float | None = None,
) -> Iterator[Finding]:
    """Yield the finding that rests on *basis*, or nothing where it comes to no points.

    Its weight counts by *strength*, 0 to 1; where left out, by the trust in the best of the facts.
    """
    trust = max((known.trust for known in basis), default=0.0)
    points = round(policy.weights.of(name) * (trust if strength is None else strength))
    if points:
        yield Finding(
            name=name,
            points=points,
            trust=trust,
            is_stale=any(known.is_stale for known in basis),
            params=params,
            sources=sources_of(basis),
        )


def find(profile: CompanyProfile, lead: Lead, policy: Policy) -> tuple[Finding, ...]:
    """Return the findings about a lead in a fixed order, from the baseline to the clamp."""
    findings = [
        Finding(name=FindingName.BASELINE, points=policy.scoring.baseline),
        *_about_listed_domains(profile, lead, policy),
        *_about_market(profile, policy),
        *_about_hiring(profile, policy),
        *_about_news(profile, policy),
        *_about_technologies(profile, policy),
        *_about_email(profile, lead, policy),
        *_about_contacts(profile, policy),
        *_about_website(profile, policy),
    ]
    return (*findings, *_staleness(findings), *_clamp(findings))


def score_of(findings: Iterable[Finding]) -> int:
    """Return the score: the sum of all points, 0 to 100 for everything `find` returns."""
    return sum(finding.points for finding in findings)


def listed_domain(lead: Lead, domains: Domains) -> Finding | None:
    """Return the finding that rules a lead out by its own e-mail or website, if there is one."""
    hosts = (domain_of_email(lead.email), host_of(lead.website or ""))
    return _first_listed(tuple(host for host in hosts if host), domains)


def listed_host(host: str, domains: Domains) -> Finding | None:
    """Return the finding that *host* is ours or a competitor's, if it is."""
    return _first_listed((host,), domains)


def _about_listed_domains(profile: CompanyProfile, lead: Lead, policy: Policy) -> Iterator[Finding]:
    """Yield the finding that the lead or its company is ourselves or a competitor."""
    finding = listed_domain(lead, policy.domains)
    website = profile.website
    # A doubtful website must not turn a customer into a competitor.
    if finding is None and website and website.trust >= policy.scoring.decisive_trust:
        finding = listed_host(website.value, policy.domains)
    if finding:
        yield finding


def _about_email(profile: CompanyProfile, lead: Lead, policy: Policy) -> Iterator[Finding]:
    """Yield whether the lead writes from its company's domain or from free mail, if either."""
    domain = domain_of_email(lead.email)
    if domain is None:
        return
    own = own_websites(profile, domain)
    params: Params = {"domain": domain}
    points = policy.weights.free_mail
    if own:
        yield from _score(FindingName.OWN_DOMAIN_EMAIL, policy, own, params)
    elif points and _is_free_mail(domain, policy.domains):
        yield Finding(name=FindingName.FREE_MAIL, points=points, params=params)


def own_websites(profile: CompanyProfile, domain: str) -> list[Known[str]]:
    """Return the company's websites that share *domain* with a mail address."""
    return [
        known
        for known in profile.websites
        if is_within(domain, known.value) or is_within(known.value, domain)
    ]


def _is_free_mail(domain: str, domains: Domains) -> bool:
    return is_public_mail(domain) or listed_parent(domain, domains.free_mail) is not None


def _first_listed(hosts: tuple[str, ...], domains: Domains) -> Finding | None:
    for name, listed in (
        (FindingName.OUR_DOMAIN, domains.own),
        (FindingName.COMPETITOR_DOMAIN, domains.competitors),
    ):
        for host in hosts:
            if parent := listed_parent(host, listed):
                return Finding(name=name, points=DISQUALIFIED, params={"domain": parent})
    return None


def _about_market(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    """Yield whether sector, size and country are wanted, or to be avoided."""
    market, country = policy.market, profile.country
    rows: tuple[tuple[str, Known[Any] | None, tuple[str, ...], FindingName], ...] = (
        ("sector", profile.sector, market.target_sectors, FindingName.SECTOR_FIT),
        ("sector", profile.sector, market.avoided_sectors, FindingName.SECTOR_MISFIT),
        ("size", profile.size_band, market.target_sizes, FindingName.SIZE_FIT),
        ("size", profile.size_band, market.avoided_sizes, FindingName.SIZE_MISFIT),
        ("country", country, market.countries, FindingName.COUNTRY_FIT),
    )
    for param, known, listed, name in rows:
        if known and known.value in listed:
            yield from _score(name, policy, [known], {param: known.value})
    yield from _about_untargeted_sector(profile.sector, policy)
    if country and country.value not in market.countries:
        params: Params = {"country": country.value}
        yield from _score(FindingName.OUTSIDE_MARKET, policy, [country], params)


def _about_untargeted_sector(sector: Known[Sector] | None, policy: Policy) -> Iterator[Finding]:
    """Yield that the sector is neither wanted nor avoided, if it is known for certain.

    It has no points: nothing speaks against the company, but what would speak for it is known to
    be absent.
    """
    if (
        sector
        and sector.trust >= policy.scoring.decisive_trust
        and policy.market.is_neutral(sector.value)
    ):
        yield Finding(
            name=FindingName.SECTOR_NEUTRAL,
            points=0,
            trust=sector.trust,
            is_stale=sector.is_stale,
            params={"sector": sector.value},
            sources=sources_of([sector]),
        )


def _about_hiring(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    numbers, titles = profile.open_positions, profile.job_titles
    full = policy.saturation.open_positions
    counted = max((min(full, known.value) * known.trust for known in numbers), default=0.0)
    named = sum(known.trust for known in titles)
    return _score(
        FindingName.HIRING,
        policy,
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
        yield from _score(
            FindingName(f"news_{category}"),
            policy,
            items,
            {"headline": best.value.headline, "as_of": best.as_of.date().isoformat()},
        )


def _about_technologies(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    wanted = {name.casefold(): name for name in policy.market.technologies}
    fitting = [known for known in profile.technologies if known.value.casefold() in wanted]
    params: Params = {"technologies": [wanted[known.value.casefold()] for known in fitting]}
    return _score(
        FindingName.TECHNOLOGY_FIT,
        policy,
        fitting,
        params,
        strength=min(1.0, sum(known.trust for known in fitting) / policy.saturation.technologies),
    )


def _about_contacts(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    points = profile.contact_points
    params: Params = {"kinds": [*sorted({known.value.kind for known in points})]}
    return _score(FindingName.CONTACT_REACHABLE, policy, points, params)


def _about_website(profile: CompanyProfile, policy: Policy) -> Iterator[Finding]:
    if website := profile.website:
        params: Params = {"website": website.value}
        yield from _score(FindingName.WEBSITE_FOUND, policy, [website], params)


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

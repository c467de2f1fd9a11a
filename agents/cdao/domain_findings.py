"""What the domains of a lead give away: a colleague, a competitor, a real or a free address."""

from collections.abc import Iterator

from agents.case import Lead
from agents.domains import domain_of_email, host_of, is_within, listed_parent
from agents.mail_domains import is_anybodys

from .finding import Finding, Params, scored
from .policy import Domains, Policy
from .profile import CompanyProfile
from .vocabulary import FindingName

_DISQUALIFIED = -100
"""Points of a lead that is no prospect at all; no sum of good findings makes up for it."""


def listed_domain(lead: Lead, domains: Domains) -> Finding | None:
    """Return the finding that rules a lead out by what it says itself, if there is one."""
    hosts = (domain_of_email(lead.email), host_of(lead.website or ""))
    return _listed(tuple(host for host in hosts if host), domains)


def about_listed_domains(profile: CompanyProfile, lead: Lead, policy: Policy) -> Iterator[Finding]:
    """Yield the finding that the lead or its company is ourselves or a competitor."""
    finding = listed_domain(lead, policy.domains)
    website = profile.website
    # A doubtful website must not turn a customer into a competitor.
    if finding is None and website and website.trust >= policy.scoring.decisive_trust:
        finding = _listed((website.value,), policy.domains)
    if finding:
        yield finding


def about_email(profile: CompanyProfile, lead: Lead, policy: Policy) -> Iterator[Finding]:
    """Yield whether the lead writes from its company's domain or from free mail, if either."""
    domain = domain_of_email(lead.email)
    if domain is None:
        return
    own = [
        known
        for known in profile.websites
        if is_within(domain, known.value) or is_within(known.value, domain)
    ]
    weights = policy.weights
    params: Params = {"domain": domain}
    if own:
        yield from scored(FindingName.OWN_DOMAIN_EMAIL, weights.own_domain_email, own, params)
    elif weights.free_mail and _is_free_mail(domain, policy.domains):
        yield Finding(name=FindingName.FREE_MAIL, points=weights.free_mail, params=params)


def _is_free_mail(domain: str, domains: Domains) -> bool:
    return is_anybodys(domain) or listed_parent(domain, domains.free_mail) is not None


def _listed(hosts: tuple[str, ...], domains: Domains) -> Finding | None:
    for name, listed in (
        (FindingName.OUR_DOMAIN, domains.own),
        (FindingName.COMPETITOR_DOMAIN, domains.competitors),
    ):
        for host in hosts:
            if parent := listed_parent(host, listed):
                return Finding(name=name, points=_DISQUALIFIED, params={"domain": parent})
    return None

"""Chooses a company's website among search results and places, and gates its crawled pages. Pure.

The wrong company's website is worse than none: below the mark none is named, and the candidates
are listed with their points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .hosts import host_of, kind_of, registrable
from .model import Agreement, Belonging, Hit, Page, Place, Subject
from .names import likeness


@dataclass(frozen=True, slots=True)
class Candidate:
    """One site that could be the company's own; `url` is where a crawl would begin."""

    domain: str
    url: str
    score: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebsiteChoice:
    """The site that was chosen, if any, and all that could have been, best first."""

    url: str | None
    domain: str | None
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()


def choose(subject: Subject, hits: Sequence[Hit], places: Sequence[Place]) -> WebsiteChoice:
    """Return the subject's website: its own domain if that is known, else the best candidate."""
    if subject.domain and kind_of(subject.domain) is None:
        url = f"https://{subject.domain}/"
        return WebsiteChoice(url, subject.domain, ("the company's own domain is known",))
    candidates: dict[str, Candidate] = {}
    for hit in hits:
        host = host_of(hit.url)
        if host and kind_of(host) is None:
            score = likeness(subject.name, hit.title).score
            domain = registrable(host)
            candidates.setdefault(domain, Candidate(domain, f"https://{host}/", score))
    for place in places:
        host = host_of(place.website or "")
        if host and kind_of(host) is None and likeness(subject.name, place.title).is_same:
            domain = registrable(host)
            candidates[domain] = Candidate(domain, f"https://{host}/", 1.0)
    ranked = tuple(sorted(candidates.values(), key=lambda one: -one.score))
    if ranked and ranked[0].score >= 1:
        return WebsiteChoice(ranked[0].url, ranked[0].domain, ("its title is the name",), ranked)
    return WebsiteChoice(None, None, ("no candidate reaches the mark",), ranked)


def page_belongs(subject: Subject, page: Page, domain: str | None) -> Belonging:
    """Return whether a crawled page is the subject's, so that values may be taken from it.

    Args:
        subject: Who is asked for.
        page: The page.
        domain: The domain of the website that was chosen or is known.
    """
    found = likeness(subject.name, page.title)
    if found.is_same:
        return Belonging(Agreement.AGREE, (f"its title names the company on {domain}",))
    return Belonging(Agreement.WEAK, ("its title does not name the company",))

"""Chooses a company's website among search results and places, and the pages of it to read. Pure.

The wrong company's website is worse than none: below the mark none is named, and the candidates
are listed with their points. Namesakes elsewhere, directories and sites of a parent often stand
first in a page of results, so a site must be named after the company, or name it in full. Whether
a crawled page of the chosen site is the company's, `agreement.page_belongs` decides.

Of its pages, those about the company, its legal notice and contact tell more than the home page;
they are known by the last part of their address (`data/site_pages.toml`).
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Final
from urllib.parse import unquote, urlsplit

from orchestrator.identity.writing import split_words

from .agreement import Sign, place_belongs, sign_of
from .hosts import country_of_suffix, folded_label, host_of, kind_of, label_of, registrable
from .model import Agreement, Hit, Page, Place, Subject
from .names import (
    LabelFit,
    Likeness,
    Town,
    label_fit,
    likeness,
    may_be_one,
    name_of,
    spans_of,
    towns_of,
    words,
)
from .texts import WordFile, load, skeleton

MARK: Final = 5.0
"""Points that a site needs to be chosen."""
LEAD: Final = 1.0
"""Points that it needs before the next one of another name."""
_MOST_HITS: Final = 40
_LONGEST_TEXT: Final = 600
_SHORTEST_IN_PATH: Final = 6

_PLACE: Final = 5.0
_TITLE_IS_NAME: Final = 4.0
_TITLE_IS_LIKE: Final = 2.0
_TITLE_HAS_NAME: Final = 1.0
_TITLE_IS_OTHER: Final = -3.0
_TITLE_HAS_OTHER_TRADE: Final = -2.0
_TAGLINE: Final = -1.0
_GENERIC_NAME: Final = -3.0
_NO_HOME_PAGE: Final = -3.0
_FOR_SALE: Final = -10.0
_OTHER_COUNTRY: Final = -2.0
_TEXT_HAS_NAME: Final = 1.0
_OTHER_TOWN: Final = -6.0
_OWN_TOWN: Final = 1.5
_NAME_IN_PATH: Final = -3.0
_SITE_LINKS: Final = 2.0
_FIRST: Final = 1.0
_ROOT: Final = 1.0
_SEVERAL: Final = 0.5
_OWN_COUNTRY: Final = 0.5
_LABEL: Final = {
    LabelFit.FULL: 4.0,
    LabelFit.SHORTENED: 2.0,
    LabelFit.INITIALS_AND_TOWN: 2.5,
    LabelFit.INITIALS: 1.5,
    LabelFit.FOREIGN: -2.0,
}
_LABEL_REASON: Final = {
    LabelFit.FULL: "the domain is made of the name",
    LabelFit.SHORTENED: "the domain is made of parts of the name",
    LabelFit.INITIALS_AND_TOWN: "the domain is the name's initials and town",
    LabelFit.INITIALS: "the domain is the name's initials",
    LabelFit.FOREIGN: "the domain has other letters than the name",
}


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


@dataclass(frozen=True, slots=True)
class _Site:
    """What points to one registrable domain."""

    domain: str
    hits: tuple[Hit, ...] = ()
    has_place: bool = False


def choose(subject: Subject, hits: Sequence[Hit], places: Sequence[Place]) -> WebsiteChoice:
    """Return the subject's website: its own domain if that is known, else the best candidate.

    Hosts that are never a company's own are no candidates. None is chosen below `MARK`, nor with
    less than `LEAD` before a site of another name, nor where the name is all that is known and
    several companies seem to have it.
    """
    sites = _sites(subject, hits, places)
    candidates = tuple(
        sorted((_score(subject, site) for site in sites), key=attrgetter("score"), reverse=True)
    )
    if subject.domain and not _is_foreign_host(subject, subject.domain):
        return _own(subject.domain, candidates)
    choice = _best(candidates)
    if subject.has_second_fact or choice.domain is None:
        return choice
    reason = _why_a_namesake(subject, choice.domain, sites, candidates)
    return WebsiteChoice(None, None, (reason,), candidates) if reason else choice


def _why_a_namesake(
    subject: Subject, domain: str, sites: Sequence[_Site], candidates: Sequence[Candidate]
) -> str | None:
    """Return why the site of *domain* may be another company's of the name; None for no reason.

    A domain that is made of the name is the likeliest. Another one may be a namesake's if there is
    a second site under the name; or, unless the company's place has it, if it is made of the name
    and more, as by a company that was not the first to take the name.
    """
    label = folded_label(domain)
    if label_fit(subject.name, label) is not LabelFit.FOREIGN:
        return None
    likely = {each.domain for each in candidates if each.score > 0}
    named = {
        site.domain
        for site in sites
        if any(likeness(subject.name, hit.title).is_exact for hit in site.hits)
    }
    if (named & likely) - {domain}:
        return f"several companies have this name: {', '.join(sorted(named & likely | {domain}))}"
    if any(site.has_place for site in sites if site.domain == domain):
        return None
    is_longer = _is_name_and_more(subject, label)
    return f"{domain} is made of the name and more" if is_longer else None


def _is_name_and_more(subject: Subject, label: str) -> bool:
    """Return whether *label* has the name, and more than joining words or the country."""
    rest = label.replace("-", "")
    for word in name_of(subject.name).words:
        if word not in rest:
            return False
        rest = rest.replace(word, "", 1)
    return rest not in words().joining and rest != (subject.country or "").casefold()


def _own(domain: str, candidates: tuple[Candidate, ...]) -> WebsiteChoice:
    found = next((one for one in candidates if one.domain == registrable(domain)), None)
    url = found.url if found is not None else f"https://{domain}/"
    return WebsiteChoice(url, domain, (f"{domain} is the company's known domain",), candidates)


def _best(candidates: tuple[Candidate, ...]) -> WebsiteChoice:
    if not candidates:
        return WebsiteChoice(None, None, ("no result can be a company's own site",))
    best = candidates[0]
    if best.score < MARK:
        reason = f"{best.domain} has {best.score:g} points of {MARK:g}"
        return WebsiteChoice(None, None, (reason,), candidates)
    # Domains of one label (acme.es, acme.com) are mostly one company's, so the better one will do.
    label = label_of(best.domain)
    others = (one for one in candidates[1:] if label_of(one.domain) != label)
    rival = next(others, None)
    if rival is not None and rival.score >= MARK and best.score - rival.score < LEAD:
        reason = f"{best.domain} and {rival.domain} are equally likely"
        return WebsiteChoice(None, None, (reason,), candidates)
    return WebsiteChoice(best.url, best.domain, best.reasons, candidates)


def _sites(subject: Subject, hits: Sequence[Hit], places: Sequence[Place]) -> list[_Site]:
    found: dict[str, _Site] = {}
    for hit in hits[:_MOST_HITS]:
        host = host_of(hit.url)
        if host is not None and not _is_foreign_host(subject, host, hit.url):
            domain = registrable(host)
            site = found.get(domain, _Site(domain))
            found[domain] = replace(site, hits=(*site.hits, hit))
    for place in places[:_MOST_HITS]:
        host = host_of(place.website or "")
        if host is None or _is_foreign_host(subject, host):
            continue
        # The subject's own domain would be a veto here; who asks for a website has none.
        if place_belongs(subject, place).agreement is Agreement.AGREE:
            domain = registrable(host)
            found[domain] = replace(found.get(domain, _Site(domain)), has_place=True)
    return list(found.values())


def _is_foreign_host(subject: Subject, host: str, url: str = "") -> bool:
    """Return whether *host* is never the company's own; a portal's root is its own company's."""
    if kind_of(host) is None:
        return False
    is_named = label_fit(subject.name, folded_label(registrable(host))) is LabelFit.FULL
    return not (is_named and _is_root(url))


def _is_root(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.path in {"", "/"} and not parts.query


def _score(subject: Subject, site: _Site) -> Candidate:
    points = list(_points(subject, site))
    return Candidate(
        domain=site.domain,
        url=_start_of(site),
        score=sum(value for value, _ in points),
        reasons=tuple(f"{reason} ({value:+g})" for value, reason in points),
    )


def _start_of(site: _Site) -> str:
    """Return the root of the host that the results show, the bare domain's if there is a choice."""
    by_host = {host_of(hit.url): hit.url for hit in reversed(site.hits)}
    url = by_host.get(site.domain)
    parts = urlsplit(url) if url is not None else None
    if parts is not None and parts.scheme in {"http", "https"} and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}/"
    return f"https://{site.domain}/"


def _points(subject: Subject, site: _Site) -> Iterator[tuple[float, str]]:
    """Yield the points for and against a site, each with its reason."""
    if site.has_place:
        yield _PLACE, "the company's place on Maps links to it"
    fit = label_fit(subject.name, folded_label(site.domain), subject.city)
    yield _LABEL[fit], _LABEL_REASON[fit]
    if site.hits:
        likes = [likeness(subject.name, hit.title) for hit in site.hits]
        yield from _points_of_titles(subject, site, fit, likes)
        yield from _points_of_towns(subject, site, likes)
        yield from _points_of_position(subject, site, fit)
    country = country_of_suffix(site.domain)
    if country and subject.country:
        is_own = country == subject.country.upper()
        points = _OWN_COUNTRY if is_own else _OTHER_COUNTRY
        yield points, f"its suffix is that of {'the' if is_own else 'another'} country"


def _points_of_titles(
    subject: Subject, site: _Site, fit: LabelFit, likes: list[Likeness]
) -> Iterator[tuple[float, str]]:
    best = max(likes, key=_rank)
    if best.is_exact and not best.is_misspelt:
        yield _TITLE_IS_NAME, "a title is the name"
    elif best.is_same:
        yield _TITLE_IS_LIKE, "a title has the name's distinctive words"
    elif best.score and not best.missing:
        yield from _points_of_more_words(best)
    elif all(like.missing and like.foreign for like in likes):
        # Several pages on a domain that is the name: their titles are slogans.
        is_tagline = fit is LabelFit.FULL and len(site.hits) > 1
        points = _TAGLINE if is_tagline else _TITLE_IS_OTHER
        yield points, "its titles name something else"
    if best.is_generic and not best.is_exact:
        yield _GENERIC_NAME, "the name is of generic words, and no title is it"
    if any(_has_name(subject, hit.description) for hit in site.hits):
        yield _TEXT_HAS_NAME, "a description has the name"
    if any(
        sign_of(hit.title, hit.description[:_LONGEST_TEXT]) is Sign.FOR_SALE for hit in site.hits
    ):
        yield _FOR_SALE, "the domain is for sale"


def _points_of_more_words(best: Likeness) -> Iterator[tuple[float, str]]:
    if best.is_reworded:
        yield _TITLE_HAS_OTHER_TRADE, "a title has the name with another trade"
    else:
        yield _TITLE_HAS_NAME, "a title has the name among other words"


def _rank(like: Likeness) -> tuple[bool, bool, float, int]:
    return like.is_exact, like.is_same, like.score, -len(like.foreign)


def _has_name(subject: Subject, text: str) -> bool:
    name = " ".join(name_of(subject.name).words)
    return bool(name) and f" {name} " in f" {' '.join(split_words(text[:_LONGEST_TEXT]))} "


def _points_of_towns(
    subject: Subject, site: _Site, likes: list[Likeness]
) -> Iterator[tuple[float, str]]:
    """Yield points for the subject's town; another one in a title is a namesake's."""
    texts = (f"{hit.title[:_LONGEST_TEXT]} {hit.description}" for hit in site.hits)
    if subject.city and any(_names_town(subject.city, text) for text in texts):
        yield _OWN_TOWN, f"it names {subject.city}"
        return
    theirs = frozenset[Town]().union(*(like.towns for like in likes))
    ours = towns_of(subject.city or "")
    if ours:
        is_elsewhere = bool(theirs) and not may_be_one(ours, theirs)
    else:
        countries = {town.country for town in theirs}
        is_elsewhere = bool(countries and subject.country) and subject.country not in countries
    if is_elsewhere:
        yield _OTHER_TOWN, f"it names another place, {min(town.name for town in theirs)}"


def _names_town(city: str, text: str) -> bool:
    words = split_words(text[: 2 * _LONGEST_TEXT])
    if f" {' '.join(split_words(city))} " in f" {' '.join(words)} ":
        return True
    ours = {town for town in towns_of(city) if not town.is_country}
    return any(not ours.isdisjoint(span.towns) for span in spans_of(words))


def _points_of_position(
    subject: Subject, site: _Site, fit: LabelFit
) -> Iterator[tuple[float, str]]:
    if any(hit.has_site_links for hit in site.hits):
        yield _SITE_LINKS, "the search shows links into it"
    if min(hit.position for hit in site.hits) == 1:
        yield _FIRST, "it is the first result"
    if any(_is_root(hit.url) for hit in site.hits):
        yield _ROOT, "its home page is a result"
    elif fit is LabelFit.FOREIGN:
        yield _NO_HOME_PAGE, "no home page is among its results"
    if len(site.hits) > 1:
        yield _SEVERAL, "several results are on it"
    if fit is LabelFit.FOREIGN and any(_has_name_in_path(subject, hit.url) for hit in site.hits):
        yield _NAME_IN_PATH, "the name is in the address of a page about the company"


def _has_name_in_path(subject: Subject, url: str) -> bool:
    """Return whether the path is made of the name, as in `/company/talleres-arriaga-sl`."""
    name = "".join(name_of(subject.name).words)
    path = "".join(split_words(url[:_LONGEST_TEXT].partition("//")[2].partition("/")[2]))
    return len(name) >= _SHORTEST_IN_PATH and name in path


#: Addresses that are kept of one page.
MOST_LINKS: Final = 12
#: Characters of an address that is kept.
_LONGEST_URL: Final = 300


class _PageWords(WordFile):
    """What the addresses of each kind of page have; the most telling kind comes first."""

    about: tuple[str, ...]
    legal: tuple[str, ...]
    contact: tuple[str, ...]


#: In the order in which they are worth reading: about says the size, the legal notice whose site it
#: is and where it is registered, contact how to reach it.
KINDS: Final = ("about", "legal", "contact")
#: Fields of an answer, of which one makes a page superfluous. A legal notice never is: nothing else
#: is as sure of the country.
_KNOWN_BY: Final = {"about": ("headcount", "size_band"), "contact": ("emails",)}


def telling_links(page_url: str, links: Iterable[str]) -> tuple[str, ...]:
    """Return those of *links* that lead to a page worth reading of the same site, without repeats.

    >>> telling_links("https://acme.es/", ["https://acme.es/aviso-legal", "https://acme.es/blog/1"])
    ('https://acme.es/aviso-legal',)
    """
    own = registrable(host_of(page_url) or "")
    found: dict[str, None] = {}
    for link in links:
        url = link.partition("#")[0]
        if (
            len(url) <= _LONGEST_URL
            and kind_of_page(url)
            and registrable(host_of(url) or "") == own
        ):
            found[url] = None
        if len(found) == MOST_LINKS:
            break
    return tuple(found)


def kind_of_page(url: str) -> str | None:
    """Return which of `KINDS` a page is, by its address; None for any other page.

    >>> kind_of("https://acme.es/es/quienes-somos/"), kind_of("https://acme.es/contacto/mapa")
    ('about', None)
    """
    parts = urlsplit(url)
    last = skeleton(unquote(parts.path.rstrip("/").rpartition("/")[2]))
    if not last or parts.scheme not in {"http", "https"}:
        return None
    return next(
        (kind for kind, words in _page_words() if any(word in last for word in words)), None
    )


def pages_to_read(crawled: Sequence[Page], known: Container[str]) -> tuple[str, ...]:
    """Return the pages that are still worth reading: of each kind the first that is linked.

    What a page is read for is not paid again if it is among *known*, fields of the answer.
    """
    done = {kind_of_page(page.url) for page in crawled}
    done |= {kind for kind, fields in _KNOWN_BY.items() if any(map(known.__contains__, fields))}
    by_kind: dict[str, str] = {}
    for url in (link for page in crawled for link in page.links):
        kind = kind_of_page(url)
        if kind is not None and kind not in done:
            by_kind.setdefault(kind, url)
    return tuple(by_kind[kind] for kind in KINDS if kind in by_kind)


@cache
def _page_words() -> tuple[tuple[str, tuple[str, ...]], ...]:
    words = load(_PageWords, "site_pages.toml")
    return tuple((kind, getattr(words, kind)) for kind in KINDS)

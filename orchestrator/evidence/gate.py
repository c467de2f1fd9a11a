"""The identity gate: which of the places, hits, pages and job ads belong to the company.

Nothing is taken from a source that does not agree; one that is only weak is shown as a candidate.
Decides over the website, too, since a site whose pages are another company's is lost. Pure; the
order of what comes in changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, TypeVar

from agents.cdao.vocabulary import as_word
from orchestrator.evidence.agreement import (
    is_on_its_domain,
    page_belongs,
    place_belongs,
    same_phone,
)
from orchestrator.evidence.hosts import folded_label, host_of, kind_of, registrable
from orchestrator.evidence.model import Agreement, Belonging, Hit, JobAd, Page, Place, Step, Subject
from orchestrator.evidence.names import likeness, may_be_one, spans_of, towns_of
from orchestrator.evidence.texts import MOST_READ, single_spaced
from orchestrator.evidence.website import WebsiteChoice, choose
from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.identity.writing import split_words

Item: TypeAlias = Place | Hit | Page | JobAd
_T = TypeVar("_T", Place, Hit, Page, JobAd)

#: Words that join the words of a name, in the languages of our markets.
_JOINING: Final = frozenset({"&", "and", "e", "et", "i", "und", "y"})
_NO_WORDS: Final = "  "
#: Digits at the end of a phone number that every way of writing it has.
_LOCAL_DIGITS: Final = 7
#: How the text of a place says what SurfSense sends as a field that is true.
CLOSED_CELL: Final = "permanentlyClosed: true"
#: Items of one step that are read; no step that we buy brings as many.
_MOST_ITEMS: Final = 100
#: Characters of a result's title or description that are read; a search engine shows 300.
_LONGEST_SHOWN: Final = 1_000
_PART_OF_SITE: Final = "it is a page of the site that names the company"
_UNSEEN_WORDING: Final = "nothing but this place shows the company under that name"
_NAME_ALONE: Final = "its site has the company's name, and no other fact of it"
_FOREIGN_SITE: Final = "other pages of its site are not the company's"


@dataclass(frozen=True, slots=True)
class Answers:
    """What each step brought: None if it was not bought, empty if nothing came.

    Nothing is *unknown*: it never means that there is no such company.
    """

    maps: tuple[Place, ...] | None = None
    search: tuple[Hit, ...] | None = None
    crawl: tuple[Page, ...] | None = None
    jobs: tuple[JobAd, ...] | None = None

    def in_order(self) -> "Answers":
        """Return the same answers, each item once and in an order of their own."""
        return Answers(
            _in_order(self.maps),
            _in_order(self.search),
            _in_order(self.crawl),
            _in_order(self.jobs),
        )


@dataclass(frozen=True, slots=True)
class Source:
    """One item with what the gate says of it. `text` is folded; a quote must be part of it."""

    step: Step
    item: Item
    title: str
    url: str | None
    belonging: Belonging
    text: str = field(repr=False)

    @property
    def agrees(self) -> bool:
        """Whether values may be taken from it."""
        return self.belonging.agreement is Agreement.AGREE


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gate decided.

    Attributes:
        website: The company's site, and what else it could be.
        sources: Every item, in a fixed order.
        is_verified: Whether a crawled page of the website names the company.
        is_backed: Whether anything but the rules of the search speaks for the website: a crawled
            page, a place that agrees, or that it is the lead's own domain.
    """

    website: WebsiteChoice
    sources: tuple[Source, ...]
    is_verified: bool
    is_backed: bool


def pass_gate(subject: Subject, answers: Answers) -> Gated:
    """Return the website of *subject*, and each item of *answers* with its belonging."""
    answers = answers.in_order()
    hits = answers.search or ()
    places = _judge_places(subject, answers.maps or (), hits)
    site = _judge_site(subject, answers, _agreeing(places))
    is_verified = any(_agrees(found) for _, found in site.pages)
    if is_verified:
        # What is proven about the website tells its places from those of namesakes.
        subject = replace(subject, domain=subject.domain or site.choice.domain)
        said = "\n".join(page.text[:MOST_READ] for page, found in site.pages if _agrees(found))
        places = _judge_places(subject, answers.maps or (), hits, said)
    own = _agreeing(places)
    domain = site.choice.domain if site.is_tied else None
    sources = (
        *(_of_place(*judged) for judged in places),
        *(_of_hit(hit, _judge_hit(subject, hit, domain, own)) for hit in hits),
        *(_of_page(*judged) for judged in site.pages),
        *(_of_job(job, _judge_job(subject, job, own)) for job in answers.jobs or ()),
    )
    return Gated(site.choice, sources, is_verified, site.is_backed)


def _judge_places(
    subject: Subject, places: Iterable[Place], hits: Sequence[Hit], site: str = ""
) -> list[tuple[Place, Belonging]]:
    """Judge places; *site* is what the verified pages of the company say, if there are any."""
    judged = []
    for place in places:
        found = place_belongs(subject, place)
        if found.agreement is Agreement.WEAK and (fact := _told_by(site, subject, place)):
            found = Belonging(Agreement.AGREE, (*found.reasons, f"the company's site has {fact}"))
        if _agrees(found) and _is_doubted(subject, place, hits):
            found = Belonging(Agreement.WEAK, (*found.reasons, _UNSEEN_WORDING))
        judged.append((place, found))
    return judged


def _told_by(site: str, subject: Subject, place: Place) -> str | None:
    """Return the fact that shows a *place* of the company's name to be one of its *site*."""
    if not likeness(subject.name, place.title).is_same:
        return None
    if place.phone and _has_number([place.phone], _letters_and_digits(site)):
        return "its phone number"
    city = as_word(place.city or "")
    # A company names other towns than its own, too: those of its customers.
    is_told = bool(city) and not subject.city and f"_{city}_" in f"_{as_word(site)}_"
    return "its town" if is_told and f"_{city}_" not in f"_{as_word(subject.name)}_" else None


def _is_doubted(subject: Subject, place: Place, hits: Iterable[Hit]) -> bool:
    """Return whether *place* adds words to the name that nothing else shows.

    "Textil Acme" may be Acme, or its neighbour. It is Acme if a result of a search has the
    place's other words, its phone or its site.
    """
    if (
        likeness(subject.name, place.title).is_exact
        or is_on(place.website, subject.domain)
        or same_phone(subject, place)
    ):
        return False
    added = set(split_words(place.title)) - set(split_words(subject.name))
    label = folded_label(registrable(host_of(place.website or "") or ""))
    if is_on_its_domain(subject, place) and not any(word in label for word in added):
        return False
    numbers = [place.phone] if place.phone else []
    return bool(added) and not any(
        is_on(place.website, host_of(hit.url))
        or added <= set(split_words(text := _hit_label(hit)))
        or _has_number(numbers, _letters_and_digits(text))
        for hit in hits
    )


@dataclass(frozen=True, slots=True)
class _Site:
    """The website, its crawled pages with their belongings, and how sure it is.

    Attributes:
        choice: The site.
        pages: Crawled pages, those of other sites, too.
        is_backed: It is the lead's own domain, a place that agrees has it, or a page names the
            company.
        is_tied: It is the lead's own domain, or it has more of the company than the name.
    """

    choice: WebsiteChoice
    pages: list[tuple[Page, Belonging]]
    is_backed: bool
    is_tied: bool


def _judge_site(subject: Subject, answers: Answers, places: Sequence[Place]) -> _Site:
    """Return the website; *places* are those that agree."""
    hits = answers.search or ()
    site = choose(subject, hits, places)
    pages = _judge_pages(subject, answers.crawl or (), site.domain)
    is_backed = _is_backed(subject, site.domain, places)
    is_tied = is_backed or _is_tied(subject, site.domain, hits, pages, places)
    if not is_tied:
        pages = [(page, _refusal_of(found)) for page, found in pages]
    is_backed = is_backed or any(_agrees(found) for _, found in pages)
    if site.domain and (lost := _why_lost(site.domain, pages, is_backed=is_backed)):
        return _Site(WebsiteChoice(None, None, (lost,), site.candidates), pages, False, False)
    return _Site(site, pages, is_backed, is_tied)


def _agreeing(places: Iterable[tuple[Place, Belonging]]) -> list[Place]:
    return [place for place, found in places if _agrees(found)]


def names_company(subject: Subject, source: Source) -> bool:
    """Return whether the text of *source* has the company's name, word after word.

    Its legal form may be missing, and "and" may be in another language.
    """
    try:
        name = _joined_words(company_key(subject.name).split("_"))
    except InvalidCompanyName:
        return False
    return name != _NO_WORDS and name in _joined_words(split_words(source.text))


def _joined_words(words: Iterable[str]) -> str:
    return f" {' '.join(word for word in words if word not in _JOINING)} "


def is_on(url: str | None, domain: str | None) -> bool:
    """Return whether *url* is on the site of *domain*, whatever subdomain either of them names."""
    host = host_of(url or "")
    return host is not None and domain is not None and registrable(host) == registrable(domain)


def _in_order(items: tuple[_T, ...] | None) -> tuple[_T, ...] | None:
    # Not by the item itself: parts of it may be None, which has no order.
    return None if items is None else tuple(sorted(set(items), key=_sort_key)[:_MOST_ITEMS])


def _sort_key(item: Item) -> tuple[int, str]:
    """Order hits by position, and pages from the home page down."""
    match item:
        case Hit():
            return item.position, repr(item)
        case Page():
            return len(item.url), repr(item)
        case _:
            return 0, repr(item)


def _agrees(found: Belonging) -> bool:
    return found.agreement is Agreement.AGREE


def _judge_pages(
    subject: Subject, pages: Iterable[Page], domain: str | None
) -> list[tuple[Page, Belonging]]:
    """Judge pages as parts of one site: where a page names the company, its contact page is its.

    A site whose home page is in conflict, or more pages than agree, is another company's.
    """
    on_site = [page for page in pages if is_on(page.url, domain)]
    judged = [(page, page_belongs(subject, page, domain)) for page in on_site]
    agreements = [found.agreement for _, found in judged]
    if Agreement.AGREE in agreements:
        conflicts = agreements.count(Agreement.CONFLICT)
        is_lost = agreements[0] is Agreement.CONFLICT or conflicts > agreements.count(
            Agreement.AGREE
        )
        judged = [(page, _as_part(found, is_lost=is_lost)) for page, found in judged]
    elsewhere = _elsewhere(domain)
    return judged + [(page, elsewhere) for page in pages if not is_on(page.url, domain)]


def _as_part(found: Belonging, *, is_lost: bool) -> Belonging:
    """Return what is said of a page, given what is said of its site."""
    if is_lost and found.agreement is not Agreement.CONFLICT:
        return Belonging(Agreement.CONFLICT, (*found.reasons, _FOREIGN_SITE))
    if found.agreement is Agreement.WEAK:
        return Belonging(Agreement.AGREE, (*found.reasons, _PART_OF_SITE))
    return found


def _elsewhere(domain: str | None) -> Belonging:
    if domain is None:
        return Belonging(Agreement.WEAK, ("no website is certain enough",))
    return Belonging(Agreement.CONFLICT, (f"it is not on {domain}",))


def _is_backed(subject: Subject, domain: str | None, places: Iterable[Place]) -> bool:
    return is_on(subject.domain, domain) or any(is_on(place.website, domain) for place in places)


def _is_tied(
    subject: Subject,
    domain: str | None,
    hits: Iterable[Hit],
    pages: Iterable[tuple[Page, Belonging]],
    places: Sequence[Place],
) -> bool:
    """Return whether the results or pages of a site have a fact of the company beside its name.

    That is its town or region, a phone number or the tax id. Where no such fact is known, of a
    company of which name and country are all, the site is as sure as the name.
    """
    cities = _cities(subject, places)
    phones = [place.phone for place in places if place.phone]
    if not subject.has_second_fact and not cities and not phones:
        return True
    said = [_hit_label(hit) for hit in hits if is_on(hit.url, domain)]
    said += [page.text[:MOST_READ] for page, found in pages if _agrees(found)]
    text = "\n".join(said)
    if _tie(subject, text, None, places) or _has_number(phones, _letters_and_digits(text)):
        return True
    ours = [town for city in cities for town in towns_of(city) if not town.is_country]
    named = [town for span in spans_of(split_words(text)) for town in span.towns]
    return may_be_one(ours, [town for town in named if not town.is_country])


def _refusal_of(found: Belonging) -> Belonging:
    if not _agrees(found):
        return found
    return Belonging(Agreement.CONFLICT, (_NAME_ALONE, *found.reasons))


def _why_lost(
    domain: str, pages: Iterable[tuple[Page, Belonging]], *, is_backed: bool
) -> str | None:
    """Return why *domain* is not the website after all; None if it may be."""
    on_site = [found for page, found in pages if is_on(page.url, domain)]
    if not on_site or any(_agrees(found) for found in on_site):
        return None
    for found in on_site:
        if found.agreement is Agreement.CONFLICT:
            reasons = "; ".join(found.reasons[:1]) or "they are another company's"
            return f"the crawled pages of {domain} were refused: {reasons}"
    # Of a site that only a search has brought up, a crawled page must name the company.
    return None if is_backed else f"no crawled page of {domain} names the company"


def _judge_hit(
    subject: Subject, hit: Hit, domain: str | None, places: Sequence[Place]
) -> Belonging:
    """Judge a search result: on the company's site, or with its name and another fact of it.

    Of hosts elsewhere, only those count that are never a company's own, such as directories: any
    other may be a namesake's in the same town.
    """
    if is_on(hit.url, domain):
        return Belonging(Agreement.AGREE, (f"it is on {domain}",))
    host = host_of(hit.url)
    if host is None or kind_of(host) is None:
        return Belonging(Agreement.WEAK, ("its site may be another company's",))
    if likeness(subject.name, hit.title).score < 1:
        return Belonging(Agreement.WEAK, ("its title does not name the company",))
    if tie := _tie(subject, _hit_label(hit), domain, places):
        return Belonging(Agreement.AGREE, ("its title names the company", f"it names {tie}"))
    return Belonging(Agreement.WEAK, ("it names the company, and no other fact of it",))


def _hit_label(hit: Hit) -> str:
    return f"{hit.title[:_LONGEST_SHOWN]} {hit.description[:_LONGEST_SHOWN]}"


def _tie(subject: Subject, text: str, domain: str | None, places: Sequence[Place]) -> str | None:
    """Return the fact about the company, besides its name, that *text* has."""
    words, bare = f"_{as_word(text)}_", _letters_and_digits(text)
    for city in _cities(subject, places):
        if f"_{city}_" in words:
            return "its town"
    if domain and domain in text.casefold():
        return "its domain"
    if _has_number(subject.phones, bare):
        return "its phone number"
    tax_id = _letters_and_digits(subject.tax_id or "")
    return "its tax id" if len(tax_id) >= _LOCAL_DIGITS and tax_id in bare else None


def _has_number(phones: Iterable[str], bare: str) -> bool:
    endings = (_letters_and_digits(phone)[-_LOCAL_DIGITS:] for phone in phones)
    return any(len(ending) == _LOCAL_DIGITS and ending in bare for ending in endings)


def _cities(subject: Subject, places: Sequence[Place]) -> set[str]:
    """Return the folded towns of the company; one that is part of its name tells nothing."""
    named = f"_{as_word(subject.name)}_"
    cities = {as_word(city or "") for city in (subject.city, *(place.city for place in places))}
    return {city for city in cities if city and f"_{city}_" not in named}


def _judge_job(subject: Subject, job: JobAd, places: Sequence[Place]) -> Belonging:
    """Judge an ad by its employer. A search for ads brings those of other employers, too."""
    if not likeness(subject.name, job.company).is_same:
        return Belonging(Agreement.CONFLICT, ("the employer has another name",))
    cities, city = _cities(subject, places), as_word(job.city or "")
    is_known = bool(cities) or subject.has_second_fact
    if is_known and not any(f"_{one}_" in f"_{city}_" for one in cities):
        return Belonging(Agreement.WEAK, ("the employer has this name, perhaps in another town",))
    return Belonging(Agreement.AGREE, ("the employer has this name",))


def _letters_and_digits(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _of_place(place: Place, belonging: Belonging) -> Source:
    named = (place.title, place.category, *place.categories, place.address, place.city)
    stated = (place.country, place.website, place.phone, place.description)
    closed = (CLOSED_CELL,) if place.permanently_closed else ()
    text = _join(named + stated + closed)
    return Source(Step.MAPS, place, place.title, place.url, belonging, text)


def _of_hit(hit: Hit, belonging: Belonging) -> Source:
    text = _join((hit.title, hit.url, hit.description))
    return Source(Step.SEARCH, hit, hit.title, hit.url, belonging, text)


def _of_page(page: Page, belonging: Belonging) -> Source:
    contacts = (*page.emails, *page.phones, *page.socials)
    text = _join((page.title, page.url, page.description, page.text, *contacts))
    return Source(Step.CRAWL, page, page.title, page.url, belonging, text)


def _of_job(job: JobAd, belonging: Belonging) -> Source:
    text = _join((job.title, job.company, job.city))
    return Source(Step.JOBS, job, job.title, job.url, belonging, text)


def _join(cells: Iterable[str | None]) -> str:
    return single_spaced("\n".join(cell[:MOST_READ] for cell in cells if cell))

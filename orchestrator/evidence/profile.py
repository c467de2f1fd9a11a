"""Assembles one answer about a company from what its steps brought, in the form of `POST /enrich`.

Values are taken only from sources that pass the identity gate (`gate`). Each must stand in its
source word for word, and gets its confidence from `confidence`. What was looked at, and why it
counted or not, is kept under `evidence`. Pure; the order of what comes in changes nothing.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from agents.case import ClaimField
from agents.domains import domain_of_email
from orchestrator.evidence import details
from orchestrator.evidence.confidence import (
    SINGLE,
    Judged,
    Statement,
    Status,
    confidence_of,
    judge,
)
from orchestrator.evidence.contacts import contacts_in
from orchestrator.evidence.gate import (
    CLOSED_CELL,
    Answers,
    Gated,
    Source,
    is_on,
    names_company,
    pass_gate,
)
from orchestrator.evidence.hosts import host_of, registrable
from orchestrator.evidence.model import (
    Agreement,
    Hit,
    JobAd,
    Method,
    Observed,
    Page,
    Place,
    Step,
    Subject,
    language_of,
)
from orchestrator.evidence.sectors import SectorGuess, sector_in_text, sector_of_category
from orchestrator.evidence.signals import headcount_in
from orchestrator.evidence.texts import LONGEST_QUOTE, plain, single_spaced
from orchestrator.evidence.website import WebsiteChoice

#: The fields of an answer, in its order, with their names there; `_LISTS` hold many values.
FIELD_NAMES: Final = {
    ClaimField.SECTOR: "sector",
    ClaimField.HEADCOUNT: "headcount",
    ClaimField.SIZE_BAND: "size_band",
    ClaimField.COUNTRY: "country",
    ClaimField.WEBSITE: "website",
    ClaimField.DESCRIPTION: "description",
    ClaimField.EMAIL: "emails",
    ClaimField.PHONE: "phones",
    ClaimField.SOCIAL: "socials",
    ClaimField.HIRING: "hiring",
    ClaimField.NEWS: "news",
    ClaimField.TECHNOLOGY: "technologies",
    ClaimField.TAX_ID: "tax_ids",
}
_LISTS: Final = (frozenset(FIELD_NAMES) - SINGLE) | {ClaimField.TAX_ID}
#: Where an answer keeps what was looked at: no field, so that no agent judges by it.
EVIDENCE: Final = "evidence"

#: Bounds of an answer: values of a list, sources, candidates of the website, reasons of each.
_MOST_VALUES: Final = 10
_MOST_SOURCES: Final = 24
_MOST_CANDIDATES: Final = 5
_MOST_REASONS: Final = 8
#: Characters of a value, of a description, and of a title, address or reason that is shown.
_LONGEST_VALUE: Final = 254
_LONGEST_DESCRIPTION: Final = 500
_LONGEST_SHOWN: Final = 200
#: Characters of each page from which the sector is read; what a company does is said early.
_SECTOR_CHARACTERS: Final = 4_000
#: Characters of a directory's entry in a search result.
_LONGEST_LISTING: Final = 1_000
#: Pages about the law, which say nothing of the company's work.
_LEGAL_PAGE: Final = re.compile(
    "legal|privac|privat|cookie|terms|termos|terminos|condic|conditions|impressum|imprint"
)
_AGREEMENTS: Final = tuple(Agreement)
_CLOSURE: Final = "closure:"
_LOCAL_DIGITS: Final = 6
"""Digits at the end of a phone number that every way of writing it has, in one piece or not."""


@dataclass(frozen=True, slots=True)
class SourceShown:
    """A source as `--show-evidence` shows it; `taken` names the fields of the answer it is in."""

    step: Step
    title: str
    url: str | None
    agreement: Agreement
    reasons: tuple[str, ...]
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assembled:
    """One answer about a company.

    Attributes:
        payload: JSON in the form of `POST /enrich`: each datum `{"value", "confidence",
            "source_url", "as_of", "quote", "method", "status"}` and perhaps `alternatives`; lists
            have the most believed value first. A field of which nothing is known is absent.
            `evidence` has the sources and the website's candidates.
        sources: All that was looked at, what agrees first.
        website: What was chosen, and the candidates.
    """

    payload: dict[str, Any]
    sources: tuple[SourceShown, ...]
    website: WebsiteChoice


def site_of(subject: Subject, answers: Answers) -> WebsiteChoice:
    """Return the site to crawl: the subject's own domain, or the one chosen over hits and places.

    None is named where the crawled pages of the site turned out to be another company's.
    """
    return pass_gate(subject, answers).website


def assemble(subject: Subject, answers: Answers, bought_at: Mapping[Step, datetime]) -> Assembled:
    """Return what *answers* say about *subject*.

    Args:
        subject: Who is asked for.
        answers: Each step's items, in any order.
        bought_at: Aware UTC instants that date the values whose source gives no date.
    """
    gated = pass_gate(subject, answers)
    found = dict(_find_grounds(_observe(subject, gated), gated))
    judged = judge(_statement(subject, gated, *each) for each in found.items())
    values = {field: _best_of(field, judged[field], gated) for field in judged}
    sources = _sources_shown(gated, values, found)
    payload: dict[str, Any] = {"empresa": _truncate(single_spaced(subject.name), _LONGEST_SHOWN)}
    for field, name in FIELD_NAMES.items():
        data = [_datum(value, bought_at) for value in values.get(field, ())]
        if data:
            payload[name] = data if field in _LISTS else data[0]
    payload[EVIDENCE] = _log(answers, sources, gated.website)
    return Assembled(payload, sources, gated.website)


def sources_in(payload: Mapping[str, Any]) -> tuple[SourceShown, ...]:
    """Return the sources that a stored answer keeps; none for an answer of another kind."""
    log = payload.get(EVIDENCE)
    try:
        return tuple(_SOURCES.validate_python(log["sources"] if isinstance(log, Mapping) else ()))
    except (KeyError, ValidationError):
        return ()


def website_in(payload: Mapping[str, Any]) -> WebsiteChoice | None:
    """Return the website's choice that a stored answer keeps; None for one of another kind."""
    log = payload.get(EVIDENCE)
    try:
        return _CHOICE.validate_python(log["website"]) if isinstance(log, Mapping) else None
    except (KeyError, ValidationError):
        return None


_SOURCES: Final = TypeAdapter(list[SourceShown])
_CHOICE: Final = TypeAdapter(WebsiteChoice)


def _observe(subject: Subject, gated: Gated) -> Iterator[Observed]:
    """Yield what the sources that agree say, cleaned; not yet compared with their texts."""
    agreeing = [source for source in gated.sources if source.agrees]
    places = [source.item for source in agreeing if isinstance(source.item, Place)]
    hits = [source.item for source in agreeing if isinstance(source.item, Hit)]
    pages = [source.item for source in agreeing if isinstance(source.item, Page)]
    jobs = [source.item for source in agreeing if isinstance(source.item, JobAd)]
    domain, country = gated.website.domain, _country_of(subject, places)
    stated = (
        *details.of_places(places),
        *details.of_hits(hits, subject, domain),
        *(value for hit in hits for value in _observe_listing(hit, country, domain)),
        *details.of_pages(pages, country),
        *details.of_jobs(jobs, subject.name),
        *_sectors(subject, gated, places, hits, pages),
    )
    is_open = any(not place.permanently_closed for place in places)
    for observed in stated:
        if observed.field is ClaimField.WEBSITE:
            continue  # named by `_websites` alone, and only the one that was chosen
        if observed.step is Step.MAPS and _is_closure(observed):
            if is_open:
                continue  # one of several places has closed, not the company
            yield from _clean(replace(observed, quote=CLOSED_CELL))
            continue
        yield from _clean(observed)
    yield from _websites(gated, agreeing)


def _is_closure(observed: Observed) -> bool:
    return observed.field is ClaimField.NEWS and str(observed.value).startswith(_CLOSURE)


def _country_of(subject: Subject, places: Sequence[Place]) -> str | None:
    """Return whose phone numbers a page means that writes them without a country code."""
    countries = {place.country for place in places if place.country}
    return subject.country or (countries.pop() if len(countries) == 1 else None)


def _observe_listing(hit: Hit, country: str | None, domain: str | None) -> Iterator[Observed]:
    """Yield what a directory or network tells of the company: profile, phones, tax ids, size."""
    if is_on(hit.url, domain):
        return
    text = hit.description[:_LONGEST_LISTING]
    contacts = contacts_in(text, country)
    values: list[tuple[ClaimField, str | int, str]] = []
    if profile := details.social_profile(hit.url):
        values.append((ClaimField.SOCIAL, profile, hit.url))
    values += [(ClaimField.PHONE, phone.value, phone.quote) for phone in contacts.phones]
    values += [(ClaimField.TAX_ID, one.value, one.quote) for one in contacts.tax_ids]
    if found := headcount_in(text):
        size, said = found
        values.append((*details.as_claim(size), said.quote))
    for field, value, quote in values:
        yield Observed(
            field=field,
            value=value,
            quote=quote,
            method=Method.LISTING,
            step=Step.SEARCH,
            source_url=hit.url,
        )


def _websites(gated: Gated, agreeing: Iterable[Source]) -> Iterator[Observed]:
    """Yield what names the chosen website: places, hits on it, and its own pages."""
    site = gated.website
    if site.url is None:
        return
    for source in agreeing:
        match source.item:
            case Place(website=str() as address) if is_on(address, site.domain):
                quote, method = single_spaced(address), Method.MAPS_FIELD
            case Hit() if is_on(source.url, site.domain):
                quote, method = single_spaced(source.item.title), Method.WEBSITE_SCORE
            case Page(title=title):
                quote, method = (
                    single_spaced(title) or single_spaced(source.item.url),
                    Method.PAGE_TEXT,
                )
            case _:
                continue
        yield Observed(
            field=ClaimField.WEBSITE,
            value=site.url,
            quote=quote[:LONGEST_QUOTE],
            method=method,
            step=source.step,
            source_url=source.url,
        )


def _sectors(
    subject: Subject,
    gated: Gated,
    places: Sequence[Place],
    hits: Sequence[Hit],
    pages: Sequence[Page],
) -> Iterator[Observed]:
    """Yield one sector from Maps, and one from the company's site or else its search results."""
    yield from _sector_of_places(places, language_of(subject.country))
    texts = [
        (page.url, f"{page.description}\n{page.text[:_SECTOR_CHARACTERS]}", Step.CRAWL)
        for page in pages
        if not _LEGAL_PAGE.search(page.url.casefold())
    ]
    found = _sector_of_texts(subject, texts)
    if found is None:
        own = [hit for hit in hits if is_on(hit.url, gated.website.domain)]
        texts = [(hit.url, f"{hit.title}\n{hit.description}", Step.SEARCH) for hit in own]
        found = _sector_of_texts(subject, texts)
    if found:
        yield found if gated.is_backed else _doubt(found)


def _doubt(observed: Observed) -> Observed:
    """Return what the search result of a site says that is only believed to be the company's."""
    site = confidence_of(Method.WEBSITE_SCORE, Status.SINGLE_SOURCE)
    own = 1.0 if observed.confidence is None else observed.confidence
    number = min(own, confidence_of(observed.method, Status.SINGLE_SOURCE))
    return replace(observed, confidence=round(site * number, 3))


def _sector_of_places(places: Iterable[Place], language: str) -> Iterator[Observed]:
    """Yield the sector that the categories of most places stand for; a tie tells nothing."""
    votes: dict[str, list[Observed]] = defaultdict(list)
    for place in places:
        categories = (place.category, *place.categories)
        guesses = ((one, sector_of_category(one, language=language)) for one in categories if one)
        category, guess = next(((one, found) for one, found in guesses if found), (None, None))
        if category and guess:
            sector = _sector(guess, category, Method.MAPS_CATEGORY, Step.MAPS, place.url)
            votes[guess.sector.value].append(sector)
    ranked = sorted(votes.values(), key=len, reverse=True)
    if ranked and (len(ranked) == 1 or len(ranked[0]) > len(ranked[1])):
        yield from ranked[0]


def _sector_of_texts(subject: Subject, texts: Sequence[tuple[str, str, Step]]) -> Observed | None:
    """Return the sector that *texts*, each with its address and step, speak of as a whole."""
    guess = sector_in_text("\n".join(text for _, text, _ in texts), name=subject.name)
    if guess is None:
        return None
    for url, text, step in texts:
        if guess.quote in text:
            return _sector(guess, guess.quote, Method.WORD_LIST, step, url)
    return None


def _sector(
    guess: SectorGuess, quote: str, method: Method, step: Step, url: str | None
) -> Observed:
    return Observed(
        field=ClaimField.SECTOR,
        value=guess.sector.value,
        quote=single_spaced(quote),
        method=method,
        step=step,
        source_url=url,
        confidence=guess.confidence,
    )


def _clean(observed: Observed) -> Iterator[Observed]:
    """Yield *observed* with a clean and bounded value; nothing if no value is left."""
    value = observed.value
    if isinstance(value, int):
        yield observed
        return
    match observed.field:
        case ClaimField.DESCRIPTION:
            text = _truncate(plain(value), _LONGEST_DESCRIPTION)
        case ClaimField.SOCIAL:
            text = single_spaced(value)
            if len(text) > _LONGEST_VALUE or not text.startswith(("http://", "https://")):
                return
        case _:
            text = _truncate(single_spaced(value), _LONGEST_VALUE)
    if text:
        yield replace(observed, value=text)


def _find_grounds(stated: Iterable[Observed], gated: Gated) -> Iterator[tuple[Observed, Source]]:
    """Yield each value with the source that contains its quote; a value without one is dropped."""
    sources: dict[tuple[Step, str | None], list[Source]] = defaultdict(list)
    for source in gated.sources:
        if source.agrees:
            sources[source.step, source.url].append(source)
    for observed in stated:
        quote = single_spaced(observed.quote)
        if not quote or not _is_in_quote(observed, quote):
            continue
        for source in sources[observed.step, observed.source_url]:
            if quote in source.text:
                yield replace(observed, quote=quote), source
                break


def _is_in_quote(observed: Observed, quote: str) -> bool:
    """Return whether the *quote* has the value, for fields whose values are read literally."""
    value = str(observed.value)
    match observed.field:
        case ClaimField.EMAIL:
            return value.partition("@")[0].casefold() in quote.casefold()
        case ClaimField.PHONE:
            digits = _kept(str.isdigit, value)[-_LOCAL_DIGITS:]
            return bool(digits) and digits in _kept(str.isdigit, quote)
        case ClaimField.TAX_ID:
            return _kept(str.isalnum, value) in _kept(str.isalnum, quote)
        case _:
            return True


def _kept(is_kept: Callable[[str], bool], text: str) -> str:
    return "".join(filter(is_kept, text.casefold()))


def _statement(subject: Subject, gated: Gated, observed: Observed, source: Source) -> Statement:
    is_page = source.step is Step.CRAWL
    if observed.field is ClaimField.WEBSITE:
        # Which site it is, a search and a page of the site say independently.
        return Statement(
            observed, source.step, is_page, is_page and is_on(source.url, subject.domain)
        )
    is_web = source.step in {Step.CRAWL, Step.SEARCH}
    host = host_of(source.url or "") if is_web else None
    is_own = is_web and gated.is_backed and is_on(source.url, gated.website.domain)
    is_proof = is_page and is_on(source.url, subject.domain)
    if observed.method is Method.CHECK_DIGIT and is_page:
        # The tax id itself, and the country that it is of.
        is_proof = is_proof or names_company(subject, source)
    return Statement(observed, registrable(host) if host else source.step, is_own, is_proof)


def _best_of(field: ClaimField, judged: Sequence[Judged], gated: Gated) -> tuple[Judged, ...]:
    """Return the values of a field that the answer has room for."""
    if field is ClaimField.EMAIL:
        domain = gated.website.domain
        judged = sorted(judged, key=lambda one: not is_on(domain_of_email(str(one.value)), domain))
    return tuple(judged[:_MOST_VALUES])


def _datum(judged: Judged, bought_at: Mapping[Step, datetime]) -> dict[str, Any]:
    observed = judged.best.observed
    as_of = observed.as_of or bought_at.get(observed.step)
    datum: dict[str, Any] = {
        "value": judged.value,
        "confidence": judged.confidence,
        "source_url": observed.source_url,
        "as_of": as_of and as_of.isoformat(),
        "quote": _truncate(observed.quote, LONGEST_QUOTE),
        "method": observed.method.value,
        "status": judged.status.value,
    }
    return datum | ({"alternatives": [*judged.alternatives]} if judged.alternatives else {})


def _sources_shown(
    gated: Gated, values: Mapping[ClaimField, Sequence[Judged]], origin: Mapping[Observed, Source]
) -> tuple[SourceShown, ...]:
    taken: dict[int, set[ClaimField]] = defaultdict(set)
    for field, judged in values.items():
        for statement in (one for value in judged for one in value.support):
            taken[id(origin[statement.observed])].add(field)
    shown = [
        SourceShown(
            step=source.step,
            title=_truncate(single_spaced(source.title), _LONGEST_SHOWN),
            url=source.url,
            agreement=source.belonging.agreement,
            reasons=_reasons(source.belonging.reasons),
            taken=tuple(name for field, name in FIELD_NAMES.items() if field in taken[id(source)]),
        )
        for source in gated.sources
    ]
    return tuple(sorted(shown, key=lambda one: _AGREEMENTS.index(one.agreement)))


def _log(
    answers: Answers, sources: Sequence[SourceShown], website: WebsiteChoice
) -> dict[str, Any]:
    """Return what a person must see afterwards, as bounded JSON."""
    steps = {
        Step.MAPS: answers.maps,
        Step.SEARCH: answers.search,
        Step.CRAWL: answers.crawl,
        Step.JOBS: answers.jobs,
    }
    shown = replace(
        website,
        reasons=_reasons(website.reasons),
        candidates=tuple(
            replace(candidate, reasons=_reasons(candidate.reasons))
            for candidate in website.candidates[:_MOST_CANDIDATES]
        ),
    )
    return {
        "steps": {step.value: len(items) for step, items in steps.items() if items is not None},
        "sources": _SOURCES.dump_python(list(sources[:_MOST_SOURCES]), mode="json"),
        "website": _CHOICE.dump_python(shown, mode="json"),
    }


def _reasons(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        _truncate(single_spaced(reason), _LONGEST_SHOWN) for reason in reasons[:_MOST_REASONS]
    )


def _truncate(text: str, most: int) -> str:
    """Return *text* with at most *most* characters, ending with a word where it is cut."""
    if len(text) <= most:
        return text
    head = text[:most]
    return (head.rpartition(" ")[0] or head).rstrip()

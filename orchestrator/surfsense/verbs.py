"""The verbs that steps are made of: what is sent about a company, and what their items say. Pure.

One run serves one step. Its request is written down with the purchase, so that a run whose id was
lost is recognized by comparing requests. Of its items only what the evidence rests on is kept.

A run of `google_search.scrape` by an earlier version has only its search phrase: the company's name
in quotes and, where the name is not enough, the domain or country that follows it in brackets. It
is recognized by reading the phrase back.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

from babel import Locale
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from orchestrator.evidence.model import Hit, JobAd, Page, Place, Step, Subject, language_of
from orchestrator.evidence.website import telling_links
from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.identity.writing import split_words

#: The verb that runs are made of, and its price for one page of results in micro-USD.
CAPABILITY = "google_search.scrape"
SEARCH_PAGE_MICROS = 5_500

#: The sandbox puts its whole company into an item under this name; SurfSense has no such field.
COMPANY_FIELD = "empresa"

#: How far a first hit is trusted to be the company's own site: with links into the site, which
#: Google shows for the site that a name stands for, and without.
_SITE_LINKS_CONFIDENCE, _HIT_CONFIDENCE = 0.4, 0.2

#: Fields that we leave blank: a search that sets them was not started by us.
_NARROWING = ("country_code", "language_code", "site")


#: What distinguishes companies of one name: a domain, or a country.
_DETAIL = r"(?:[a-z0-9_-]+\.)+[a-z0-9-]{2,}|[A-Z]{2}"
_DETAILED = re.compile(rf"(.*\S) \(({_DETAIL})\)", re.DOTALL)
_PHRASE = re.compile(rf'"([^"]*)"(?: ({_DETAIL}))?')


class _Company(NamedTuple):
    name: str
    detail: str | None


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    description: str | None = None
    siteLinks: list[Any] | None = None  # noqa: N815 - SurfSense's name


def is_searchable(company: str) -> bool:
    """Return whether anything is left of the name in a search phrase."""
    return bool(_words_of(_parts_of(company).name))


def search_request(company: str) -> dict[str, Any]:
    """Return the request body that looks *company* up on one page of results.

    >>> search_request('Talleres "Arriaga" SL')
    {'queries': ['"Talleres Arriaga SL"'], 'max_pages_per_query': 1}
    >>> search_request("Acme GmbH (globex.de)")["queries"]
    ['"Acme GmbH" globex.de']
    """
    name, detail = _parts_of(company)
    phrase = f'"{_words_of(name)}"'
    return {"queries": [f"{phrase} {detail}" if detail else phrase], "max_pages_per_query": 1}


def is_search_for(company: str, request: Mapping[str, Any] | None) -> bool:
    """Return whether *request*, as a run keeps it, is ours and about the company of that name.

    >>> is_search_for("ACME, S.L.", search_request("Acme"))
    True
    """
    if request is None:
        return False
    queries = request.get("queries")
    if not isinstance(queries, list) or len(queries) != 1 or not isinstance(queries[0], str):
        return False
    phrase, asked = _PHRASE.fullmatch(queries[0]), _parts_of(company)
    if phrase is None or phrase[2] != asked.detail:
        return False
    name = f"{phrase[1]} ({phrase[2]})" if phrase[2] else phrase[1]
    ours = {**dict.fromkeys(_NARROWING), **search_request(name)}
    if any((request.get(field) or None) != value for field, value in ours.items()):
        return False
    try:
        return company_key(phrase[1]) == company_key(asked.name)
    except InvalidCompanyName:
        return False


def payload_from(items: list[dict[str, Any]], company: str) -> dict[str, Any]:
    """Return what *items* say about *company*, in the form of `POST /enrich`; empty if nothing.

    If the company's domain is known, hits on other domains count for nothing: they may be about
    other companies of its name.
    """
    for item in items:
        if isinstance(company_object := item.get(COMPANY_FIELD), dict):
            return company_object
    results = [result for item in items for result in _results_in(item)]
    name, detail = _parts_of(company)
    own = [each for each in results if _is_on(each.url, detail)]
    if not own:
        return {}
    first = own[0]
    confidence = _SITE_LINKS_CONFIDENCE if first.siteLinks else _HIT_CONFIDENCE
    source = {"confidence": confidence, "source_url": first.url}
    payload: dict[str, Any] = {"empresa": name, "website": {"value": first.url} | source}
    if first.description:
        payload["description"] = {"value": first.description} | source
    return payload | {"source_urls": [result.url for result in own]}


def _parts_of(company: str) -> _Company:
    """Return the parts of `Acme GmbH (globex.de)`, or of a name alone."""
    detailed = _DETAILED.fullmatch(company)
    return _Company(detailed[1], detailed[2]) if detailed else _Company(company, None)


def _is_on(url: str, detail: str | None) -> bool:
    """Return whether a hit may be the company's: on its domain, where that is known."""
    if detail is None or "." not in detail:
        return True
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == detail or host.endswith(f".{detail}")


def _words_of(company: str) -> str:
    # A newline would make two searches, a NUL a run that cannot be started.
    printable = (char if char.isprintable() and char != '"' else " " for char in company)
    return " ".join("".join(printable).split())


def _results_in(item: Mapping[str, Any]) -> list[_Result]:
    listed = item.get("organicResults")
    results: list[_Result] = []
    for result in listed if isinstance(listed, list) else []:
        try:
            results.append(_Result.model_validate(result))
        except ValidationError:
            continue  # one odd hit does not spoil the page
    return [result for result in results if result.url.startswith(("http://", "https://"))]


JsonObject = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verb:
    """How SurfSense calls a step, `google_maps.scrape`, and what the ledger calls it."""

    capability: str
    source: str


VERBS: Final[Mapping[Step, Verb]] = {
    Step.MAPS: Verb("google_maps.scrape", "google_maps"),
    Step.SEARCH: Verb("google_search.scrape", "google_search"),
    Step.CRAWL: Verb("web.crawl", "web"),
    Step.PAGES: Verb("web.crawl", "web_pages"),
    Step.JOBS: Verb("indeed.scrape", "indeed"),
}

_STEPS: Final = {verb.source: step for step, verb in VERBS.items()}

#: Places of one search: the first is nearly always the best match, and each is charged.
MAPS_PLACES: Final = 1
#: Job ads of one search, of which other employers' are charged, too.
JOB_ADS: Final = 5
#: Days that a job ad counts as hiring.
JOBS_SINCE_DAYS: Final = 30
#: Characters of a page that are asked for, and kept: the details of a company come early.
PAGE_CHARACTERS: Final = 12_000
#: Characters of any other text that is kept.
LONGEST_TEXT: Final = 2_000
#: Items of an answer that are read, and addresses of a page.
MOST_ITEMS: Final = 50
#: Links of a page that are looked at: menus come first, footers last.
MOST_LINKS: Final = 2_000


def step_of(source: str) -> Step | None:
    """Return the step that the ledger calls *source*; None for another source.

    >>> step_of("google_maps"), step_of("surfsense")
    (<Step.MAPS: 'maps'>, None)
    """
    return _STEPS.get(source)


def request_of(
    step: Step, subject: Subject, *, site: str | None = None, pages: Sequence[str] = ()
) -> JsonObject:
    """Return the request body of *step* about *subject*.

    Fields that would narrow the answer are set even where they are blank: a run is recognized by
    all of them.

    Args:
        step: What is to be bought.
        subject: The company.
        site: The website whose home page is read; needed for `CRAWL` alone.
        pages: The addresses that are read; needed for `PAGES` alone.

    >>> request_of(Step.SEARCH, Subject("Talleres Arriaga SL", country="ES"))["queries"]
    ['Talleres Arriaga SL']
    """
    name, language = _one_line(subject.name), language_of(subject.country)
    match step:
        case Step.MAPS:
            return {
                "search_queries": [name],
                "location": _location_of(subject),
                "max_places": MAPS_PLACES,
                "language": language,
                "include_details": False,
            }
        case Step.SEARCH:
            return {
                "queries": [f"{name} {_one_line(subject.city)}" if subject.city else name],
                "max_pages_per_query": 1,
                "country_code": (subject.country or "").lower() or None,
                "language_code": language if subject.country else "",
                "site": None,
            }
        case Step.CRAWL:
            return _crawl_of([home_of(site or "")])
        case Step.PAGES:
            return _crawl_of(pages)
        case Step.JOBS:
            return {
                "search_queries": [f'"{name}"'],
                "country": (subject.country or "us").lower(),
                "max_items": JOB_ADS,
                "max_items_per_query": JOB_ADS,
                "from_days": JOBS_SINCE_DAYS,
            }


def asked_by(step: Step, subject: Subject, *, site: str | None = None) -> str:
    """Return the facts by which *step* is asked about companies of one name; blank for none.

    Two of them that are asked by other facts are two questions, also if they have one key.

    >>> asked_by(Step.MAPS, Subject("Acme", country="ES", city="BILBAO"))
    'bilbao es'
    >>> asked_by(Step.CRAWL, Subject("Acme"), site="https://www.acme.es/contacto")
    'acme.es'
    """
    match step:
        case Step.MAPS | Step.SEARCH:
            facts = (subject.city, subject.country)
            return " ".join(word for fact in facts if fact for word in split_words(fact))
        case Step.CRAWL | Step.PAGES:
            return urlsplit(home_of(site or "")).netloc.removeprefix("www.")
        case Step.JOBS:
            return (subject.country or "").casefold()


def _crawl_of(urls: Sequence[str]) -> JsonObject:
    return {
        "startUrls": [*urls],
        "maxCrawlDepth": 0,
        "maxCrawlPages": len(urls),
        "maxLength": PAGE_CHARACTERS,
    }


def is_askable(subject: Subject) -> bool:
    """Return whether anything is left of the name in a request."""
    return bool(_one_line(subject.name))


def home_of(url: str) -> str:
    """Return the root of the site of *url*, as SurfSense writes addresses.

    >>> home_of("HTTPS://www.Acme.es/contacto?x=1"), home_of("acme.es")
    ('https://www.acme.es/', 'https://acme.es/')
    """
    parts = urlsplit(url if "//" in url else f"https://{url}")
    return urlunsplit((parts.scheme.lower() or "https", parts.netloc.lower(), "/", "", ""))


def is_request(request: Mapping[str, Any] | None, body: Mapping[str, Any]) -> bool:
    """Return whether *request*, as a run keeps it, is *body*; defaults may have been added.

    >>> body = {"queries": ["Acme"], "site": None}
    >>> is_request({"queries": ["Acme"], "language_code": ""}, body)
    True
    >>> is_request({"queries": ["Acme"], "site": "acme.es"}, body)
    False
    """
    if request is None:
        return False
    return all((request.get(name) or None) == (value or None) for name, value in body.items())


def answer_of(step: Step, items: Sequence[JsonObject]) -> JsonObject:
    """Return what is kept of the *items* of a run; empty if they say nothing.

    The sandbox may put its whole company into an item of a search, which is kept as it is.
    """
    for item in items:
        if step is Step.SEARCH and isinstance(company := item.get(COMPANY_FIELD), dict):
            return company
    read: Sequence[object]
    match step:
        case Step.MAPS:
            read = places_in(items)
        case Step.SEARCH:
            read = hits_in(items)
        case Step.CRAWL | Step.PAGES:
            read = pages_in(items)
        case Step.JOBS:
            read = job_ads_in(items)
    if not read:
        return {}
    return {"step": step.value, "items": _KEPT[step].dump_python(read, mode="json")}


def kept_in(step: Step, answer: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the places, hits, pages or job ads that `answer_of` kept in *answer*.

    One of another version, which cannot be read, counts as one that says nothing.
    """
    try:
        return _KEPT[step].validate_python(answer.get("items", []))
    except ValidationError:
        return ()


def places_in(items: Iterable[Mapping[str, Any]]) -> tuple[Place, ...]:
    """Return the places of `google_maps.scrape`; items without a title say nothing."""
    return tuple(
        Place(
            title=title,
            category=_text(item.get("categoryName")),
            categories=tuple(_texts(item.get("categories"))),
            address=_text(item.get("address")),
            city=_text(item.get("city")),
            country=_country(item.get("countryCode")),
            website=_text(item.get("website")),
            phone=_text(item.get("phoneUnformatted")) or _text(item.get("phone")),
            description=_text(item.get("description")),
            permanently_closed=item.get("permanentlyClosed") is True,
            reviews=_count(item.get("reviewsCount")),
            url=_text(item.get("url")),
        )
        for item in _first(items)
        if (title := _text(item.get("title")))
    )


def hits_in(items: Iterable[Mapping[str, Any]]) -> tuple[Hit, ...]:
    """Return the organic results of `google_search.scrape`, in their order, over all pages."""
    results = [result for item in items for result in _objects(item.get("organicResults"))]
    return tuple(
        Hit(
            position=_count(result.get("position")) or number,
            title=_text(result.get("title")) or "",
            url=url,
            description=_text(result.get("description")) or "",
            has_site_links=bool(_objects(result.get("siteLinks"))),
            date=_text(result.get("date")),
        )
        for number, result in enumerate(_first(results), 1)
        if (url := _text(result.get("url"))) and url.startswith(("http://", "https://"))
    )


def pages_in(items: Iterable[Mapping[str, Any]]) -> tuple[Page, ...]:
    """Return the pages of `web.crawl` that were fetched with content."""
    return tuple(
        Page(
            url=url,
            text=text[:PAGE_CHARACTERS],
            title=_text(_object(item.get("metadata")).get("title")) or "",
            description=_text(_object(item.get("metadata")).get("description")) or "",
            emails=tuple(_texts(_object(item.get("contacts")).get("emails"))),
            phones=tuple(_texts(_object(item.get("contacts")).get("phones"))),
            socials=tuple(_texts(_object(item.get("contacts")).get("socials"))),
            links=telling_links(url, _links_in(item)),
        )
        for item in _first(items)
        if item.get("status") == "success"
        and (url := _text(item.get("url")))
        and isinstance(text := item.get("markdown") or "", str)
    )


def _links_in(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses that a page links within its site; a page may have thousands."""
    for link in islice(_objects(item.get("links")), MOST_LINKS):
        if link.get("kind") == "internal" and (url := _text(link.get("url"))):
            yield url


def job_ads_in(items: Iterable[Mapping[str, Any]]) -> tuple[JobAd, ...]:
    """Return the job ads of `indeed.scrape`."""
    return tuple(
        JobAd(
            title=title,
            company=_text(item.get("company")) or "",
            url=_text(item.get("jobUrl")),
            city=_text(item.get("city")) or _text(item.get("formattedLocation")),
            published_at=_instant(item.get("datePublished")),
            is_expired=item.get("expired") is True,
        )
        for item in _first(items)
        if (title := _text(item.get("title")))
    )


_KEPT: Final[Mapping[Step, TypeAdapter[tuple[Any, ...]]]] = {
    Step.MAPS: TypeAdapter(tuple[Place, ...]),
    Step.SEARCH: TypeAdapter(tuple[Hit, ...]),
    Step.CRAWL: TypeAdapter(tuple[Page, ...]),
    Step.PAGES: TypeAdapter(tuple[Page, ...]),
    Step.JOBS: TypeAdapter(tuple[JobAd, ...]),
}


def _location_of(subject: Subject) -> str | None:
    """Return `city, country` in the language of the country, as far as they are known."""
    names = Locale(language_of(subject.country)).territories
    parts = [subject.city, names.get(subject.country or "", subject.country)]
    return ", ".join(_one_line(part) for part in parts if part) or None


def _one_line(text: str) -> str:
    # A newline would make two searches, a NUL a run that cannot be started.
    printable = (char if char.isprintable() and char != '"' else " " for char in text)
    return " ".join("".join(printable).split())


def _first(items: Iterable[T]) -> list[T]:
    return [item for _, item in zip(range(MOST_ITEMS), items, strict=False)]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value.strip()[:LONGEST_TEXT] or None if isinstance(value, str) else None


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else []
    return [text for each in _first(listed) if (text := _text(each))]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _country(value: object) -> str | None:
    text = _text(value)
    return text.upper() if text and len(text) == 2 and text.isalpha() else None  # noqa: PLR2004 - alpha-2


def _instant(value: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant

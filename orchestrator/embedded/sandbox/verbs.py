"""What each verb of SurfSense's workspace API answers in the invented world, and for how much.

In the simple world one page of `google_search.scrape` tells all: an item has the real one's fields,
about the invented company; and under `empresa`, which no item of SurfSense has, the JSON object
that `/enrich` answers: agents decide alike by either protocol.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from orchestrator.embedded.sandbox.behaviour import Behaviour
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.company import Company, Trait
from orchestrator.embedded.sandbox.fake_data import (
    JOB_MICROS,
    PAGE_MICROS,
    SEARCH_MICROS,
    uniform,
)
from orchestrator.embedded.sandbox.pages import contacts_of, crawled, pages_charged
from orchestrator.embedded.sandbox.requests import (
    PLACE_MICROS,
    REVIEW_MICROS,
    CrawlRequest,
    JobsRequest,
    MapsRequest,
    Request,
    SearchRequest,
)
from orchestrator.embedded.sandbox.sources import (
    Query,
    companies_on_maps,
    jobs_at,
    jobs_found,
    place_of,
    result_page,
    search_item,
)
from orchestrator.identity import InvalidCompanyName, company_key

_QUOTED = re.compile(r'"([^"]+)"')
#: A quoted name, and the domain or country that distinguishes companies of the name.
_DETAILED = re.compile(r'"([^"]+)" (\S+\.\S+|[A-Z]{2})')


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of one search: its company, as typed and by key, its items, and their price."""

    name: str
    key: str
    outcome: str
    items: list[dict[str, Any]]
    cost_micros: int


def topic_of(phrase: str) -> tuple[str, str]:
    """Return the company that a search phrase is about, as typed and by its key."""
    quoted, detailed = _QUOTED.search(phrase), _DETAILED.fullmatch(phrase)
    name = quoted[1].strip() if quoted else phrase
    if detailed:
        name = f"{name} ({detailed[2]})"
    try:
        return name, company_key(name)
    except InvalidCompanyName:
        return name, ""


def search(
    phrase: str, request: SearchRequest, behaviour: Behaviour, now: datetime
) -> SearchResult:
    """Return the result of *phrase*: an item per page; none, for free, of an unknown company."""
    name, key = topic_of(phrase)
    answer = behaviour.invent(name, key, now)
    if not key or answer["estado"] == "no_encontrada":
        return SearchResult(name, key, "no_encontrada", [], 0)
    pages = request.max_pages_per_query
    micros = pages * SEARCH_MICROS
    price = {"cost_micros": micros, "cost_items": {"google_search.page": micros}}
    results = _organic_results(answer)
    query = Query(phrase, None, "", None)
    items = [search_item(query, page, 0) for page in range(1, pages + 1)]
    items[0] |= {"resultsTotal": len(results), "organicResults": results}
    items[0]["empresa"] = answer | price
    return SearchResult(name, key, answer["estado"], items, micros)


def _organic_results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return hits on the invented company's own pages, its site first."""
    site = [answer["website"]] if "website" in answer else []
    urls = [datum["value"] for datum in [*site, *answer.get("socials", [])]]
    description = answer.get("description", {}).get("value", answer["aviso"])
    return [
        {
            "title": answer["empresa"],
            "url": url,
            "displayedUrl": url,
            "description": description,
            "emphasizedKeywords": [answer["empresa"]],
            "siteLinks": [],
            "type": "organic",
            "position": position,
        }
        for position, url in enumerate(urls, start=1)
    ]


_PLACE_ID = re.compile(r"ChIJ[\w-]{10,40}")


class UpstreamError(Exception):
    """A scraper failed unexpectedly: a 502, or a run's error."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one company of a request costs; `units` are its pages, places or jobs."""

    key: str
    name: str
    outcome: str
    units: int
    micros: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a request brought: items with explicit nulls, and what they cost.

    `contacts` are those of a whole crawl, which only a synchronous answer has.
    """

    items: list[dict[str, Any]]
    charges: list[Charge]
    contacts: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a request is answered by: the world (None: the simple one), behaviour and instant."""

    world: World | None
    behaviour: Behaviour
    now: datetime
    attempt: int


def key_in(request: Request, world: World | None) -> str:
    """Return the key of *request*'s first company; blank, or a host, if it names none."""
    if isinstance(request, CrawlRequest):
        host = request.subject.split("/")[2]
        return (world and _key_at(world, host)) or host
    return topic_of(request.subject)[1]


def perform(request: Request, scene: Scene) -> Result:
    """Return what *request* brings.

    Raises:
        UpstreamError: It brings nothing but a failure, and is free.
    """
    if scene.world is None:
        return _simple_search(request, scene)
    match request:
        case SearchRequest():
            return _search(request, scene, scene.world)
        case MapsRequest():
            return _maps(request, scene, scene.world)
        case CrawlRequest():
            return _crawl(request, scene, scene.world)
        case JobsRequest():
            return _jobs(request, scene, scene.world)
    raise UpstreamError


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return *value* as stored runs have it: no field of it is null."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _simple_search(request: Request, scene: Scene) -> Result:
    if not isinstance(request, SearchRequest):
        raise UpstreamError
    found = [search(phrase, request, scene.behaviour, scene.now) for phrase in request.phrases]
    charges = [
        Charge(each.key, each.name, each.outcome, len(each.items), each.cost_micros)
        for each in found
        if each.items
    ]
    return Result([item for each in found for item in each.items], charges)


def _search(request: SearchRequest, scene: Scene, world: World) -> Result:
    items: list[dict[str, Any]] = []
    charges: list[Charge] = []
    for phrase in request.phrases:
        topic = _topic_in(world, phrase)
        found = topic.found
        engine = _engine(scene, phrase, world.company(found) if found else None)
        if engine == "none":
            continue
        query = Query(phrase, request.country_code, request.language_code, request.site)
        pages = range(1, request.max_pages_per_query + 1)
        items += [
            result_page(
                world, found, topic.detail, query, page=page, is_searxng=engine == "searxng"
            )
            for page in pages
        ]
        if engine == "google":
            charges += _charge(scene, topic.key, topic.name, len(pages), SEARCH_MICROS)
    return Result(items, charges)


def _engine(scene: Scene, phrase: str, company: Company | None) -> str:
    """Return which engine answers a search: google, searxng or, where it is walled, none."""
    behaviour = scene.behaviour
    drawn = uniform(behaviour.seed, phrase, scene.attempt, "wall")
    if drawn < behaviour.wall_rate or (company and Trait.WALLED in company.traits):
        return "none"
    return "searxng" if drawn < behaviour.wall_rate + behaviour.searxng_rate else "google"


def _maps(request: MapsRequest, scene: Scene, world: World) -> Result:
    shown: list[tuple[str, str, str, list[Company]]] = []
    for phrase in filter(str.strip, request.search_queries):
        topic = _topic_in(world, phrase)
        companies = companies_on_maps(world, topic.found, request.location)
        shown.append((phrase, topic.key, topic.name, companies[: request.max_places]))
    for place in [*request.place_ids, *request.urls]:
        named = _PLACE_ID.search(place)
        company = world.at_place(named[0]) if named else None
        if company is not None:
            shown.append((place, _base_key(company), company.brand, [company]))
    items: list[dict[str, Any]] = []
    charges: list[Charge] = []
    for phrase, key, name, companies in shown:
        places = [
            place_of(
                world,
                company,
                phrase=phrase,
                location=request.location,
                rank=rank,
                now=scene.now,
                details=request.include_details,
                reviews=request.max_reviews,
            )
            for rank, company in enumerate(companies, 1)
        ]
        items += places
        reviews = sum(len(place["reviews"]) for place in places)
        extra = REVIEW_MICROS * reviews
        charges += _charge(scene, key, name, len(places), PLACE_MICROS, extra)
    return Result(items, charges)


def _crawl(request: CrawlRequest, scene: Scene, world: World) -> Result:
    try:
        items = crawled(world, request)
    except re.error as error:
        raise UpstreamError from error
    charges: list[Charge] = []
    for host, pages in pages_charged(items).items():
        key = _key_at(world, host) or host
        charges += _charge(scene, key, host, pages, PAGE_MICROS)
    return Result(items, charges, contacts_of(items))


def _jobs(request: JobsRequest, scene: Scene, world: World) -> Result:
    items: list[dict[str, Any]] = []
    charges: list[Charge] = []
    for asked in request.urls or filter(str.strip, request.search_queries):
        left = request.max_items - len(items)
        if request.urls:
            jobs, name = jobs_at(world, asked, now=scene.now), asked
            key = _slug_key(world, asked)
        else:
            topic = _topic_in(world, asked)
            name, key = topic.name, topic.key
            jobs = jobs_found(world, topic.found, now=scene.now)
        jobs = jobs[: min(left, request.max_items_per_query)]
        items += jobs
        charges += _charge(scene, key, name, len(jobs), JOB_MICROS)
    return Result(items, charges)


def _charge(
    scene: Scene, key: str, name: str, units: int, micros: int, extra: int = 0
) -> Iterable[Charge]:
    """Yield the charge of so many units, none where nothing was found or nothing costs."""
    if units and scene.behaviour.billing:
        yield Charge(key, name, "encontrada", units, units * micros + extra)


class _Topic(NamedTuple):
    """What a phrase is about.

    `name` and `key` are for the bill, `detail` is the domain or country after the name, and
    `found` the key of the company of the world that is meant.
    """

    name: str
    key: str
    detail: str | None
    found: str | None


def _topic_in(world: World, phrase: str) -> _Topic:
    name, key = topic_of(phrase)
    plain, _, detail = name.partition(" (")
    if detail.endswith(")"):
        return _Topic(name, key, detail.removesuffix(")"), world.key_of(plain))
    found = world.key_of(name)
    return _Topic(name, found or key, None, found)


def _key_at(world: World, host: str) -> str | None:
    site = world.site_at(host)
    return site and _base_key(site.company)


def _slug_key(world: World, url: str) -> str:
    company = world.at_slug(url.rstrip("/").removesuffix("/jobs").rpartition("/")[2])
    return _base_key(company) if company else url


def _base_key(company: Company) -> str:
    """Return the key of the name that callers ask for when they come upon *company*."""
    return re.split("[#~]", company.id)[0]

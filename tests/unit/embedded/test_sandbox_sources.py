"""What the sources say about the invented world's companies: its hard cases, as labelled."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
import pytest

from orchestrator.embedded.sandbox import Behaviour
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.company import Company, Trait
from orchestrator.embedded.sandbox.requests import (
    CrawlRequest,
    JobsRequest,
    MapsRequest,
    Request,
    SearchRequest,
)
from orchestrator.embedded.sandbox.verbs import Result, Scene, UpstreamError, perform, without_nulls

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@cache
def the_world() -> World:
    """Return the world of all tests here, which takes a second to invent."""
    return World(seed=1, catalogue_size=900)


@cache
def listed() -> list[Company]:
    """Return the companies of its catalogue."""
    return [company for company, _ in the_world().listed()]


CALM = Behaviour(world="real", wall_rate=0, searxng_rate=0)


def answer(request: Request, behaviour: Behaviour = CALM, attempt: int = 1) -> Result:
    """Return what the real world answers."""
    return perform(request, Scene(the_world(), behaviour, NOW, attempt))


def one_with(*traits: Trait, but: Trait | None = None) -> Company:
    """Return a company of the catalogue that has all *traits*, and not *but*."""
    return next(
        company
        for company in listed()
        if company.traits.issuperset(traits)
        and but not in company.traits
        and Trait.WALLED not in company.traits - set(traits)
    )


def hits_of(company: Company) -> list[dict[str, Any]]:
    """Return the first page of results about *company*."""
    (item,) = answer(SearchRequest(queries=[company.name], language_code=company.language)).items
    hits: list[dict[str, Any]] = item["organicResults"]
    return hits


def places_of(company: Company, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - request fields
    """Return what Maps shows for *company*."""
    return answer(MapsRequest(search_queries=[company.name], **more)).items


def crawl_of(company: Company, *, pages: int = 10) -> Result:
    """Return a crawl of the site of *company*."""
    url = f"https://www.{company.domain or company.other_domains[0]}/"
    return answer(CrawlRequest(startUrls=[url], maxCrawlDepth=1, maxCrawlPages=pages))


def own_ranks(company: Company) -> list[int]:
    """Return the ranks of the hits on the site of *company*."""
    site = f"https://www.{company.domain}/"
    return [hit["position"] for hit in hits_of(company) if hit["url"].startswith(site)]


def test_directories_and_social_networks_may_come_first() -> None:
    """An outranked site stands at rank 2 to 5; any other site comes first."""
    outranked = [
        own_ranks(company)[0]
        for company in listed()
        if Trait.OUTRANKED in company.traits
        and not company.traits & {Trait.NAMESAKE_FIRST, Trait.WALLED}
    ]
    first = next(
        c
        for c in listed()
        if c.domain and not c.traits & {Trait.OUTRANKED, Trait.NAMESAKE_FIRST, Trait.WALLED}
    )

    assert set(outranked) == {2, 3, 4, 5}
    assert own_ranks(first)[0] == 1


def test_a_company_without_website_has_hits_elsewhere_only() -> None:
    """Directories and networks list it; nothing ends in the domain of a site of its own."""
    company = one_with(Trait.NO_WEBSITE, but=Trait.NAMESAKES)

    hosts = {hit["url"].split("/")[2] for hit in hits_of(company)}

    assert hosts
    assert not any(host.endswith(".example") for host in hosts)
    assert {place["website"] for place in places_of(company, max_places=1)} <= {
        None,
        f"https://www.facebook.com/{company.slug}",
    } or not company.has_place


def test_a_parked_domain_is_no_site() -> None:
    """It stands among the hits, and its page says what it is."""
    company = one_with(Trait.PARKED, but=Trait.NAMESAKES)

    (page,) = crawl_of(company).items

    assert any(company.other_domains[0] in hit["url"] for hit in hits_of(company))
    assert page["status"] == "success"
    assert company.other_domains[0] in page["markdown"]
    assert len(page["markdown"]) < 300


def test_a_subsidiary_stands_on_its_groups_site() -> None:
    """The group's page names it, with the group's own mailbox."""
    company = one_with(Trait.PARENT_SITE)
    url = next(hit["url"] for hit in hits_of(company) if company.other_domains[0] in hit["url"])

    (page,) = answer(CrawlRequest(startUrls=[url])).items

    assert company.brand in page["markdown"]
    assert page["contacts"]["emails"] == [f"info@{company.other_domains[0]}"]


def test_another_company_of_the_name_may_be_ranked_first() -> None:
    """In the search, and on Maps where no location is asked for."""
    company = one_with(Trait.NAMESAKE_FIRST, but=Trait.UNFINDABLE)
    domains = [other.domain for other in the_world().namesakes(company.id)]

    first = hits_of(company)[0]

    assert any(domain and domain in first["url"] for domain in domains)


def test_a_location_brings_the_place_that_is_meant() -> None:
    """The same search shows another one without it."""
    company = next(c for c in listed() if Trait.NAMESAKE_FIRST in c.traits and c.has_place)
    elsewhere = places_of(company, max_places=1)
    here = places_of(company, max_places=1, location=f"{company.city}, España")

    assert elsewhere[0]["phoneUnformatted"] != company.phones[0]
    assert here[0]["phoneUnformatted"] == company.phones[0]


@pytest.mark.parametrize("trait", [Trait.MAPS_OTHER, Trait.MAPS_MISSING])
def test_maps_may_not_know_the_company(trait: Trait) -> None:
    """It shows what is near, or nothing."""
    company = one_with(trait, but=Trait.NAMESAKES)

    places = places_of(company)

    assert bool(places) == (trait is Trait.MAPS_OTHER)
    assert all(place["phoneUnformatted"] not in company.phones for place in places)


def test_a_closed_company_is_marked_on_maps() -> None:
    """Permanently."""
    company = next(c for c in listed() if Trait.CLOSED in c.traits and c.has_place)
    places = places_of(company, location=company.city)

    assert places[0]["permanentlyClosed"] is True


def test_a_soft_404_is_a_success_that_is_charged() -> None:
    """As in SurfSense, which tells no HTTP status."""
    company = next(c for c in listed() if Trait.SOFT_404 in c.traits and c.has_readable_site)

    result = crawl_of(company, pages=4)

    lost = [page for page in result.items if "404" in page["markdown"] or "no " in page["markdown"]]
    assert {page["status"] for page in result.items} == {"success"}
    assert lost
    assert sum(charge.micros for charge in result.charges) == len(result.items) * 2_000


def test_a_legal_page_names_other_peoples_contacts() -> None:
    """The designer's and the authority's, beside the company's own."""
    company = next(
        c
        for c in listed()
        if {Trait.DESIGNER} <= c.traits and c.has_readable_site and Trait.SOFT_404 not in c.traits
    )

    text = "\n".join(page["markdown"] or "" for page in crawl_of(company).items)

    assert "@autoridad" in text or "authority" in text
    assert company.emails[0] in text


def test_dirty_text_has_what_breaks_careless_readers() -> None:
    """Over all such sites: markup, control characters, line separators."""
    dirty = [c for c in listed() if Trait.DIRTY_TEXT in c.traits and c.has_readable_site]

    text = "".join(page["markdown"] for c in dirty for page in crawl_of(c).items)

    assert {"\u2028", "\x85", "\x0b", "<script>", "\u200b"} <= {
        each for each in ("\u2028", "\x85", "\x0b", "<script>", "\u200b") if each in text
    }
    assert "\x00" not in text


def test_an_answer_may_have_five_megabytes() -> None:
    """Whatever `maxLength` is, by the page's links."""
    company = next(
        c
        for number in range(5_000)
        if Trait.HUGE in (c := the_world().company(f"grande{number}_ancha")).traits
        and c.has_readable_site
    )

    result = crawl_of(company, pages=1)

    assert len(orjson.dumps(result.items)) > 5_000_000
    assert len(result.items[0]["markdown"]) == 50_000


@pytest.mark.parametrize("trait", [Trait.UNREACHABLE, Trait.SCRIPT_ONLY])
def test_pages_without_content_are_free(trait: Trait) -> None:
    """A failure of one page is no failure of the call."""
    company = one_with(trait)

    result = crawl_of(company)

    assert {page["status"] for page in result.items} <= {"failed", "empty"}
    assert result.charges == []


def test_an_unfindable_company_is_nowhere() -> None:
    """Only hits that have nothing to do with it, no place, no job."""
    company = one_with(Trait.UNFINDABLE, but=Trait.NAMESAKES)

    hits = hits_of(company)

    assert not any(company.brand in hit["title"] for hit in hits)
    assert all(p["phoneUnformatted"] not in company.phones for p in places_of(company))


def test_a_walled_search_is_free_and_empty() -> None:
    """Of some companies always, and of a share of searches as ordered."""
    walled = one_with(Trait.WALLED)
    open_to_all = one_with(but=Trait.WALLED)
    request = SearchRequest(queries=[open_to_all.name])

    always = answer(SearchRequest(queries=[walled.name]))
    ordered = answer(request, CALM.model_copy(update={"wall_rate": 1.0}))
    half = [
        bool(answer(request, CALM.model_copy(update={"wall_rate": 0.5}), attempt).items)
        for attempt in range(40)
    ]

    assert (always.items, always.charges) == (ordered.items, ordered.charges) == ([], [])
    assert 5 < sum(half) < 35


def test_a_substitute_engine_is_free_and_tells_little() -> None:
    """Titles, addresses and descriptions only, marked as SurfSense marks them."""
    behaviour = CALM.model_copy(update={"searxng_rate": 1.0})
    company = one_with(but=Trait.WALLED)

    result = answer(SearchRequest(queries=[company.name]), behaviour)

    (item,) = result.items
    assert result.charges == []
    assert (item["resultsProvider"], item["searchQuery"]["domain"]) == ("searxng", "searxng")
    assert item["organicResults"][0].keys() == {"title", "url", "description"}


def test_a_search_on_one_site_stays_there() -> None:
    """Both by `site` and by a domain behind the quoted name."""
    company = next(
        c
        for c in listed()
        if c.domain and Trait.OUTRANKED in c.traits and Trait.WALLED not in c.traits
    )
    domain = company.domain or ""

    (on_site,) = answer(SearchRequest(queries=[company.name], site=domain)).items
    (detailed,) = answer(SearchRequest(queries=[f'"{company.name}" {domain}'])).items

    assert on_site["organicResults"]
    assert all(domain in hit["url"] for hit in on_site["organicResults"])
    assert domain in detailed["organicResults"][0]["url"]


def test_job_ads_of_other_employers_are_charged_too() -> None:
    """A page of one employer has that employer's alone."""
    company = next(c for c in listed() if c.jobs and c.random("strangers").between(0, 3))
    page = f"https://es.indeed.com/cmp/{company.slug}/jobs"

    found = answer(JobsRequest(search_queries=[f'"{company.brand}"'], country="es"))
    own = answer(JobsRequest(urls=[page], search_queries=["ignored"]))

    names = {company.brand, company.name}
    assert {job["company"] for job in found.items} - names
    assert sum(charge.micros for charge in found.charges) == len(found.items) * 3_500
    assert {job["company"] for job in own.items} <= names
    assert {charge.key for charge in (*found.charges, *own.charges)} == {company.id}


@pytest.mark.parametrize(
    "request_for",
    [
        lambda company: SearchRequest(queries=[company.name]),
        lambda company: MapsRequest(search_queries=[company.name]),
        lambda company: CrawlRequest(startUrls=[f"https://{company.domain}/"]),
        lambda company: JobsRequest(search_queries=[company.name]),
    ],
    ids=["search", "maps", "crawl", "jobs"],
)
def test_the_bill_has_every_purchase_under_the_companys_key(
    request_for: Callable[[Company], Request],
) -> None:
    """Also that of a crawl, which knows hosts alone."""
    companies = [c for c in listed() if c.has_readable_site and c.jobs][:20]

    keys = [{each.key for each in answer(request_for(c)).charges} for c in companies]

    assert all(found <= {c.id} for found, c in zip(keys, companies, strict=True))
    assert any(keys)


def test_a_crawl_follows_the_patterns_of_its_request() -> None:
    """Start URLs in any case, of the links those that one pattern wants and none excludes."""
    company = next(
        c for c in listed() if c.has_readable_site and len(crawl_of(c, pages=20).items) > 5
    )
    start = f"https://www.{company.domain}/"
    whole = CrawlRequest(startUrls=[start], maxCrawlDepth=1, maxCrawlPages=20)
    patterns = ["(?i)legal|termos|terms|imprint"]

    legal = answer(whole.model_copy(update={"includeUrlPatterns": patterns}))
    no_blog = answer(whole.model_copy(update={"excludeUrlPatterns": ["/blog/"]}))

    assert legal.items[0]["url"] == start
    assert len(legal.items) == 2
    assert legal.items[1]["crawl"] == {
        "loadedUrl": legal.items[1]["url"],
        "depth": 1,
        "referrerUrl": start,
    }
    assert not any("/blog/" in item["url"] for item in no_blog.items)


def test_a_pattern_that_is_none_fails_upstream() -> None:
    """A 502 in SurfSense, not a refusal."""
    request = CrawlRequest(startUrls=["https://acme.example/"], includeUrlPatterns=["("])

    with pytest.raises(UpstreamError):
        answer(request)


def test_contacts_of_a_crawl_say_where_they_stand() -> None:
    """`siteWide` is what at least half of the pages with contacts have."""
    company = next(c for c in listed() if c.has_readable_site and c.phone_links and c.socials)

    contacts = crawl_of(company).contacts

    assert contacts is not None
    social = next(each for each in contacts["socials"] if each["value"] == company.socials[0])
    assert social["siteWide"] is True
    assert social["pageCount"] >= len(social["pages"])


def test_nulls_are_dropped_at_every_depth() -> None:
    """As stored runs have items."""
    item = {"a": None, "b": {"c": None, "d": 1}, "e": [{"f": None}]}

    assert without_nulls(item) == {"b": {"d": 1}, "e": [{}]}


def test_everything_is_free_where_billing_is_off() -> None:
    """As in a self-hosted SurfSense."""
    company = one_with(but=Trait.WALLED)
    free = CALM.model_copy(update={"billing": False})

    result = answer(SearchRequest(queries=[company.name]), free)

    assert result.items
    assert result.charges == []


def test_a_place_can_be_asked_for_again() -> None:
    """By the id and by the address that Maps has shown."""
    company = next(c for c in listed() if c.has_place and Trait.NAMESAKE_FIRST not in c.traits)
    (shown,) = places_of(company, max_places=1, include_details=True)

    again = answer(MapsRequest(place_ids=[shown["placeId"]], urls=[shown["url"]]))

    assert [place["placeId"] for place in again.items] == [shown["placeId"]] * 2
    assert sum(charge.micros for charge in again.charges) == 2 * 3_500
    assert answer(MapsRequest(place_ids=["ChIJunknown_place_id"])).items == []


def test_reviews_are_charged_one_by_one() -> None:
    """On top of their place."""
    company = next(
        c
        for c in listed()
        if c.has_place and (places_of(c, include_details=True)[0]["reviewsCount"] or 0) > 3
    )

    result = answer(MapsRequest(search_queries=[company.name], max_places=1, max_reviews=3))

    assert len(result.items[0]["reviews"]) == 3
    assert result.charges[0].micros == 3_500 + 3 * 1_500

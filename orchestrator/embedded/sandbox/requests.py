"""The requests of the verbs, with SurfSense's limits, defaults, prices and schemas. Pure.

Unknown fields are ignored, as SurfSense does; names are as it has them, of either case.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from orchestrator.embedded.sandbox.fake_data import JOB_MICROS, PAGE_MICROS, SEARCH_MICROS

#: What SurfSense asks for a place of Google Maps and for a review attached to it, in micro-USD.
PLACE_MICROS, REVIEW_MICROS = 3_500, 1_500


def _web_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or "." not in (parts.hostname or ""):
        raise ValueError("Input should be a valid http(s) URL")
    return url


_Phrases = Annotated[list[str], Field(max_length=20)]
_Urls = Annotated[list[str], Field(max_length=20)]
_WebUrl = Annotated[str, AfterValidator(_web_url)]
_Patterns = Annotated[list[str], Field(max_length=25)]


class Request(BaseModel):
    """What all requests have: the verb, its unit and price, and the worst case of its cost."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    verb: ClassVar[str]
    description: ClassVar[str]
    #: Live prices, the first that of an item.
    pricing: ClassVar[dict[str, int]]

    @property
    def worst_case_micros(self) -> int:
        """What the request costs at most."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """The first phrase or URL, which its faults are drawn by."""
        raise NotImplementedError


class SearchRequest(Request):
    """`google_search.scrape`."""

    verb = "google_search.scrape"
    description = "Invented pages of search results."
    pricing: ClassVar[dict[str, int]] = {"page": SEARCH_MICROS}

    queries: Annotated[list[str], Field(min_length=1, max_length=20)]
    max_pages_per_query: Annotated[int, Field(ge=1, le=10)] = 1
    country_code: str | None = None
    language_code: str = ""
    site: str | None = None

    @property
    def phrases(self) -> list[str]:
        """The searches that are made: a newline inside of a query makes two, a blank one none."""
        lines = (line.strip() for query in self.queries for line in query.split("\n"))
        return [line for line in lines if line]

    @property
    def worst_case_micros(self) -> int:
        """What the request costs at most."""
        return len(self.queries) * self.max_pages_per_query * SEARCH_MICROS

    @property
    def subject(self) -> str:
        """The first search."""
        return "".join(self.phrases[:1])


class MapsRequest(Request):
    """`google_maps.scrape`."""

    verb = "google_maps.scrape"
    description = "Invented places."
    pricing: ClassVar[dict[str, int]] = {"place": PLACE_MICROS, "review": REVIEW_MICROS}

    search_queries: _Phrases = []
    urls: _Urls = []
    place_ids: _Phrases = []
    location: str | None = None
    max_places: Annotated[int, Field(ge=1, le=1000)] = 10
    language: str = "en"
    include_details: bool = False
    max_reviews: Annotated[int, Field(ge=0, le=100_000)] = 0
    max_images: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.search_queries or self.urls or self.place_ids):
            raise ValueError("Provide at least one of search_queries, urls or place_ids")
        return self

    @property
    def worst_case_micros(self) -> int:
        """What the request costs at most."""
        places = len(self.search_queries) * self.max_places + len(self.urls) + len(self.place_ids)
        return places * (PLACE_MICROS + self.max_reviews * REVIEW_MICROS)

    @property
    def subject(self) -> str:
        """The first search or place."""
        return [*self.search_queries, *self.place_ids, *self.urls][0]


class CrawlRequest(Request):
    """`web.crawl`."""

    verb = "web.crawl"
    description = "Pages of an invented web."
    pricing: ClassVar[dict[str, int]] = {"page": PAGE_MICROS}

    startUrls: Annotated[list[_WebUrl], Field(min_length=1, max_length=20)]  # noqa: N815 - SurfSense's names
    maxCrawlDepth: Annotated[int, Field(ge=0, le=5)] = 0  # noqa: N815
    maxCrawlPages: Annotated[int, Field(ge=1, le=200)] = 10  # noqa: N815
    maxLength: Annotated[int, Field(ge=1)] = 50_000  # noqa: N815
    includeUrlPatterns: _Patterns = []  # noqa: N815
    excludeUrlPatterns: _Patterns = []  # noqa: N815

    @property
    def worst_case_micros(self) -> int:
        """What the request costs at most."""
        return (self.maxCrawlPages if self.maxCrawlDepth else len(self.startUrls)) * PAGE_MICROS

    @property
    def subject(self) -> str:
        """The first URL."""
        return self.startUrls[0]


class JobsRequest(Request):
    """`indeed.scrape`. When `urls` is given, the queries are ignored."""

    verb = "indeed.scrape"
    description = "Invented job ads."
    pricing: ClassVar[dict[str, int]] = {"job": JOB_MICROS}

    urls: _Urls = []
    search_queries: _Phrases = []
    country: str = "us"
    location: str | None = None
    radius: int | None = None
    job_type: str | None = None
    level: str | None = None
    remote: str | bool | None = None
    from_days: int | None = None
    sort: Literal["relevance", "date"] = "relevance"
    scrape_job_details: bool = False
    max_items: Annotated[int, Field(ge=1, le=100)] = 25
    max_items_per_query: Annotated[int, Field(ge=0)] = 25

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.urls or self.search_queries):
            raise ValueError("Provide at least one of urls or search_queries")
        return self

    @property
    def worst_case_micros(self) -> int:
        """What the request costs at most."""
        return self.max_items * JOB_MICROS

    @property
    def subject(self) -> str:
        """The first URL or search."""
        return [*self.urls, *self.search_queries][0]


#: The requests by verb, in the order of the capabilities.
REQUESTS: dict[str, type[Request]] = {
    kind.verb: kind for kind in (MapsRequest, SearchRequest, JobsRequest, CrawlRequest)
}


JsonObject = dict[str, Any]

#: The fields of an item by verb; inner objects, and lists of them, have fields of their own.
_Fields = Mapping[str, Any]


def _plain(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


_CONTACTS = _plain("emails phones socials")
FIELDS: dict[str, _Fields] = {
    "google_search.scrape": {
        "searchQuery": _plain(
            "term url device page type domain countryCode languageCode locationUule"
        ),
        "organicResults": {
            **_plain("title url displayedUrl description date emphasizedKeywords productInfo icon"),
            **_plain("type position"),
            "siteLinks": _plain("title url description"),
        },
        "relatedQueries": _plain("title url"),
        "peopleAlsoAsk": _plain("question answer url title date"),
        "suggestedResults": _plain("title url type position"),
        **_plain("resultsTotal paidResults paidProducts aiOverview aiModeResult html"),
        **_plain("htmlSnapshotUrl"),
    },
    "google_maps.scrape": {
        "location": _plain("lat lng"),
        "reviewsDistribution": _plain("oneStar twoStar threeStar fourStar fiveStar"),
        "openingHours": _plain("day hours"),
        "reviews": _plain("reviewId name text stars"),
        **_plain("searchString rank searchPageUrl isAdvertisement title categoryName categories"),
        **_plain("placeId fid cid kgmid address street city postalCode state countryCode plusCode"),
        **_plain("website phone phoneUnformatted totalScore description permanentlyClosed"),
        **_plain("temporarilyClosed reviewsCount url scrapedAt"),
    },
    "web.crawl": {
        "crawl": _plain("loadedUrl depth referrerUrl"),
        "metadata": _plain("source title description author date"),
        "contacts": _CONTACTS,
        "links": _plain("url text context rel kind"),
        **_plain("url status markdown error"),
    },
    "indeed.scrape": {
        "salary": _plain("salaryText salaryMin salaryMax currency period isEstimated"),
        **_plain("jobKey title jobUrl company companyUrl companyRating companyReviewCount"),
        **_plain("formattedLocation city isRemote jobTypes benefits descriptionText datePublished"),
        **_plain("age expired scrapedAt source"),
    },
}


def capability_of(kind: type[Request], *, is_billed: bool, lacks: Collection[str]) -> JsonObject:
    """Return what the capabilities say about a verb.

    Args:
        kind: The verb's request.
        is_billed: Whether it has a price; a self-hosted service has none.
        lacks: Names of fields that requests and answers no longer have.
    """
    sent = kind.model_json_schema()
    sent["properties"] = {n: each for n, each in sent["properties"].items() if n not in lacks}
    prices = [{"unit": unit, "micros_per_unit": price} for unit, price in kind.pricing.items()]
    return {
        "name": kind.verb,
        "description": kind.description,
        "docs_url": f"https://docs.example/{kind.verb}",
        "input_schema": sent,
        "output_schema": {
            "$defs": {"Item": _schema(FIELDS[kind.verb], lacks)},
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
            "required": ["items"],
        },
        "pricing": prices if is_billed else [],
    }


def _schema(fields: _Fields, lacks: Collection[str]) -> JsonObject:
    properties: JsonObject = {}
    for name, inner in fields.items():
        if name not in lacks:
            node = {} if inner is None else _schema(inner, lacks)
            is_list = inner is not None and name in _LISTS
            properties[name] = {"type": "array", "items": node} if is_list else node
    return {"type": "object", "properties": properties, "additionalProperties": True}


_LISTS = frozenset(
    {
        *("organicResults", "siteLinks", "relatedQueries", "peopleAlsoAsk", "suggestedResults"),
        *("openingHours", "reviews", "links"),
    }
)

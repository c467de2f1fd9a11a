"""What the sandbox says about its verbs: schemas of requests and answers, and live prices. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.embedded.sandbox.requests import Request

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

"""`google_search.scrape` of the simple world, where a page of results tells all.

An item has the real one's fields, about the invented company; and under `empresa`, which no item
of SurfSense has, the JSON object that `/enrich` answers: agents decide alike by either protocol.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from orchestrator.embedded.sandbox.behaviour import Behaviour
from orchestrator.embedded.sandbox.fake_data import SEARCH_MICROS, invent
from orchestrator.embedded.sandbox.requests import SearchRequest
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
    answer = invent(
        name,
        key,
        now,
        not_found_rate=behaviour.not_found_rate,
        ambiguous_rate=behaviour.ambiguous_rate,
    )
    if not key or answer["estado"] == "no_encontrada":
        return SearchResult(name, key, "no_encontrada", [], 0)
    pages = request.max_pages_per_query
    micros = pages * SEARCH_MICROS
    price = {"cost_micros": micros, "cost_items": {"google_search.page": micros}}
    results = _organic_results(answer)
    items = [_item(phrase, page, [] if page > 1 else results) for page in range(1, pages + 1)]
    items[0]["empresa"] = answer | price
    return SearchResult(name, key, answer["estado"], items, micros)


def _item(phrase: str, page: int, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "searchQuery": {
            "term": phrase,
            "url": f"https://www.google.com/search?q={quote_plus(phrase)}",
            "device": "DESKTOP",
            "page": page,
            "type": "SEARCH",
            "domain": "google.com",
            "languageCode": "",
        },
        "resultsTotal": len(results),
        "organicResults": results,
        "paidResults": [],
        "paidProducts": [],
        "relatedQueries": [],
        "peopleAlsoAsk": [],
    }


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

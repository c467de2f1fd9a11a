"""`google_search.scrape` as the sandbox knows it: the request, and items about invented companies.

An item has the real one's fields, made of the invented company; and under `empresa`, which no
item of SurfSense has, the same JSON object that `/enrich` answers. It stands in for the research
over several verbs that would find as much, and lets agents judge alike by either protocol.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote_plus

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.embedded.sandbox.invention import SEARCH_MICROS, invent
from orchestrator.embedded.sandbox.options import Behaviour
from orchestrator.identity import InvalidCompanyName, company_key

CAPABILITY = "google_search.scrape"
_QUOTED = re.compile(r'"([^"]+)"')
#: A quoted name, and the domain or country that says which company of the name.
_TOLD_APART = re.compile(r'"([^"]+)" (\S+\.\S+|[A-Z]{2})')


class SearchRequest(BaseModel):
    """The request model, with SurfSense's limits and defaults; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

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


@dataclass(frozen=True, slots=True)
class Finding:
    """What one search brought: its company, as typed and by key, its items, and their price."""

    name: str
    key: str
    outcome: str
    items: list[dict[str, Any]]
    cost_micros: int


def topic_of(phrase: str) -> tuple[str, str]:
    """Return the company that a search phrase is about, as typed and by its key."""
    quoted, told = _QUOTED.search(phrase), _TOLD_APART.fullmatch(phrase)
    name = quoted[1].strip() if quoted else phrase
    if told:
        name = f"{name} ({told[2]})"
    try:
        return name, company_key(name)
    except InvalidCompanyName:
        return name, ""


def search(phrase: str, request: SearchRequest, behaviour: Behaviour, now: datetime) -> Finding:
    """Return what is found for *phrase*: an item a page, or none, free, of an unknown company."""
    name, key = topic_of(phrase)
    answer = invent(
        name,
        key,
        now,
        not_found_rate=behaviour.not_found_rate,
        ambiguous_rate=behaviour.ambiguous_rate,
    )
    if not key or answer["estado"] == "no_encontrada":
        return Finding(name, key, "no_encontrada", [], 0)
    pages = request.max_pages_per_query
    micros = pages * SEARCH_MICROS
    price = {"cost_micros": micros, "cost_items": {"google_search.page": micros}}
    results = _results(answer)
    items = [_item(phrase, page, [] if page > 1 else results) for page in range(1, pages + 1)]
    items[0]["empresa"] = answer | price
    return Finding(name, key, answer["estado"], items, micros)


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


def _results(answer: dict[str, Any]) -> list[dict[str, Any]]:
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

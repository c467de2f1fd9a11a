"""The verb `google_search.scrape`: the request about one company, and what its items say. Pure.

The search phrase is the company's name in quotes and, where the name is not enough, the domain or
country that follows the name in brackets. A run keeps nothing else of its company, so a run is
recognized by reading the phrase back.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.identity import InvalidCompanyName, company_key

#: The verb that runs are made of, its path, and its price for one page of results in micro-USD.
CAPABILITY = "google_search.scrape"
VERB_PATH = "google_search/scrape"
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

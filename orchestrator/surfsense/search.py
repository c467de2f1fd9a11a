"""One company as a search of `google_search.scrape`, and what its items tell. Pure.

The search phrase is the company's name in quotes. It is all that a run remembers of its
company, so reading it back is how a run is recognized.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.identity import InvalidCompanyName, company_key

#: The verb that runs are made of, and its path.
CAPABILITY = "google_search.scrape"
VERB_PATH = "google_search/scrape"

#: The sandbox puts its whole company into an item under this name; SurfSense has no such field.
COMPANY_FIELD = "empresa"

#: How far a first hit is trusted to be the company's own site: with links into the site, which
#: Google shows for the site that a name stands for, and without.
_SITE_LINKS_CONFIDENCE, _HIT_CONFIDENCE = 0.4, 0.2

#: Fields that we leave blank: a search that sets them is somebody else's.
_NARROWING = ("country_code", "language_code", "site")


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    description: str | None = None
    siteLinks: list[Any] | None = None  # noqa: N815 - SurfSense's name


def is_searchable(company: str) -> bool:
    """Say whether anything is left of the name in a search phrase."""
    return bool(_words_of(company))


def search_request(company: str) -> dict[str, Any]:
    """Return the request body that looks *company* up on one page of results.

    >>> search_request('Talleres "Arriaga" SL')
    {'queries': ['"Talleres Arriaga SL"'], 'max_pages_per_query': 1}
    """
    return {"queries": [f'"{_words_of(company)}"'], "max_pages_per_query": 1}


def is_search_for(company: str, request: Mapping[str, Any] | None) -> bool:
    """Say whether *request*, as a run keeps it, is ours and about the company of that name.

    >>> is_search_for("ACME, S.L.", search_request("Acme"))
    True
    """
    if request is None:
        return False
    queries = request.get("queries")
    if not isinstance(queries, list) or len(queries) != 1 or not isinstance(queries[0], str):
        return False
    name = queries[0].strip('"')
    ours = {**dict.fromkeys(_NARROWING), **search_request(name)}
    if any((request.get(field) or None) != value for field, value in ours.items()):
        return False
    try:
        return company_key(name) == company_key(company)
    except InvalidCompanyName:
        return False


def payload_from(items: list[dict[str, Any]], company: str) -> dict[str, Any]:
    """Return what *items* tell about *company*, as `POST /enrich` would; empty if nothing."""
    for item in items:
        if isinstance(told := item.get(COMPANY_FIELD), dict):
            return told
    results = [result for item in items for result in _results_in(item)]
    if not results:
        return {}
    first = results[0]
    confidence = _SITE_LINKS_CONFIDENCE if first.siteLinks else _HIT_CONFIDENCE
    source = {"confidence": confidence, "source_url": first.url}
    payload: dict[str, Any] = {"empresa": company, "website": {"value": first.url} | source}
    if first.description:
        payload["description"] = {"value": first.description} | source
    return payload | {"source_urls": [result.url for result in results]}


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

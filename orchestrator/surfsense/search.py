"""One company as a search of `google_search.scrape`, and what its items tell. Pure.

The search phrase is the company's name in quotes and, where the name is not enough, behind it the
domain or country that a company's name has in brackets then. It is all that a run remembers of its
company, so reading it back is how a run is recognized.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

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


#: What tells companies of one name apart: a domain, or a country.
_DETAIL = r"(?:[a-z0-9_-]+\.)+[a-z0-9-]{2,}|[A-Z]{2}"
_DETAILED = re.compile(rf"(.*\S) \(({_DETAIL})\)", re.DOTALL)
_PHRASE = re.compile(rf'"([^"]*)"(?: ({_DETAIL}))?')


class _Asked(NamedTuple):
    name: str
    detail: str | None


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    description: str | None = None
    siteLinks: list[Any] | None = None  # noqa: N815 - SurfSense's name


def is_searchable(company: str) -> bool:
    """Say whether anything is left of the name in a search phrase."""
    return bool(_words_of(_asked(company).name))


def search_request(company: str) -> dict[str, Any]:
    """Return the request body that looks *company* up on one page of results.

    >>> search_request('Talleres "Arriaga" SL')
    {'queries': ['"Talleres Arriaga SL"'], 'max_pages_per_query': 1}
    >>> search_request("Acme GmbH (globex.de)")["queries"]
    ['"Acme GmbH" globex.de']
    """
    name, detail = _asked(company)
    phrase = f'"{_words_of(name)}"'
    return {"queries": [f"{phrase} {detail}" if detail else phrase], "max_pages_per_query": 1}


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
    phrase, asked = _PHRASE.fullmatch(queries[0]), _asked(company)
    if phrase is None or phrase[2] != asked.detail:
        return False
    ours = {**dict.fromkeys(_NARROWING), **search_request(_company(*phrase.groups()))}
    if any((request.get(field) or None) != value for field, value in ours.items()):
        return False
    try:
        return company_key(phrase[1]) == company_key(asked.name)
    except InvalidCompanyName:
        return False


def payload_from(items: list[dict[str, Any]], company: str) -> dict[str, Any]:
    """Return what *items* tell about *company*, as `POST /enrich` would; empty if nothing.

    Of a company whose domain is known, hits on others tell nothing: they may be its namesakes'.
    """
    for item in items:
        if isinstance(told := item.get(COMPANY_FIELD), dict):
            return told
    results = [result for item in items for result in _results_in(item)]
    name, detail = _asked(company)
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


def _asked(company: str) -> _Asked:
    """Return the parts of what is asked for: `Acme GmbH (globex.de)`, or a name alone."""
    detailed = _DETAILED.fullmatch(company)
    return _Asked(detailed[1], detailed[2]) if detailed else _Asked(company, None)


def _company(name: str, detail: str | None) -> str:
    return f"{name} ({detail})" if detail else name


def _is_on(url: str, detail: str | None) -> bool:
    """Say whether a hit may be the company's: on its domain, where that is known."""
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

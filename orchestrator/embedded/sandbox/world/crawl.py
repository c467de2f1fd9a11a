"""`web.crawl` over the invented world: pages breadth first, in the order of their links. Pure."""

import re
from collections import Counter, defaultdict, deque
from typing import Any, NamedTuple
from urllib.parse import urljoin

from orchestrator.embedded.sandbox.requests import CrawlRequest
from orchestrator.embedded.sandbox.world.companies import World
from orchestrator.embedded.sandbox.world.pages import Link, PageContent, page_at

#: Most pages that a contact of the whole crawl names.
_MOST_PAGES = 5


class _Step(NamedTuple):
    url: str
    depth: int
    referrer: str | None


def crawled(world: World, request: CrawlRequest) -> list[dict[str, Any]]:
    """Return an item for each page of the crawl, with explicit nulls.

    Raises:
        re.error: A pattern of the request is no regular expression.
    """
    include = [re.compile(pattern) for pattern in request.includeUrlPatterns]
    exclude = [re.compile(pattern) for pattern in request.excludeUrlPatterns]
    waiting = deque(_Step(url, 0, None) for url in request.startUrls)
    seen = {_same(url) for url in request.startUrls}
    items: list[dict[str, Any]] = []
    most = request.maxCrawlPages if request.maxCrawlDepth else len(request.startUrls)
    while waiting and len(items) < most:
        step = waiting.popleft()
        page = page_at(world, step.url)
        items.append(_item(step, page, request.maxLength))
        if page is None or step.depth == request.maxCrawlDepth:
            continue
        for link in page.links:
            url = urljoin(step.url, link.target)
            is_new = link.kind == "internal" and _same(url) not in seen
            is_wanted = not include or any(each.search(url) for each in include)
            if is_new and is_wanted and not any(each.search(url) for each in exclude):
                seen.add(_same(url))
                waiting.append(_Step(url, step.depth + 1, step.url))
    return items


def contacts_of(items: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the contacts of the whole crawl, which no stored run has."""
    with_contacts = [item for item in items if item["contacts"] and any(item["contacts"].values())]
    many = max(2, len(with_contacts) / 2)
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in ("emails", "phones", "socials"):
        pages: defaultdict[str, list[str]] = defaultdict(list)
        for item in with_contacts:
            for value in item["contacts"][kind]:
                pages[value].append(item["url"])
        found[kind] = [
            {
                "value": value,
                "pages": urls[:_MOST_PAGES],
                "pageCount": len(urls),
                "siteWide": len(items) == 1 or len(urls) >= many,
            }
            for value, urls in pages.items()
        ]
    return found


def pages_charged(items: list[dict[str, Any]]) -> Counter[str]:
    """Return how many pages with content each host has among *items*."""
    return Counter(item["url"].split("/")[2] for item in items if item["status"] == "success")


def _item(step: _Step, page: PageContent | None, longest: int) -> dict[str, Any]:
    head = {
        "url": step.url,
        "status": "success",
        "crawl": {"loadedUrl": step.url, "depth": step.depth, "referrerUrl": step.referrer},
    }
    if page is None:
        error = f"All crawl methods failed for {step.url}."
        nothing: dict[str, Any] = {
            "markdown": None,
            "metadata": None,
            "contacts": None,
            "links": [],
        }
        return head | {"status": "failed"} | nothing | {"error": error}
    metadata = {"source": step.url, "title": page.title}
    if page.description:
        metadata["description"] = page.description
    return head | {
        "status": "empty" if page.is_empty else "success",
        "markdown": page.text[:longest],
        "metadata": metadata,
        "contacts": {
            "emails": [*page.emails],
            "phones": [*page.phones],
            "socials": [*page.socials],
        },
        "links": [_link(step.url, link) for link in page.links],
        "error": None,
    }


def _link(base: str, link: Link) -> dict[str, str]:
    url = urljoin(base, link.target) if link.kind == "internal" else link.target
    return {"url": url, "text": link.text, "context": link.context, "rel": "", "kind": link.kind}


def _same(url: str) -> str:
    return url.partition("#")[0].rstrip("/").removeprefix("http://").removeprefix("https://")

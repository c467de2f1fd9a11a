"""What is at an address of the invented world, and what `web.crawl` finds of it. Pure.

Addresses are sites, parked domains and directories. A crawl goes breadth first, in the order of the
pages' links.
"""

import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from orchestrator.embedded.sandbox import vocabulary
from orchestrator.embedded.sandbox.companies import Site, World
from orchestrator.embedded.sandbox.company import Company, Trait, slug_of
from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.requests import CrawlRequest
from orchestrator.embedded.sandbox.wording import Wording, wording_of

#: Links of a page of `Trait.HUGE`, and characters around each; its text is cut at `maxLength`.
HUGE_LINKS, HUGE_CONTEXT = 1_250, 4_000
#: Text of such a page in characters.
HUGE_TEXT = 400_000

_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}")
#: What careless sites leave in their text; the last are U+2028, U+0085 and a zero-width space.
_DIRT = (
    "<script>alert('x')</script>",
    "<div class=\"row\"><p style='color:red'>",
    "&nbsp;&amp;&#8217;",
    "\x01\x02\x0b\x1f",
    "\\u0000 \ufffd\ufffe",
    "![logo](data:image/png;base64,iVBORw0KGgo=)",
    "[x](javascript:void(0))",
    "\u2028",
    "\x85",
    "\u200b",
)
#: Hosts that let no crawler in.
_WALLED_HOSTS = ("linkedin.com", "facebook.com", "instagram.com", "x.com", "indeed.com")


class Link(NamedTuple):
    """A link on a page. `target` is a path of the site, a URL, an address or a number."""

    target: str
    text: str
    kind: str = "internal"
    context: str = ""


@dataclass(frozen=True, slots=True)
class PageContent:
    """A page with what SurfSense's crawler makes of it; `text` is markdown."""

    title: str
    text: str
    description: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    socials: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    is_empty: bool = False


def page_at(world: World, url: str) -> PageContent | None:
    """Return the page at *url*; None if it cannot be fetched."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    if any(host == walled or host.endswith(f".{walled}") for walled in _WALLED_HOSTS):
        return None
    slug = parts.path.rstrip("/").rpartition("/")[2]
    if host in _directory_hosts():
        company = world.at_slug(_slug_in(slug))
        return None if company is None else _directory_page(company)
    site = world.site_at(host)
    if site is None or Trait.UNREACHABLE in site.company.traits:
        return None
    match site.kind:
        case "parked":
            return PageContent(host, wording_of(site.company).say("parked", domain=host))
        case "group":
            company = world.at_slug(slug) if slug else None
            return _group_page(company or site.company, host)
        case "own":
            return _own_page(site, parts.path)


def group_url(company: Company) -> str:
    """Return the address of its page on the site of its group."""
    return f"https://www.{company.other_domains[0]}/empresas/{company.slug}"


@cache
def group_name(host: str) -> str:
    """Return the name of the group whose site is at *host*."""
    label = host.partition(".")[0]
    return next((group for group in vocabulary.names().groups if slug_of(group, "") == label), host)


def pages_of(company: Company) -> tuple[PageContent, ...]:
    """Return all pages of its site that a crawl can read."""
    return tuple(_site(company).values()) if company.has_readable_site else ()


def own_urls(company: Company) -> tuple[str, ...]:
    """Return the addresses of its site, the home page first, that search engines know."""
    said = wording_of(company)
    root = f"https://www.{company.domain}/"
    return (root, *(root + said.path(page) for page in ("contact", "about", "services")))


def _own_page(site: Site, path: str) -> PageContent:
    pages = _site(site.company)
    page = pages.get(path.strip("/").lower())
    if page is None:
        said = wording_of(site.company)
        text = said.say("not_found", path)
        page = PageContent(text.partition("\n")[0], text)
    if Trait.SCRIPT_ONLY in site.company.traits:
        return PageContent(site.company.brand, "", is_empty=True)
    return page


@lru_cache(maxsize=4_096)
def _site(company: Company) -> dict[str, PageContent]:
    """Return the pages of its own site by their paths."""
    said = wording_of(company)
    texts = {
        "home": _home_text(said),
        "contact": _contact_text(said),
        "about": _about_text(said),
        "services": [said.say("offers", "services"), said.say("clients")],
        "legal": _legal_text(said),
        "privacy": _legal_text(said, "privacy"),
    }
    if company.jobs:
        texts["jobs"] = [said.say("hiring", job=job) for job in company.jobs[:3]]
    pages = {said.path(name): _page(said, name, texts[name]) for name in texts}
    if Trait.SOFT_404 in company.traits:
        lost = said.say("not_found")
        for name in ("contact", "about", "legal", "privacy"):
            pages[said.path(name)] = PageContent(lost.partition("\n")[0], lost)
    pages[""] = replace(pages[""], links=_menu(said, company))
    if Trait.HUGE in company.traits:
        pages[""] = _huge(pages[""])
    return pages


def _home_text(said: Wording) -> list[str]:
    company = said.company
    random = company.random("home")
    paragraphs = [said.say("menu"), said.say("intro"), said.say("intro", "2"), said.say("offers")]
    if Trait.CLOSED in company.traits and random.chance(0.5):
        paragraphs.insert(0, said.say("closed"))
    if random.chance(0.6):
        paragraphs.append(said.say("clients", "home"))
    if company.headcount_on_site and random.chance(0.4):
        paragraphs.append(said.say("headcount", "home"))
    if random.chance(0.3):
        paragraphs.append(said.say("contact", "home"))
    if company.technologies:
        products = (said.say("technologies", t, technology=t) for t in company.technologies)
        paragraphs.extend(products)
    paragraphs += [item.headline for item in company.news]
    return [*paragraphs, said.say("footer")]


def _contact_text(said: Wording) -> list[str]:
    company = said.company
    paragraphs = [said.say("contact")]
    if len(company.emails) > 1:
        paragraphs.append(f"{company.emails[1]} · {said.say('offers', 'contact')}")
    if Trait.PERSONAL_MAIL in company.traits and company.domain:
        person = company.random("person").pick(vocabulary.names().people)
        paragraphs.append(said.say("person", personmail=f"{person}@{company.domain}"))
    return [*paragraphs, said.say("footer")]


def _about_text(said: Wording) -> list[str]:
    company = said.company
    paragraphs = [said.say("about"), said.say("intro", "about"), said.say("clients", "about")]
    if company.headcount_on_site:
        paragraphs.insert(2, said.say("headcount"))
    if company.jobs:
        paragraphs.append(said.say("hiring", "about", job=company.jobs[0]))
    return [*paragraphs, said.say("footer")]


def _legal_text(said: Wording, topic: str = "") -> list[str]:
    company = said.company
    if company.tax_id_on_site:
        paragraphs = [said.say("legal", topic)]
    else:
        paragraphs = [f"{said.texts.labels['legal']}\n\n{company.name}, {company.address}."]
    if Trait.DESIGNER in company.traits:
        paragraphs += [said.say("authority"), said.say("designer")]
    return paragraphs


def _page(said: Wording, name: str, paragraphs: list[str]) -> PageContent:
    company = said.company
    random = company.random(f"page {name}")
    if Trait.DIRTY_TEXT in company.traits:
        paragraphs = [_dirty(paragraph, random) for paragraph in paragraphs]
    text = "\n\n".join(dict.fromkeys(paragraphs))
    is_home = name == "home"
    heading = said.say("own_title") if is_home else said.texts.labels[name]
    socials = company.socials
    if Trait.PERSONAL_MAIL in company.traits and name == "about":
        socials += (f"https://www.linkedin.com/in/ejemplo-{company.slug}-0",)
    return PageContent(
        title=heading if is_home else f"{heading} - {company.brand}",
        text=f"# {heading}\n\n{text}",
        description=said.say("own_snippet") if is_home else "",
        emails=tuple(dict.fromkeys(_MAIL.findall(text))),
        phones=company.phones if company.phone_links and name != "services" else (),
        socials=socials,
    )


def _menu(said: Wording, company: Company) -> tuple[Link, ...]:
    pages = ["about", "services", "contact", *(["jobs"] if company.jobs else []), "legal"]
    links = [Link(f"/{said.path(page)}", said.texts.labels[page]) for page in [*pages, "privacy"]]
    posts = company.random("posts").between(0, 6)
    links += [Link(f"/blog/{number}", f"Blog {number}") for number in range(1, posts + 1)]
    links += [Link(url, url.split("/")[2], "social") for url in company.socials]
    links += [Link(mail, mail, "email") for mail in company.emails[:1]]
    if company.phone_links:
        links += [Link(phone, phone, "tel") for phone in company.phones]
    return tuple(links)


def _dirty(text: str, random: SeededRandom) -> str:
    # Between words: an address that is cut in two could be read by nothing.
    words = text.split(" ")
    at = random.between(0, len(words))
    return " ".join([*words[:at], random.pick(_DIRT), *words[at:]])


def _huge(page: PageContent) -> PageContent:
    filler = ("Lorem ipsum dolor sit amet consectetur. " * 100)[:HUGE_CONTEXT]
    text = page.text + "\n\n" + (filler + "\n\n") * (HUGE_TEXT // len(filler))
    more = tuple(Link(f"/p/{n}", f"Producto {n}", context=filler) for n in range(HUGE_LINKS))
    return replace(page, text=text, links=page.links + more)


@lru_cache(maxsize=4_096)
def _group_page(company: Company, host: str) -> PageContent:
    said = wording_of(company)
    group, mail = group_name(host), f"info@{host}"
    text = f"# {group}\n\n{said.say('parent', other=group)}\n\n{mail}"
    links = (Link(f"/empresas/{company.slug}", company.brand),)
    return PageContent(group, text, emails=(mail,), links=links)


@lru_cache(maxsize=4_096)
def _directory_page(company: Company) -> PageContent:
    said = wording_of(company, company.language)
    text = f"# {company.name}\n\n{said.say('directory')}\n\n{company.address}\n\n"
    ways = (said.say("directory", "more"), f"{company.tax_id_type or ''} {company.tax_id or ''}")
    return PageContent(company.name, text + "\n\n".join(ways).strip())


@lru_cache(maxsize=1)
def _directory_hosts() -> frozenset[str]:
    rows = vocabulary.names().directories
    hosts = (urlsplit(url).hostname or "" for row in rows for url in row.urls)
    return frozenset(host.removeprefix("www.") for host in hosts)


def _slug_in(segment: str) -> str:
    """Return the company's slug in the last segment of a directory's address."""
    name = re.sub(r"\.(html|php)$", "", segment).lower()
    return re.sub(r"^\d+-|[-_.]\d{4,}$|^company-profiles\.|\.\d+$", "", name)


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

"""`google_search.scrape` over the invented world: which hits a page of results has. Pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlsplit

from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.world import vocabulary
from orchestrator.embedded.sandbox.world.companies import World
from orchestrator.embedded.sandbox.world.company import Company, Trait, slug_of
from orchestrator.embedded.sandbox.world.pages import group_name, group_url, own_urls
from orchestrator.embedded.sandbox.world.wording import displayed, wording_of

#: Results on a page.
PAGE_SIZE = 10
#: Trailing parts of titles that social networks add.
_NETWORK_TITLES = {
    "www.linkedin.com": ("linkedin", "{brand} | LinkedIn"),
    "www.facebook.com": ("facebook", "{brand} | {city} | Facebook"),
    "www.instagram.com": ("instagram", "{brand} (@{slug}) • Instagram"),
    "x.com": ("facebook", "{brand} (@{slug}) / X"),
}


class Query(NamedTuple):
    """One search: its phrase as sent, market, and the site that it is restricted to."""

    phrase: str
    country: str | None
    language: str
    site: str | None


class _Hit(NamedTuple):
    title: str
    url: str
    description: str
    site_links: tuple[tuple[str, str], ...] = ()
    date: str | None = None


def result_page(
    world: World, key: str | None, detail: str | None, query: Query, *, page: int, is_searxng: bool
) -> dict[str, Any]:
    """Return the item of one page of results, with explicit nulls.

    Args:
        world: The world to search.
        key: The company that the phrase names, if it names one.
        detail: The domain or country that the phrase has after the name.
        query: The search.
        page: Number of the page, from 1.
        is_searxng: Whether the substitute engine answers, which tells little.
    """
    hits = _hits(world, key, detail, query) if page == 1 else []
    hits = [*hits, *_fillers(query, page, PAGE_SIZE)][:PAGE_SIZE]
    if query.site:
        hits = [hit for hit in hits if _is_on(hit.url, query.site)]
    random = SeededRandom(query.phrase, "page", page)
    item = _item(query, page, random.between(len(hits), 90_000))
    if is_searxng:
        results = [{"title": h.title, "url": h.url, "description": h.description} for h in hits]
        item["searchQuery"]["domain"] = "searxng"
        return item | {"organicResults": results, "resultsProvider": "searxng"}
    brand = world.company(key).brand if key else query.phrase
    first = page * PAGE_SIZE - PAGE_SIZE + 1
    results = [_organic(hit, brand, position) for position, hit in enumerate(hits, first)]
    related = f"{brand} opiniones"
    url = f"https://www.google.com/search?q={quote_plus(related)}"
    return item | {
        "organicResults": results,
        "relatedQueries": [{"title": related, "url": url}],
        "peopleAlsoAsk": _questions(brand, random),
        "suggestedResults": [{"title": related, "url": url, "type": "organic", "position": 1}],
    }


def _item(query: Query, page: int, total: int) -> dict[str, Any]:
    market = f"&gl={query.country}&hl={query.language}" if query.country else ""
    return {
        "searchQuery": {
            "term": query.phrase,
            "url": f"https://www.google.com/search?q={quote_plus(query.phrase)}{market}",
            "device": "DESKTOP",
            "page": page,
            "type": "SEARCH",
            "domain": "google.com",
            "countryCode": query.country and query.country.upper(),
            "languageCode": query.language,
            "locationUule": None,
        },
        "resultsTotal": total,
        "organicResults": [],
        "paidResults": [],
        "paidProducts": [],
        "relatedQueries": [],
        "peopleAlsoAsk": [],
        "suggestedResults": [],
        "aiOverview": None,
        "aiModeResult": None,
        "html": None,
        "htmlSnapshotUrl": None,
    }


def _organic(hit: _Hit, brand: str, position: int) -> dict[str, Any]:
    parts = urlsplit(hit.url)
    return {
        "title": hit.title,
        "url": hit.url,
        "displayedUrl": f"{parts.scheme}://{parts.netloc}",
        "description": hit.description,
        "date": hit.date,
        "emphasizedKeywords": [brand] if brand in hit.description else [],
        "siteLinks": [
            {"title": title, "url": url, "description": title} for title, url in hit.site_links
        ],
        "productInfo": {},
        "icon": None,
        "type": "organic",
        "position": position,
    }


def _questions(brand: str, random: SeededRandom) -> list[dict[str, Any]]:
    if random.chance(0.7):
        return []
    blank = dict.fromkeys(("answer", "url", "title", "date"))
    return [{"question": f"¿A qué se dedica {brand}?"} | blank]


def _hits(world: World, key: str | None, detail: str | None, query: Query) -> list[_Hit]:
    """Return the hits about the company of *key* and the others of its name, best first."""
    if key is None:
        return []
    company = world.company(key)
    others = [
        hit
        for other in world.namesakes(key)
        if not _is_elsewhere(other, company, query)
        for hit in [*_own_hits(other)[:1], *_directory_hits(other)[:1]]
    ]
    own, beside = _own_hits(company), [*_social_hits(company), *_directory_hits(company)]
    beside += [*_parent_hits(company), *_parked_hits(company), *_news_hits(company)]
    beside += _job_board_hits(company)
    if Trait.UNFINDABLE in company.traits:
        own, beside = [], []
    random = company.random("order")
    before = 0
    if Trait.OUTRANKED in company.traits:
        before = min(random.between(1, 4), len(beside))
    if Trait.NAMESAKE_FIRST in company.traits:
        ranked = [*others[:1], *beside[:before], *own, *beside[before:], *others[1:]]
    else:
        ranked = [*beside[:before], *own, *beside[before:], *others]
    if detail and "." in detail:
        ranked.sort(key=lambda hit: not _is_on(hit.url, detail))
    return ranked


def _is_elsewhere(other: Company, company: Company, query: Query) -> bool:
    """Return whether the search's market leaves *other* out: it is that of the company alone."""
    market = (query.country or "").upper()
    return market == company.country != other.country and other.random("market").chance(0.6)


def _own_hits(company: Company) -> list[_Hit]:
    if company.domain is None:
        return []
    said, urls = wording_of(company), own_urls(company)
    random = company.random("own hits")
    is_brand = Trait.OUTRANKED not in company.traits and random.chance(0.6)
    labels = (said.texts.labels[page] for page in ("contact", "about", "services"))
    links = tuple(zip(labels, urls[1:], strict=True)) if is_brand else ()
    hits = [_Hit(said.say("own_title"), urls[0], said.say("own_snippet"), links)]
    if random.chance(0.3):
        label = said.texts.labels["contact"]
        phone = displayed(company.phones[0], national=True)
        text = f"{label}: {company.address}. Tel. {phone}"
        hits.append(_Hit(f"{label} - {company.brand}", urls[1], text))
    return hits


def _social_hits(company: Company) -> list[_Hit]:
    said = wording_of(company, company.language)
    hits = []
    for url in company.socials:
        kind, title = _NETWORK_TITLES[urlsplit(url).netloc]
        title = title.format(brand=company.brand, city=company.city, slug=company.slug)
        hits.append(
            _Hit(
                title,
                url,
                _with_band(company, said.say(kind, url))
                if kind == "linkedin"
                else said.say(kind, url),
            )
        )
    return hits


def _with_band(company: Company, text: str) -> str:
    """Return a snippet that names the size band only where the truth says that one does."""
    has_band = company.size_band in text
    if has_band and not company.band_in_snippet:
        return f"{company.brand}. {company.city}."
    if company.band_in_snippet and not has_band:
        said = wording_of(company, company.language)
        phrasing = next(each for each in said.texts.linkedin if "{band}" in each)
        return phrasing.format(activity=company.category, band=company.size_band, city=company.city)
    return text


def _directory_hits(company: Company) -> list[_Hit]:
    said = wording_of(company, company.language)
    random = company.random("directories")
    urls = vocabulary.names().directories_of(company.country)
    hits = []
    for url in random.some(urls, random.between(2, min(4, len(urls)))):
        address = url.format(
            slug=company.slug,
            upper=company.slug.upper(),
            city=slug_of(company.city, "-"),
            number=random.between(10_000, 9_999_999),
        )
        name = urlsplit(address).netloc.removeprefix("www.").partition(".")[0].capitalize()
        title = random.pick((f"{company.name} - {name}", f"{company.brand} | {company.city}"))
        hits.append(_Hit(title, address, _without_band(company, said.say("directory", url))))
    return hits


def _without_band(company: Company, text: str) -> str:
    """Return a directory's snippet, which is not a source of the size band for the truth."""
    return text if company.size_band not in text else f"{company.name}, {company.city}."


def _parent_hits(company: Company) -> list[_Hit]:
    if Trait.PARENT_SITE not in company.traits:
        return []
    group = group_name(company.other_domains[0])
    text = wording_of(company).say("parent", other=group)
    return [_Hit(f"{company.brand} - {group}", group_url(company), text)]


def _parked_hits(company: Company) -> list[_Hit]:
    if Trait.PARKED not in company.traits:
        return []
    domain = company.other_domains[0]
    text = wording_of(company).say("parked", domain=domain).replace("\n\n", " ")
    return [_Hit(domain, f"https://{domain}/", text)]


def _news_hits(company: Company) -> list[_Hit]:
    said = wording_of(company, company.language)
    return [
        _Hit(item.headline, item.url, item.headline, date=said.say("ago", days=item.days_ago))
        for item in company.news
    ]


def _job_board_hits(company: Company) -> list[_Hit]:
    if not company.jobs or company.random("job board").chance(0.6):
        return []
    url = f"https://{company.country.lower()}.indeed.com/cmp/{company.slug}"
    return [_Hit(f"{company.brand}: empleo y opiniones | Indeed", url, company.jobs[0])]


def _fillers(query: Query, page: int, count: int) -> Iterator[_Hit]:
    """Yield hits that have nothing to do with what was searched for."""
    language = query.language if query.language in {"es", "pt", "en"} else "es"
    random = SeededRandom(query.phrase, "fillers", page)
    words = slug_of(query.phrase, " ").split() or ["x"]
    texts = vocabulary.texts(language)
    for _ in range(random.between(count - 6, count)):
        title, text = random.pick(texts.unrelated)
        word = random.pick(words)
        url = random.pick(vocabulary.names().unrelated.hosts).format(
            title=word.title(), slug=word, number=random.between(10_000, 9_999_999)
        )
        yield _Hit(f"{word.title()}: {title.lower()}", url, text)


def _is_on(url: str, domain: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == domain or host.endswith(f".{domain}")

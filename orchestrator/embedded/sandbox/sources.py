"""What SurfSense's searches show of the invented world. Pure.

`google_search.scrape`: which hits a page of results has. `google_maps.scrape`: which places a
search shows. `indeed.scrape`: job ads, those of other employers among them.
"""

import base64
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlsplit

from orchestrator.embedded.sandbox import vocabulary
from orchestrator.embedded.sandbox.fake_data import SeededRandom

from .companies import World
from .company import Company, Trait, slug_of
from .pages import group_name, group_url, own_urls
from .wording import displayed, wording_of

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
    """Return the item of one *page* of results, from 1, with explicit nulls.

    The phrase names the company of *key*, if any, with *detail*, a domain or country, behind it.
    With *is_searxng* the substitute engine answers, which tells little.
    """
    hits = _hits(world, key, detail, query) if page == 1 else []
    hits = [*hits, *_fillers(query, page, PAGE_SIZE)][:PAGE_SIZE]
    if query.site:
        hits = [hit for hit in hits if _is_on(hit.url, query.site)]
    random = SeededRandom(query.phrase, "page", page)
    item = search_item(query, page, random.between(len(hits), 90_000))
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


def search_item(query: Query, page: int, total: int) -> dict[str, Any]:
    """Return the item of a page without results, with explicit nulls."""
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


_STARS = ("oneStar", "twoStar", "threeStar", "fourStar", "fiveStar")
#: Rough middle of each country, around which its places lie.
_MIDDLES = {
    "ES": (40.4, -3.7),
    "MX": (19.4, -99.1),
    "BR": (-23.5, -46.6),
    "PT": (39.6, -8.4),
    "AR": (-34.6, -58.4),
    "CL": (-33.4, -70.6),
    "CO": (4.7, -74.1),
    "PE": (-12.0, -77.0),
    "US": (29.7, -95.3),
}


def companies_on_maps(world: World, key: str | None, location: str | None) -> list[Company]:
    """Return whose places Maps shows for the company of *key*, the best match first.

    A search always shows what is near, also where the company itself has no place; of companies of
    one name it shows the one in *location* first.
    """
    if key is None:
        return []
    company, namesakes = world.company(key), world.namesakes(key)
    near = [world.neighbour(company)]
    if Trait.MAPS_MISSING in company.traits:
        return []
    if Trait.MAPS_OTHER in company.traits:
        return [*namesakes, *near] if Trait.NAMESAKE_FIRST in company.traits else near
    is_first = Trait.NAMESAKE_FIRST not in company.traits
    found = [company, *namesakes] if is_first else [*namesakes, company]
    return [*sorted(found, key=lambda each: not _is_in(each, location)), *near]


def place_of(
    world: World,
    company: Company,
    *,
    phrase: str,
    location: str | None,
    rank: int,
    now: datetime,
    details: bool,
    reviews: int,
) -> dict[str, Any]:
    """Return the place of *company* as an item, with explicit nulls; *world* remembers its id.

    It is as a search for *phrase* at *location* shows it, at *rank* from 1: with counts and hours
    only if *details* are asked for, and with so many *reviews* at most.
    """
    place_id = _place_id(company)
    world.remember_place(place_id, company)
    where = f"{phrase} in {location}" if location else phrase
    random = company.random("place")
    counts = [random.between(0, 40) for _ in _STARS]
    return {
        "searchString": phrase,
        "rank": rank,
        "searchPageUrl": f"https://www.google.com/maps/search/{quote(where)}",
        "isAdvertisement": False,
        "placeId": place_id,
        "url": f"https://www.google.com/maps/place/?q=place_id:{place_id}",
        "reviews": _reviews(company, min(reviews, sum(counts))),
        "scrapedAt": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **_card(company, random),
        **_address(company, random),
        **_rating(counts, company, details=details),
    }


def _card(company: Company, random: SeededRandom) -> dict[str, Any]:
    """Return what a place is called, does and is reached by."""
    digest = _hash(company)
    return {
        "title": random.pick((company.brand, company.brand, company.name)),
        "categoryName": company.category,
        "categories": [company.category, *_other_categories(company)],
        "description": None,
        "website": _website(company),
        "phone": displayed(company.phones[0], national=random.chance(0.3)),
        "phoneUnformatted": company.phones[0],
        "permanentlyClosed": Trait.CLOSED in company.traits,
        "temporarilyClosed": False,
        "fid": f"0x{digest[:6].hex()}:0x{digest[6:12].hex()}",
        "cid": str(int.from_bytes(digest[:7])),
        "kgmid": f"/g/11{digest[:4].hex()}",
    }


def _address(company: Company, random: SeededRandom) -> dict[str, Any]:
    lat, lng = _MIDDLES[company.country]
    return {
        "address": f"{company.address}, {vocabulary.countries()[company.country].name['es']}",
        "street": company.street,
        "city": company.city,
        "postalCode": company.postal_code,
        "state": company.region,
        "countryCode": company.country,
        "location": {"lat": lat + random.uniform(), "lng": lng + random.uniform()},
        "plusCode": None,
    }


def _rating(counts: list[int], company: Company, *, details: bool) -> dict[str, Any]:
    """Return the stars of a place, and what only *details* bring."""
    total = sum(counts)
    stars = sum(number * count for number, count in enumerate(counts, 1))
    days = vocabulary.texts(company.language).day[:5]
    hours = [{"day": day, "hours": "8:00\u201318:00"} for day in days]
    return {
        "totalScore": round(stars / total, 1) if total else None,
        "reviewsCount": total if details else None,
        "reviewsDistribution": dict(zip(_STARS, counts, strict=True)) if details else None,
        "openingHours": hours if details else [],
    }


def _is_in(company: Company, location: str | None) -> bool:
    return location is not None and company.city.lower() in location.lower()


def _website(company: Company) -> str | None:
    if Trait.FACEBOOK_ON_MAPS in company.traits:
        return f"https://www.facebook.com/{company.slug}"
    if company.domain is None:
        return None
    is_plain = company.random("maps website").chance(0.5)
    return f"http://{company.domain}/" if is_plain else f"https://www.{company.domain}/"


def _other_categories(company: Company) -> list[str]:
    trade = vocabulary.sectors()[company.sector].trade(company.language)
    return [name for name in trade.categories[:2] if name != company.category][:1]


def _reviews(company: Company, count: int) -> list[dict[str, Any]]:
    said = wording_of(company, company.language)
    return [
        {"reviewId": f"r{n}", "name": f"Cliente {n}", "text": said.say("clients"), "stars": 5.0}
        for n in range(1, count + 1)
    ]


def _place_id(company: Company) -> str:
    return f"ChIJ{base64.urlsafe_b64encode(_hash(company)).decode().rstrip('=')}"


def _hash(company: Company) -> bytes:
    return blake2b(company.id.encode(), digest_size=17).digest()


#: Only the first page of a search can be reached.
FIRST_PAGE = 15
_COMPANY_PAGE = re.compile(r"/cmp/([\w-]{1,200})(?:/jobs)?/?")


def jobs_found(world: World, key: str | None, *, now: datetime) -> list[dict[str, Any]]:
    """Return the ads that a search for the company of *key* shows: not all are its own."""
    if key is None:
        return []
    company = world.company(key)
    strangers = [*world.namesakes(key), world.neighbour(company)]
    own = [_job(company, number, now) for number in range(len(company.jobs))]
    count = company.random("strangers").between(0, 3)
    others = [_job(strangers[n % len(strangers)], 100 + n, now) for n in range(count)]
    return [*own[:1], *others, *own[1:]][:FIRST_PAGE]


def jobs_at(world: World, url: str, *, now: datetime) -> list[dict[str, Any]]:
    """Return the ads on the page of one employer."""
    page = _COMPANY_PAGE.fullmatch(urlsplit(url).path)
    company = world.at_slug(page[1]) if page else None
    if company is None:
        return []
    return [_job(company, number, now) for number in range(min(len(company.jobs), FIRST_PAGE))]


def _job(company: Company, number: int, now: datetime) -> dict[str, Any]:
    random = company.random(f"job {number}")
    said = wording_of(company, company.language)
    trade = vocabulary.sectors()[company.sector].trade(company.language)
    title = company.jobs[number] if number < len(company.jobs) else random.pick(trade.jobs)
    key = blake2b(f"{company.id} {number}".encode(), digest_size=8).hexdigest()
    domain = f"https://{company.country.lower()}.indeed.com"
    days = random.between(1, 45)
    low = random.between(14, 40) * 1000
    return {
        "jobKey": key,
        "title": title,
        "jobUrl": f"{domain}/viewjob?jk={key}",
        "company": random.pick((company.brand, company.name)),
        "companyUrl": f"{domain}/cmp/{company.slug}",
        "companyRating": random.between(25, 48) / 10,
        "companyReviewCount": random.between(0, 300),
        "formattedLocation": f"{company.city}, {company.region}",
        "city": company.city,
        "isRemote": random.chance(0.1),
        "jobTypes": ["Full-time"],
        "salary": {
            "salaryText": f"{low} - {low + 4000}",
            "salaryMin": float(low),
            "salaryMax": float(low + 4000),
            "currency": "EUR",
            "period": "year",
            "isEstimated": random.chance(0.3),
        },
        "benefits": [],
        "descriptionText": said.say("hiring", job=title),
        "datePublished": _instant(now - timedelta(days=days)),
        "age": said.say("ago", days=days),
        "expired": random.chance(0.05),
        "scrapedAt": _instant(now),
        "source": "indeed",
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""`indeed.scrape` over the invented world: job ads, those of other employers among them. Pure."""

import re
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from orchestrator.embedded.sandbox.world import vocabulary
from orchestrator.embedded.sandbox.world.companies import World
from orchestrator.embedded.sandbox.world.company import Company
from orchestrator.embedded.sandbox.world.wording import wording_of

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

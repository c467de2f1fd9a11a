"""`google_maps.scrape` over the invented world: which places a search shows. Pure."""

import base64
from datetime import datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.world import vocabulary
from orchestrator.embedded.sandbox.world.companies import World
from orchestrator.embedded.sandbox.world.company import Company, Trait
from orchestrator.embedded.sandbox.world.wording import displayed, wording_of

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
    """Return the place of *company* as an item, with explicit nulls.

    Args:
        world: Remembers the place, so that it can be asked for by its id.
        company: Whose place it is.
        phrase: The search that shows it.
        location: Where it was searched for.
        rank: From 1.
        now: Aware UTC instant of the scrape.
        details: Whether counts and hours come along.
        reviews: Most reviews to attach.
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

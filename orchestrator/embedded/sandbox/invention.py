"""Plausible evidence about any company, invented: the same key, the same company.

Nothing here is true, and each answer says so: `simulated`, `aviso`, sources under the
reserved domain `.example`, telephone numbers that no subscriber has, and no persons.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from orchestrator.embedded.sandbox.dice import Dice
from orchestrator.embedded.sandbox.vocabulary import (
    COUNTRIES,
    HEADLINES,
    LAST_HEADLINES,
    LAST_HEADLINES_SHARE,
    SECTORS,
    SIZE_BANDS,
    SOCIAL_NETWORKS,
    TECHNOLOGIES,
)

NOTICE = (
    "Datos inventados por el sandbox: no describen a ninguna empresa real. "
    "Invented by the sandbox: this describes no real company."
)

#: What SurfSense asks for one page of search results, one crawled page, one job, in micro-USD.
SEARCH_MICROS, PAGE_MICROS, JOB_MICROS = 5_500, 2_000, 3_500
#: No source is older than this.
OLDEST_DAYS = 400


def invent(
    name: str, key: str, now: datetime, *, not_found_rate: float, ambiguous_rate: float
) -> dict[str, Any]:
    """Return the answer about a company, as `POST /enrich` sends it.

    Args:
        name: As it was asked for; echoed, and without any influence.
        key: The company's identity, which decides everything but the dates.
        now: Aware UTC instant; sources are dated back from its day.
        not_found_rate: Share of all companies that nothing is known of, 0 to 1.
        ambiguous_rate: Share of all names that mean several companies, 0 to 1.
    """
    echo = {"empresa": name, "simulated": True, "aviso": NOTICE}
    drawn = Dice(key, "estado").share()
    if drawn < not_found_rate:
        return echo | {"estado": "no_encontrada"} | _price(searches=1)
    if drawn < not_found_rate + ambiguous_rate:
        return echo | {"estado": "ambigua", "candidates": _candidates(key)} | _price(searches=2)
    return echo | {"estado": "encontrada"} | _Company(key, now).tell()


def _price(*, searches: int = 0, pages: int = 0, jobs: int = 0) -> dict[str, Any]:
    items = {
        "google_search.page": searches * SEARCH_MICROS,
        "web.page": pages * PAGE_MICROS,
        "indeed.job": jobs * JOB_MICROS,
    }
    items = {unit: micros for unit, micros in items.items() if micros}
    return {"cost_micros": sum(items.values()), "cost_items": items}


def _candidates(key: str) -> list[dict[str, str]]:
    countries = Dice(key, "candidates").some(COUNTRIES, 3)
    return [{"name": f"{key.title()} {c.city}", "country": c.code} for c in countries]


def _slug(key: str) -> str:
    """Return *key* as a host label: ASCII letters, digits and inner hyphens."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.lower())[:50].strip("-")
    return plain or blake2b(key.encode(), digest_size=6).hexdigest()


class _Company:
    """One invented company; each topic has dice of its own, so topics don't shift each other."""

    def __init__(self, key: str, now: datetime) -> None:
        self._key = key
        self._name = key.title()
        self._site = f"https://{_slug(key)}.example"
        self._today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        dice = self._dice("identity")
        self._country = dice.pick([c for c in COUNTRIES for _ in range(c.weight)])
        hinted = [sector for sector in SECTORS if any(hint in key.lower() for hint in sector.hints)]
        self._sector = hinted[0] if hinted else dice.pick(SECTORS)
        self._band = dice.pick(SIZE_BANDS)

    def tell(self) -> dict[str, Any]:
        """Return every field that is known of it, with what the research cost."""
        jobs = self._dice("jobs").between(2, 5)
        price = _price(searches=2, pages=self._dice("pages").between(2, 9), jobs=jobs)
        told = {
            field: value
            for field, missing_share, value in self._fields()
            if self._dice("missing", field).share() >= missing_share
        }
        return told | price

    def _dice(self, *topic: str) -> Dice:
        return Dice(self._key, *topic)

    def _fields(self) -> list[tuple[str, float, Any]]:
        band, low, high = self._band
        headcount = self._dice("headcount").between(low, high)
        return [
            ("sector", 0.05, self._datum("sector", self._sector.name, "/nosotros")),
            ("headcount", 0.25, self._datum("headcount", headcount, "/nosotros")),
            ("size_band", 0.10, self._datum("size_band", band, "/nosotros")),
            ("country", 0.05, self._datum("country", self._country.code, "/aviso-legal")),
            ("website", 0.05, self._datum("website", self._site, "/")),
            ("description", 0.20, self._datum("description", self._description(), "/")),
            ("emails", 0.15, [self._datum("emails", self._email(), "/contacto")]),
            ("phones", 0.25, [self._datum("phones", self._phone(), "/contacto")]),
            ("socials", 0.20, self._socials()),
            ("hiring", 0.25, self._datum("hiring", self._open_positions(), "/empleo")),
            ("news", 0.30, self._news()),
            ("technologies", 0.20, self._technologies()),
        ]

    def _datum(self, topic: str, value: object, page: str) -> dict[str, Any]:
        source_url = page if page.startswith("https:") else self._site + page
        dice = self._dice("source", topic, str(value))
        # Squared, since most pages are young and few are old.
        age = timedelta(days=int(dice.share() ** 2 * OLDEST_DAYS))
        return {
            "value": value,
            "confidence": dice.between(50, 97) / 100,
            "source_url": source_url,
            "as_of": (self._today - age).isoformat(),
        }

    def _description(self) -> str:
        return (
            f"{self._name} (texto inventado): empresa de {self._sector.activity} "
            f"con sede en {self._country.city}."
        )

    def _email(self) -> str:
        mailbox = self._dice("email").pick(("info", "contacto", "ventas", "hola"))
        return f"{mailbox}@{_slug(self._key)}.example"

    def _phone(self) -> str:
        return f"{self._country.calling} 000 {self._dice('phone').between(0, 9999):04}"

    def _open_positions(self) -> int:
        _, low, _ = self._band
        return self._dice("hiring").between(0, 3 + min(low, 2000) // 20)

    def _socials(self) -> list[dict[str, Any]]:
        dice = self._dice("socials")
        networks = dice.some(SOCIAL_NETWORKS, dice.between(1, 3))
        addresses = [f"https://{network}.example/{_slug(self._key)}" for network in networks]
        return [self._datum("socials", address, "/") for address in addresses]

    def _news(self) -> list[dict[str, Any]]:
        dice = self._dice("news")
        stories = dice.some(HEADLINES, dice.between(1, 3))
        if dice.share() < LAST_HEADLINES_SHARE:
            stories.append(dice.pick(LAST_HEADLINES))
        return [
            self._datum(
                "news",
                {
                    "category": category,
                    "headline": headline.format(
                        company=self._name,
                        city=dice.pick(COUNTRIES).city,
                        millions=dice.between(2, 60),
                    ),
                },
                f"https://news.example/{_slug(self._key)}/{number}",
            )
            for number, (category, headline) in enumerate(stories, start=1)
        ]

    def _technologies(self) -> list[dict[str, Any]]:
        dice = self._dice("technologies")
        products = sorted(dice.some(TECHNOLOGIES, dice.between(1, 5)))
        return [self._datum("technologies", product, "/empleo") for product in products]

"""Fake data: plausible evidence about any company, the same for the same key.

Nothing here is true, and each answer says so: `simulated`, `aviso`, sources under the
reserved domain `.example`, telephone numbers that no subscriber has, and no persons.
"""

import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")

NOTICE = (
    "Datos inventados por el sandbox: no describen a ninguna empresa real. "
    "Invented by the sandbox: this describes no real company."
)

#: What SurfSense asks for one page of search results, one crawled page, one job, in micro-USD.
SEARCH_MICROS, PAGE_MICROS, JOB_MICROS = 5_500, 2_000, 3_500
#: Share of the companies in the news whose last headline is that they end.
LAST_HEADLINES_SHARE = 0.06
SOCIAL_NETWORKS = ("linkedin", "x", "instagram", "facebook", "youtube")
#: No source is older than this.
OLDEST_DAYS = 400


def uniform(*parts: str | int) -> float:
    """Return a number from 0 up to but not including 1, the same for the same *parts*.

    It is the same on every machine and Python.
    """
    text = "\x1f".join(map(str, parts))
    digest = blake2b(text.encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


class SeededRandom:
    """A sequence of random numbers that its *topic* determines."""

    def __init__(self, *topic: str | int) -> None:
        self._topic = topic
        self._draws = 0

    def uniform(self) -> float:
        """Return the next number, as `uniform` does."""
        self._draws += 1
        return uniform(*self._topic, self._draws)

    def chance(self, share: float) -> bool:
        """Return True in a *share* (0 to 1) of the draws."""
        return self.uniform() < share

    def between(self, low: int, high: int) -> int:
        """Return a whole number from *low* to *high*, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Return one of *options*."""
        return options[self.between(0, len(options) - 1)]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Return *count* different ones of *options*, in any order."""
        left = list(options)
        return [left.pop(self.between(0, len(left) - 1)) for _ in range(count)]


class Sector(NamedTuple):
    """`activity` completes "empresa de ..."; a key that contains a hint is of this sector."""

    name: str
    activity: str
    hints: tuple[str, ...]


class Country(NamedTuple):
    """`calling` is the country code with an area; `weight` how common it is."""

    code: str
    calling: str
    city: str
    weight: int


class SimpleWorld(BaseModel):
    """What its companies are made of: `data/simple_world.toml`, which says what the columns are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sectors: tuple[Sector, ...]
    size_bands: tuple[tuple[str, int, int], ...]
    countries: tuple[Country, ...]
    technologies: tuple[str, ...]
    headlines: tuple[tuple[str, str], ...]
    last_headlines: tuple[tuple[str, str], ...]


@cache
def simple_world() -> SimpleWorld:
    """Return what its companies are made of, read once."""
    file = files("orchestrator.embedded.sandbox") / "data" / "simple_world.toml"
    return SimpleWorld.model_validate(tomllib.loads(file.read_text("utf-8")))


def hinted_sector(key: str) -> Sector | None:
    """Return the sector that a company's key hints at, if it does."""
    folded = key.lower()
    sectors = simple_world().sectors
    return next((each for each in sectors if any(hint in folded for hint in each.hints)), None)


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
    drawn = SeededRandom(key, "estado").uniform()
    if drawn < not_found_rate:
        return echo | {"estado": "no_encontrada"} | _price(searches=1)
    if drawn < not_found_rate + ambiguous_rate:
        return echo | {"estado": "ambigua", "candidates": _candidates(key)} | _price(searches=2)
    return echo | {"estado": "encontrada"} | _Company(key, now).fields()


def _price(*, searches: int = 0, pages: int = 0, jobs: int = 0) -> dict[str, Any]:
    items = {
        "google_search.page": searches * SEARCH_MICROS,
        "web.page": pages * PAGE_MICROS,
        "indeed.job": jobs * JOB_MICROS,
    }
    items = {unit: micros for unit, micros in items.items() if micros}
    return {"cost_micros": sum(items.values()), "cost_items": items}


def _candidates(key: str) -> list[dict[str, str]]:
    countries = SeededRandom(key, "candidates").some(simple_world().countries, 3)
    return [{"name": f"{key.title()} {c.city}", "country": c.code} for c in countries]


def _slug(key: str) -> str:
    """Return *key* as a host label: ASCII letters, digits and inner hyphens."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.lower())[:50].strip("-")
    return plain or blake2b(key.encode(), digest_size=6).hexdigest()


class _Company:
    """One invented company; topics are independent, each with a random sequence of its own."""

    def __init__(self, key: str, now: datetime) -> None:
        self._key = key
        self._name = key.title()
        self._site = f"https://{_slug(key)}.example"
        self._today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        random = self._random("identity")
        self._country = random.pick([c for c in simple_world().countries for _ in range(c.weight)])
        self._sector = hinted_sector(key) or random.pick(simple_world().sectors)
        self._band = random.pick(simple_world().size_bands)

    def fields(self) -> dict[str, Any]:
        """Return every field that is known of it, with what the research cost."""
        jobs = self._random("jobs").between(2, 5)
        price = _price(searches=2, pages=self._random("pages").between(2, 9), jobs=jobs)
        fields = {
            field: value
            for field, missing_share, value in self._fields()
            if self._random("missing", field).uniform() >= missing_share
        }
        return fields | price

    def _random(self, *topic: str) -> SeededRandom:
        return SeededRandom(self._key, *topic)

    def _fields(self) -> list[tuple[str, float, Any]]:
        band, low, high = self._band
        headcount = self._random("headcount").between(low, high)
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
        random = self._random("source", topic, str(value))
        # Squared, since most pages are young and few are old.
        age = timedelta(days=int(random.uniform() ** 2 * OLDEST_DAYS))
        return {
            "value": value,
            "confidence": random.between(50, 97) / 100,
            "source_url": source_url,
            "as_of": (self._today - age).isoformat(),
        }

    def _description(self) -> str:
        return (
            f"{self._name} (texto inventado): empresa de {self._sector.activity} "
            f"con sede en {self._country.city}."
        )

    def _email(self) -> str:
        mailbox = self._random("email").pick(("info", "contacto", "ventas", "hola"))
        return f"{mailbox}@{_slug(self._key)}.example"

    def _phone(self) -> str:
        return f"{self._country.calling} 000 {self._random('phone').between(0, 9999):04}"

    def _open_positions(self) -> int:
        _, low, _ = self._band
        return self._random("hiring").between(0, 3 + min(low, 2000) // 20)

    def _socials(self) -> list[dict[str, Any]]:
        random = self._random("socials")
        networks = random.some(SOCIAL_NETWORKS, random.between(1, 3))
        addresses = [f"https://{network}.example/{_slug(self._key)}" for network in networks]
        return [self._datum("socials", address, "/") for address in addresses]

    def _news(self) -> list[dict[str, Any]]:
        random = self._random("news")
        stories = random.some(simple_world().headlines, random.between(1, 3))
        if random.uniform() < LAST_HEADLINES_SHARE:
            stories.append(random.pick(simple_world().last_headlines))
        return [
            self._datum(
                "news",
                {
                    "category": category,
                    "headline": headline.format(
                        company=self._name,
                        city=random.pick(simple_world().countries).city,
                        millions=random.between(2, 60),
                    ),
                },
                f"https://news.example/{_slug(self._key)}/{number}",
            )
            for number, (category, headline) in enumerate(stories, start=1)
        ]

    def _technologies(self) -> list[dict[str, Any]]:
        random = self._random("technologies")
        products = sorted(random.some(simple_world().technologies, random.between(1, 5)))
        return [self._datum("technologies", product, "/empleo") for product in products]

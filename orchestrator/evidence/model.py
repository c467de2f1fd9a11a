"""The types that the modules of this package share: who is asked for, and what was found.

Text is what SurfSense sent, not yet checked: of any length, perhaps with markup or control
characters. `orchestrator.surfsense.verbs` reads these types from its items.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from agents.case import ClaimField

_SPANISH: Final = frozenset(
    "ES AR BO CL CO CR CU DO EC GT HN MX NI PA PE PR PY SV UY VE".split()  # noqa: SIM905 - reads better
)
_PORTUGUESE: Final = frozenset({"PT", "BR", "AO", "MZ"})


class Step(StrEnum):
    """One kind of purchase about a company; the values are part of Redis keys and of the ledger."""

    MAPS = "maps"
    SEARCH = "search"
    CRAWL = "crawl"
    """The home page of the company's site."""
    PAGES = "pages"
    """Pages of that site that tell more, which the home page links."""
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Subject:
    """The company that is asked for, as far as it is known for free.

    Attributes:
        name: As the lead gives it.
        domain: Host of its website or of its mail, in lower case and without `www.`; free mail and
            social networks never.
        country: ISO 3166-1 alpha-2.
        city: As the lead gives it.
        phones: E.164; of the company, not of a person.
        tax_id: As the lead gives it.
    """

    name: str
    domain: str | None = None
    country: str | None = None
    city: str | None = None
    phones: tuple[str, ...] = ()
    tax_id: str | None = None

    @property
    def has_place(self) -> bool:
        """Whether its country or town is known."""
        return bool(self.country or self.city)

    @property
    def has_second_fact(self) -> bool:
        """Whether anything but name and country is known, which namesakes may share.

        >>> Subject("Acme", country="ES").has_second_fact
        False
        >>> Subject("Acme", city="Bilbao").has_second_fact
        True
        """
        return bool(self.domain or self.city or self.phones or self.tax_id)


def language_of(country: str | None) -> str:
    """Return the language that answers about a company of *country* are asked for in.

    >>> language_of("MX"), language_of("BR"), language_of(None)
    ('es', 'pt', 'en')
    """
    if country in _PORTUGUESE:
        return "pt"
    return "es" if country in _SPANISH else "en"


@dataclass(frozen=True, slots=True)
class Hit:
    """One organic result of a search. `position` counts from 1."""

    position: int
    title: str
    url: str
    description: str = ""
    has_site_links: bool = False
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One place of Google Maps; `url` is that of its page on Maps, `phone` as shown there."""

    title: str
    category: str | None = None
    categories: tuple[str, ...] = ()
    address: str | None = None
    city: str | None = None
    country: str | None = None
    website: str | None = None
    phone: str | None = None
    description: str | None = None
    permanently_closed: bool = False
    reviews: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One crawled page with its content. `text` is markdown, `title` and `description` metadata.

    `emails`, `phones` and `socials` are what the crawler found in the whole page, its footer too;
    `links` lead to pages of the site that may tell more of the company.
    """

    url: str
    text: str
    title: str = ""
    description: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    socials: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobAd:
    """One open position, as a job board shows it. Keyword searches return other employers, too."""

    title: str
    company: str
    url: str | None = None
    city: str | None = None
    published_at: datetime | None = None
    is_expired: bool = False


class Agreement(StrEnum):
    """Whether a hit, place, page or job belongs to the company that is asked for.

    Nothing is taken from what is in conflict. WEAK says that too little is known: it may be shown
    to a person as a candidate, and yields no value.
    """

    AGREE = "agree"
    WEAK = "weak"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Belonging:
    """An `Agreement` with its reasons, each a short English clause for `--show-evidence`."""

    agreement: Agreement
    reasons: tuple[str, ...] = ()


class Method(StrEnum):
    """How a value was found, so that a person can judge it."""

    LEAD = "lead"
    MAPS_FIELD = "maps_field"
    MAPS_CATEGORY = "maps_category"
    PAGE_CONTACT = "page_contact"
    PAGE_TEXT = "page_text"
    CHECK_DIGIT = "check_digit"
    SEARCH_RESULT = "search_result"
    LISTING = "listing"
    """An entry in a directory or social network, as a search result shows it."""
    WEBSITE_SCORE = "website_score"
    WORD_LIST = "word_list"
    JOB_AD = "job_ad"


@dataclass(frozen=True, slots=True)
class Observed:
    """One value as one source states it.

    Attributes:
        field: What it is about.
        value: As the agent reads it: a sector's word, an alpha-2 code, E.164, a URL, an int.
        quote: The sentence or cell of the source that it was read from; occurs there word for word.
        method: How it was found.
        step: The purchase that it comes from.
        source_url: The page; None where the source has no address.
        as_of: When the source stated it, where that is known; else the purchase's instant counts.
        confidence: How sure the method is of this one value, 0 to 1, where it can say so.
    """

    field: ClaimField
    value: str | int
    quote: str
    method: Method
    step: Step
    source_url: str | None = None
    as_of: datetime | None = None
    confidence: float | None = None

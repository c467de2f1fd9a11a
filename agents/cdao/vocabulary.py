"""The words the agent understands in evidence, and the words it answers with.

A word that is not here is unknown: the readers return None for it and never fail, so
that evidence of a richer source is only less telling, not wrong.
"""

import re
import unicodedata
from enum import StrEnum


class Sector(StrEnum):
    """What a company does."""

    AGRICULTURE = "agriculture"
    AUTOMOTIVE = "automotive"
    BANKING = "banking"
    CHEMICALS = "chemicals"
    CONSTRUCTION = "construction"
    EDUCATION = "education"
    ENERGY = "energy"
    FOOD_AND_BEVERAGES = "food_and_beverages"
    HEALTHCARE = "healthcare"
    INSURANCE = "insurance"
    LOGISTICS = "logistics"
    MANUFACTURING = "manufacturing"
    MEDIA = "media"
    PHARMA = "pharma"
    PROFESSIONAL_SERVICES = "professional_services"
    PUBLIC_ADMINISTRATION = "public_administration"
    REAL_ESTATE = "real_estate"
    RETAIL = "retail"
    TECHNOLOGY = "technology"
    TELECOMMUNICATIONS = "telecommunications"
    TEXTILE = "textile"
    TOURISM = "tourism"


class SizeBand(StrEnum):
    """How many people work there."""

    UP_TO_10 = "1-10"
    UP_TO_50 = "11-50"
    UP_TO_200 = "51-200"
    UP_TO_1000 = "201-1000"
    UP_TO_5000 = "1001-5000"
    OVER_5000 = "5001+"


class NewsCategory(StrEnum):
    """What a headline is about: the word before its first colon."""

    AWARD = "award"
    CLOSURE = "closure"
    EXPANSION = "expansion"
    FUNDING = "funding"
    INSOLVENCY = "insolvency"
    LAYOFFS = "layoffs"
    MERGER = "merger"
    PRODUCT = "product"


class FindingName(StrEnum):
    """Everything that can move a score, and the three entries that explain its arithmetic."""

    BASELINE = "baseline"
    SECTOR_FIT = "sector_fit"
    SECTOR_MISFIT = "sector_misfit"
    SIZE_FIT = "size_fit"
    SIZE_MISFIT = "size_misfit"
    COUNTRY_FIT = "country_fit"
    OUTSIDE_MARKET = "outside_market"
    HIRING = "hiring"
    NEWS_AWARD = "news_award"
    NEWS_CLOSURE = "news_closure"
    NEWS_EXPANSION = "news_expansion"
    NEWS_FUNDING = "news_funding"
    NEWS_INSOLVENCY = "news_insolvency"
    NEWS_LAYOFFS = "news_layoffs"
    NEWS_MERGER = "news_merger"
    NEWS_PRODUCT = "news_product"
    TECHNOLOGY_FIT = "technology_fit"
    OWN_DOMAIN_EMAIL = "own_domain_email"
    FREE_MAIL = "free_mail"
    CONTACT_REACHABLE = "contact_reachable"
    WEBSITE_FOUND = "website_found"
    OUR_DOMAIN = "our_domain"
    COMPETITOR_DOMAIN = "competitor_domain"
    STALE_EVIDENCE = "stale_evidence"
    CLAMP = "clamp"


class AssessmentCode(StrEnum):
    """Why a lead advances or is discarded."""

    VIABLE = "viable"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    POOR_FIT = "poor_fit"
    OUTSIDE_MARKET = "outside_market"
    OWN_DOMAIN = "own_domain"
    COMPETITOR = "competitor"
    COMPANY_CLOSED = "company_closed"
    COMPANY_INSOLVENT = "company_insolvent"


class StepCode(StrEnum):
    """What the sales team does next."""

    CALL = "call"
    EMAIL = "email"
    VERIFY_CONTACT = "verify_contact"
    ASK_FOR_DETAILS = "ask_for_details"
    KEEP_ON_FILE = "keep_on_file"
    NO_ACTION = "no_action"


_SECTORS = {sector.value: sector for sector in Sector}
_SIZE_BANDS = {band.value: band for band in SizeBand}
_NEWS_CATEGORIES = {category.value: category for category in NewsCategory} | {
    "bankruptcy": NewsCategory.INSOLVENCY,
    "concurso_de_acreedores": NewsCategory.INSOLVENCY,
}

_BAND_LIMITS = (
    (10, SizeBand.UP_TO_10),
    (50, SizeBand.UP_TO_50),
    (200, SizeBand.UP_TO_200),
    (1000, SizeBand.UP_TO_1000),
    (5000, SizeBand.UP_TO_5000),
)


def fold(text: str) -> str:
    """Reduce *text* to lower-case words without accents, joined by underscores."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "_".join(re.findall(r"[a-z0-9]+", bare.casefold().replace("&", " and ")))


def read_sector(text: str) -> Sector | None:
    """Return the sector that *text* names, however it is spaced, hyphenated or cased."""
    return _SECTORS.get(fold(text))


def read_size_band(text: str) -> SizeBand | None:
    """Return the size band that *text* spells out, with any kind of dash."""
    word = re.sub(r"[\s.,]", "", text).translate({0x2010: "-", 0x2013: "-", 0x2014: "-"})
    return _SIZE_BANDS.get(word)


def size_band_of(headcount: int) -> SizeBand:
    """Return the band that *headcount*, at least 1, falls into."""
    return next((band for limit, band in _BAND_LIMITS if headcount <= limit), SizeBand.OVER_5000)


def read_news_category(prefix: str) -> NewsCategory | None:
    """Return the category that the word or words before a headline's colon name."""
    return _NEWS_CATEGORIES.get(fold(prefix))

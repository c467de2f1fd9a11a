"""The words the agent understands in evidence, and the words it answers with.

A word that is not here is unknown: the readers return None for it and never fail, so
that evidence of a richer source is only less telling, not wrong.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Self

from agents.case import Localized


class Phrased(StrEnum):
    """A word with its phrase in English and Spanish; blank where it has none."""

    phrase: Localized

    def __new__(cls, value: str, en: str = "", es: str = "") -> Self:
        """Make the member of one row: the word, and the phrases."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.phrase = Localized(en=en, es=es)
        return member


class Sector(Phrased):
    """What a company does. The Spanish phrase follows "el sector"."""

    AGRICULTURE = "agriculture", "agriculture", "agrícola"
    AUTOMOTIVE = "automotive", "the automotive industry", "de la automoción"
    BANKING = "banking", "banking", "bancario"
    CHEMICALS = "chemicals", "the chemical industry", "químico"
    CONSTRUCTION = "construction", "construction", "de la construcción"
    EDUCATION = "education", "education", "educativo"
    ENERGY = "energy", "energy", "energético"
    FOOD_AND_BEVERAGES = "food_and_beverages", "food and beverages", "de la alimentación y bebidas"
    HEALTHCARE = "healthcare", "healthcare", "sanitario"
    INSURANCE = "insurance", "insurance", "asegurador"
    LOGISTICS = "logistics", "logistics", "logístico"
    MANUFACTURING = "manufacturing", "manufacturing", "manufacturero"
    MEDIA = "media", "the media", "de los medios de comunicación"
    PHARMA = "pharma", "the pharmaceutical industry", "farmacéutico"
    PROFESSIONAL_SERVICES = (
        "professional_services",
        "professional services",
        "de los servicios profesionales",
    )
    PUBLIC_ADMINISTRATION = (
        "public_administration",
        "public administration",
        "de la administración pública",
    )
    REAL_ESTATE = "real_estate", "real estate", "inmobiliario"
    RETAIL = "retail", "retail", "minorista"
    TECHNOLOGY = "technology", "technology", "tecnológico"
    TELECOMMUNICATIONS = "telecommunications", "telecommunications", "de las telecomunicaciones"
    TEXTILE = "textile", "the textile industry", "textil"
    TOURISM = "tourism", "tourism", "turístico"


class SizeBand(Phrased):
    """How many people work there."""

    UP_TO_10 = "1-10", "at most 10 people", "10 empleados como máximo"
    UP_TO_50 = "11-50", "11 to 50 people", "entre 11 y 50 empleados"
    UP_TO_200 = "51-200", "51 to 200 people", "entre 51 y 200 empleados"
    UP_TO_1000 = "201-1000", "201 to 1,000 people", "entre 201 y 1000 empleados"
    UP_TO_5000 = "1001-5000", "1,001 to 5,000 people", "entre 1001 y 5000 empleados"
    OVER_5000 = "5001+", "more than 5,000 people", "más de 5000 empleados"


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


class RequiredFact(StrEnum):
    """What an opportunity can be required to have."""

    WEBSITE = "website"
    CONTACT = "contact"
    SECTOR = "sector"
    COUNTRY = "country"
    SIZE = "size"


class FindingName(Phrased):
    """Everything that can move a score, and the three entries that explain its arithmetic.

    The phrase continues a sentence whose subject is the company, and names the finding's params.
    Without one are those that have a sentence of their own, or never stand in one.
    """

    BASELINE = "baseline"
    SECTOR_FIT = "sector_fit", "works in {sector}", "pertenece al sector {sector}"
    SECTOR_MISFIT = (
        "sector_misfit",
        "works in a sector we avoid ({sector})",
        "pertenece a un sector que evitamos (el {sector})",
    )
    SECTOR_NEUTRAL = (
        "sector_neutral",
        "works in a sector we do not target ({sector})",
        "pertenece a un sector al que no nos dirigimos (el {sector})",
    )
    SIZE_FIT = "size_fit", "employs {size}", "tiene {size}"
    SIZE_MISFIT = (
        "size_misfit",
        "has a size we do not serve ({size})",
        "tiene un tamaño que no atendemos ({size})",
    )
    COUNTRY_FIT = "country_fit", "is based in {country}", "está en {country}"
    OUTSIDE_MARKET = (
        "outside_market",
        "seems to be outside our market ({country})",
        "parece estar fuera de nuestro mercado ({country})",
    )
    HIRING = "hiring"
    NEWS_AWARD = "news_award", "has won an award", "ha ganado un premio"
    NEWS_CLOSURE = "news_closure", "may have closed", "puede haber cerrado"
    NEWS_EXPANSION = "news_expansion", "is expanding", "está en expansión"
    NEWS_FUNDING = "news_funding", "has raised funding", "ha obtenido financiación"
    NEWS_INSOLVENCY = "news_insolvency", "may be insolvent", "parece insolvente"
    NEWS_LAYOFFS = "news_layoffs", "is laying people off", "está reduciendo su plantilla"
    NEWS_MERGER = "news_merger", "is going through a merger", "está en un proceso de fusión"
    NEWS_PRODUCT = "news_product", "has launched a new product", "ha lanzado un nuevo producto"
    TECHNOLOGY_FIT = "technology_fit", "uses {technologies}", "usa {technologies}"
    OWN_DOMAIN_EMAIL = (
        "own_domain_email",
        "has a contact on its own domain",
        "tiene un contacto en su propio dominio",
    )
    FREE_MAIL = (
        "free_mail",
        "has a contact who writes from free mail",
        "tiene un contacto que escribe desde un correo gratuito",
    )
    CONTACT_REACHABLE = (
        "contact_reachable",
        "has known contact details",
        "tiene datos de contacto conocidos",
    )
    WEBSITE_FOUND = "website_found", "has a website ({website})", "tiene página web ({website})"
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


class StepCode(Phrased):
    """What the sales team does next; `{opening}` is what it opens the conversation with."""

    CALL = (
        "call",
        "Call the contact within two working days{opening}.",
        "Llamar al contacto en dos días laborables{opening}.",
    )
    EMAIL = (
        "email",
        "Write to the contact within two working days{opening}.",
        "Escribir al contacto en dos días laborables{opening}.",
    )
    VERIFY_CONTACT = (
        "verify_contact",
        "Confirm that the contact, who uses free mail, works there; then write{opening}.",
        (
            "Confirmar que el contacto, que usa un correo gratuito, trabaja allí; "
            "después, escribirle{opening}."
        ),
    )
    ASK_FOR_DETAILS = (
        "ask_for_details",
        "Ask the contact about the company's sector, size and plans, then judge again.",
        (
            "Preguntar al contacto por el sector, el tamaño y los planes de la empresa "
            "y volver a evaluar."
        ),
    )
    KEEP_ON_FILE = (
        "keep_on_file",
        "Keep the lead on file and look again when the company's situation changes.",
        "Archivar el lead y revisarlo cuando cambie la situación de la empresa.",
    )
    NO_ACTION = "no_action", "Nothing to do.", "Sin acción."


_SECTORS = {sector.value: sector for sector in Sector}
_SIZE_BANDS = {band.value: band for band in SizeBand}
_NEWS_CATEGORIES = {category.value: category for category in NewsCategory} | {
    "bankruptcy": NewsCategory.INSOLVENCY,
    "concurso_de_acreedores": NewsCategory.INSOLVENCY,
}


def as_word(text: str) -> str:
    """Return *text* as a word of a vocabulary is written: `food_and_beverages`.

    >>> as_word("Food & Beverages"), as_word("Côte d'Ivoire")
    ('food_and_beverages', 'cote_d_ivoire')
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "_".join(re.findall(r"[a-z0-9]+", bare.casefold().replace("&", " and ")))


def read_sector(text: str) -> Sector | None:
    """Return the sector that *text* names, however it is spaced, hyphenated or cased."""
    return _SECTORS.get(as_word(text))


def read_size_band(text: str) -> SizeBand | None:
    """Return the size band that *text* spells out, with any kind of dash."""
    word = re.sub(r"[\s.,]", "", text).translate({0x2010: "-", 0x2013: "-", 0x2014: "-"})
    return _SIZE_BANDS.get(word)


def size_band_of(headcount: int) -> SizeBand:
    """Return the band that *headcount*, at least 1, falls into."""
    return next(band for band in SizeBand if headcount <= int(band.partition("-")[2] or headcount))


def read_news_category(prefix: str) -> NewsCategory | None:
    """Return the category that the word or words before a headline's colon name."""
    return _NEWS_CATEGORIES.get(as_word(prefix))

"""How each finding and each word of the vocabulary is said in English and Spanish.

A clause continues a sentence whose subject is the company ("it works in retail"). Which
clauses make a sentence is decided in `reasons`.
"""

from collections.abc import Sequence

from agents.case import Language, Localized

from .countries import country_name
from .finding import Finding
from .vocabulary import FindingName, Sector, SizeBand

# The Spanish form follows "el sector".
_SECTORS = {
    Sector.AGRICULTURE: Localized(en="agriculture", es="agrícola"),
    Sector.AUTOMOTIVE: Localized(en="the automotive industry", es="de la automoción"),
    Sector.BANKING: Localized(en="banking", es="bancario"),
    Sector.CHEMICALS: Localized(en="the chemical industry", es="químico"),
    Sector.CONSTRUCTION: Localized(en="construction", es="de la construcción"),
    Sector.EDUCATION: Localized(en="education", es="educativo"),
    Sector.ENERGY: Localized(en="energy", es="energético"),
    Sector.FOOD_AND_BEVERAGES: Localized(
        en="food and beverages", es="de la alimentación y bebidas"
    ),
    Sector.HEALTHCARE: Localized(en="healthcare", es="sanitario"),
    Sector.INSURANCE: Localized(en="insurance", es="asegurador"),
    Sector.LOGISTICS: Localized(en="logistics", es="logístico"),
    Sector.MANUFACTURING: Localized(en="manufacturing", es="manufacturero"),
    Sector.MEDIA: Localized(en="the media", es="de los medios de comunicación"),
    Sector.PHARMA: Localized(en="the pharmaceutical industry", es="farmacéutico"),
    Sector.PROFESSIONAL_SERVICES: Localized(
        en="professional services", es="de los servicios profesionales"
    ),
    Sector.PUBLIC_ADMINISTRATION: Localized(
        en="public administration", es="de la administración pública"
    ),
    Sector.REAL_ESTATE: Localized(en="real estate", es="inmobiliario"),
    Sector.RETAIL: Localized(en="retail", es="minorista"),
    Sector.TECHNOLOGY: Localized(en="technology", es="tecnológico"),
    Sector.TELECOMMUNICATIONS: Localized(en="telecommunications", es="de las telecomunicaciones"),
    Sector.TEXTILE: Localized(en="the textile industry", es="textil"),
    Sector.TOURISM: Localized(en="tourism", es="turístico"),
}

_SIZES = {
    SizeBand.UP_TO_10: Localized(en="at most 10 people", es="10 empleados como máximo"),
    SizeBand.UP_TO_50: Localized(en="11 to 50 people", es="entre 11 y 50 empleados"),
    SizeBand.UP_TO_200: Localized(en="51 to 200 people", es="entre 51 y 200 empleados"),
    SizeBand.UP_TO_1000: Localized(en="201 to 1,000 people", es="entre 201 y 1000 empleados"),
    SizeBand.UP_TO_5000: Localized(en="1,001 to 5,000 people", es="entre 1001 y 5000 empleados"),
    SizeBand.OVER_5000: Localized(en="more than 5,000 people", es="más de 5000 empleados"),
}

_CLAUSES = {
    FindingName.SECTOR_FIT: Localized(en="works in {sector}", es="pertenece al sector {sector}"),
    FindingName.SECTOR_MISFIT: Localized(
        en="works in a sector we avoid ({sector})",
        es="pertenece a un sector que evitamos (el {sector})",
    ),
    FindingName.SIZE_FIT: Localized(en="employs {size}", es="tiene {size}"),
    FindingName.SIZE_MISFIT: Localized(
        en="has a size we do not serve ({size})", es="tiene un tamaño que no atendemos ({size})"
    ),
    FindingName.COUNTRY_FIT: Localized(en="is based in {country}", es="está en {country}"),
    FindingName.OUTSIDE_MARKET: Localized(
        en="seems to be outside our market ({country})",
        es="parece estar fuera de nuestro mercado ({country})",
    ),
    FindingName.NEWS_AWARD: Localized(en="has won an award", es="ha ganado un premio"),
    FindingName.NEWS_CLOSURE: Localized(en="may have closed", es="puede haber cerrado"),
    FindingName.NEWS_EXPANSION: Localized(en="is expanding", es="está en expansión"),
    FindingName.NEWS_FUNDING: Localized(en="has raised funding", es="ha obtenido financiación"),
    FindingName.NEWS_INSOLVENCY: Localized(en="may be insolvent", es="parece insolvente"),
    FindingName.NEWS_LAYOFFS: Localized(
        en="is laying people off", es="está reduciendo su plantilla"
    ),
    FindingName.NEWS_MERGER: Localized(
        en="is going through a merger", es="está en un proceso de fusión"
    ),
    FindingName.NEWS_PRODUCT: Localized(
        en="has launched a new product", es="ha lanzado un nuevo producto"
    ),
    FindingName.TECHNOLOGY_FIT: Localized(en="uses {technologies}", es="usa {technologies}"),
    FindingName.OWN_DOMAIN_EMAIL: Localized(
        en="has a contact on its own domain", es="tiene un contacto en su propio dominio"
    ),
    FindingName.FREE_MAIL: Localized(
        en="has a contact who writes from free mail",
        es="tiene un contacto que escribe desde un correo gratuito",
    ),
    FindingName.CONTACT_REACHABLE: Localized(
        en="has known contact details", es="tiene datos de contacto conocidos"
    ),
    FindingName.WEBSITE_FOUND: Localized(
        en="has a website ({website})", es="tiene página web ({website})"
    ),
}


def clause(finding: Finding, language: Language) -> str:
    """Return what the finding says about the company, as the rest of a sentence."""
    if finding.name is FindingName.HIRING:
        return _hiring(finding, language)
    return _CLAUSES[finding.name].in_language(language).format_map(words_of(finding, language))


def words_of(finding: Finding, language: Language) -> dict[str, str]:
    """Return the finding's params as people say them."""
    return {name: _word(name, value, language) for name, value in finding.params.items()}


def join(words: Sequence[str], language: Language) -> str:
    """Join words or clauses as one says them: "a, b and c"."""
    if len(words) < 2:  # noqa: PLR2004 - "and" takes two
        return "".join(words)
    conjunction = "and" if language == "en" else "y"
    # Spanish says "e" before the sound i, however it is spelt: "SAP e Intercom".
    if language == "es" and words[-1].lower().startswith(("i", "hi")):
        conjunction = "e"
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def _hiring(finding: Finding, language: Language) -> str:
    count = finding.params["open_positions"]
    if language == "en":
        return f"has {count} open position{'' if count == 1 else 's'}"
    return f"tiene {count} vacante{'' if count == 1 else 's'} abierta{'' if count == 1 else 's'}"


def _word(param: str, value: object, language: Language) -> str:
    match param, value:
        case "sector", str():
            return _SECTORS[Sector(value)].in_language(language)
        case "size", str():
            return _SIZES[SizeBand(value)].in_language(language)
        case "country", str():
            return country_name(value).in_language(language)
        case _, list():
            return join([str(item) for item in value], language)
        case _:
            return str(value)

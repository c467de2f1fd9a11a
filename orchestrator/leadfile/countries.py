"""Country names and codes, as people type them in English and Spanish, to ISO alpha-2 codes."""

import gettext
from collections.abc import Iterator
from functools import cache

import pycountry

from .text import fold

# Names in everyday use that ISO 3166 does not list.
_EVERYDAY = {
    "AE": "uae,emiratos,emiratos arabes",
    "BO": "estado plurinacional de bolivia",
    "CD": "congo kinshasa,dr congo",
    "CI": "ivory coast,costa de marfil",
    "CZ": "czech republic,republica checa",
    "DO": "rep dominicana,dominicana",
    "ES": "españa peninsular,reino de españa,espanya",
    "GB": "uk,great britain,gran bretaña,england,inglaterra,scotland,escocia,wales,gales",
    "KR": "corea,korea,republic of korea",
    "MX": "mejico,estados unidos mexicanos",
    "NL": "holland,holanda,the netherlands",
    "RU": "russia,rusia",
    "TR": "turkey,turquia",
    "US": "usa,eeuu,ee uu,eua,america,estados unidos de america,the united states",
    "VE": "republica bolivariana de venezuela",
}


def country_code(text: str) -> str | None:
    """Return the alpha-2 code of a country given by code (alpha-2, alpha-3) or name, else None.

    >>> country_code("Méjico"), country_code("ESP"), country_code("EE.UU."), country_code("Narnia")
    ('MX', 'ES', 'US', None)
    """
    return _codes().get(fold(text))


@cache
def _codes() -> dict[str, str]:
    return {fold(name): code for name, code in _named_codes()}


def _named_codes() -> Iterator[tuple[str, str]]:
    spanish = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=["es"])
    for country in pycountry.countries:
        yield country.alpha_2, country.alpha_2
        yield country.alpha_3, country.alpha_2
        for attribute in ("name", "common_name", "official_name"):
            name = getattr(country, attribute, None)
            if name:
                yield name, country.alpha_2
                yield spanish.gettext(name), country.alpha_2
    for code, names in _EVERYDAY.items():
        yield from ((name, code) for name in names.split(","))

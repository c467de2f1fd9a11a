"""Countries as people write them: by code, by name in many languages, by flag, or twice.

Names are CLDR's in English, Spanish, Portuguese, German, French, Catalan, Italian and Dutch, and
each country's own.
"""

import gettext
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

import pycountry
from babel import Locale, UnknownLocaleError
from babel.languages import get_official_languages

from .cleaning import fold

_LOCALES: Final = ("en", "es", "es_419", "es_MX", "pt", "pt_PT", "de", "fr", "ca", "it", "nl")
_LONGEST: Final = 100
_IN_BRACKETS: Final = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_BRACKETED: Final = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_FLAG: Final = re.compile("([\U0001f1e6-\U0001f1ff])([\U0001f1e6-\U0001f1ff])")
_FIRST_OF_FLAGS: Final = 0x1F1E6
_BETWEEN: Final = re.compile(r"\s*/\s*|\s+[-–—:|]\s+|\s*[|;\n]\s*|(?<=^[A-Za-z]{2})[-_:](?=\S)")  # noqa: RUF001

_ARTICLE: Final = re.compile(r"^(?:the|el|la|los|las|o|os|as|die|der|le|les) ")
_STATE: Final = re.compile(
    r"(?:(?:the )?(?:republic|kingdom|state|commonwealth) of(?: the)?|"
    r"(?:la )?(?:republica|rep|reino|estado)(?: (?:de la|de los|del|de|da|do))?|"
    r"republik|konigreich|republique (?:de la|du|de|d)|royaume (?:de|du)) (.+)"
)
#: `Republic of China` is Taiwan; of Congo and Korea there are two; the state of Mexico is none.
_TWO_STATES: Final = frozenset(
    ("china", "congo", "korea", "corea", "coree", "mexico", "georgia", "victoria", "macedonia")
)

# Names in everyday use that neither ISO 3166 nor CLDR lists, and what vehicles have.
_EVERYDAY: Final = {
    "AT": "a",
    "BE": "b",
    "FR": "f",
    "IT": "i",
    "LU": "l",
    "PT": "p",
    "AE": "uae,emiratos,emiratos arabes,eau,vae",
    "BA": "bosnia",
    "BO": "estado plurinacional de bolivia",
    "CD": "democratic republic of the congo,democratic republic of congo,congo kinshasa,dr congo,"
    "rd congo,rdc,drc",
    "CG": "congo brazzaville",
    "CI": "ivory coast,costa de marfil",
    "CN": "prc,pr china,republica popular china,rp china,mainland china,china continental",
    "CV": "cape verde",
    "CZ": "czech republic,czech rep,republica checa,tschechische republik",
    "DE": "d,bundesrepublik deutschland,brd,republica federal de alemania",
    "DO": "rep dominicana,dominicana,r dominicana",
    "ES": "e,españa peninsular,reino de españa,espanya,españa islas,espana peninsula,"
    "canarias,islas canarias,canary islands",
    "GB": "uk,great britain,gran bretaña,england,inglaterra,scotland,escocia,wales,gales,gb uk,"
    "grossbritannien,grande bretagne,angleterre,irlanda del norte,northern ireland",
    "HK": "hong kong sar,hong kong sar china,hongkong",
    "KR": "한국,corea,korea,republic of korea,rok,coree,s korea",
    "MK": "macedonia,fyrom",
    "MM": "burma,birmania",
    "MO": "macau,macao",
    "MX": "mejico,estados unidos mexicanos",
    "NL": "holland,holanda,the netherlands,hollande",
    "PS": "palestina,palestine",
    "RU": "russia,rusia",
    "SA": "arabia saudi,ksa",
    "SZ": "swaziland,suazilandia",
    "TR": "turkey,turquia,turkei",
    "TT": "trinidad,trinidad tobago",
    "TW": "taiwan,taiwan roc",
    "US": "usa,eeuu,ee uu,e e u u,eua,america,estados unidos de america,the united states,u s,"
    "u s a,etats unis d amerique,vereinigte staaten von amerika,estados unidos da america",
    "VA": "vatican,vaticano,el vaticano",
    "VE": "republica bolivariana de venezuela",
    "VN": "viet nam",
}


@lru_cache(maxsize=1_024)
def country_code(text: str) -> str | None:
    """Return the alpha-2 code of a country as people write it, None where in doubt.

    >>> country_code("Méjico"), country_code("ESP"), country_code("EE.UU."), country_code("Narnia")
    ('MX', 'ES', 'US', None)
    >>> country_code("ES - España"), country_code("Perú (Lima)"), country_code("Madrid, Spain")
    ('ES', 'PE', 'ES')
    """
    text = text[:_LONGEST].strip()
    flags = {_letters(found[1]) + _letters(found[2]) for found in _FLAG.finditer(text)}
    if flags:
        known = {code for code in flags if code in _codes().values()}
        rest = _FLAG.sub("", text).strip()
        agree = not rest or country_code(rest) in known
        return known.pop() if len(known) == 1 and agree else None
    code = _exactly(text) or _exactly(_IN_BRACKETS.sub("", text))
    if code is not None:
        return code
    parts = [part for part in _BETWEEN.split(_IN_BRACKETS.sub("", text)) if part.strip()]
    if len(parts) > 1:
        codes = {_exactly(part) for part in parts}
        # A part that is no country, such as a state, makes it doubtful.
        return codes.pop() if len(codes) == 1 else None
    before, _, after = text.rpartition(",")
    inside = _BRACKETED.search(text)
    return (
        (before and (_exactly(f"{after} {before}") or _exactly(after)))
        or (inside and _exactly(inside[1]))
        or None
    )


def _letters(flag: str) -> str:
    return chr(ord("A") + ord(flag) - _FIRST_OF_FLAGS)


def _exactly(text: str) -> str | None:
    name = fold(text)
    found = _codes().get(name) or _codes().get(_ARTICLE.sub("", name))
    if found is None and (state := _STATE.match(name)) and state[1] not in _TWO_STATES:
        found = _codes().get(state[1])
    return found or (_native().get(name) if len(name) > 1 else None)


@cache
def _codes() -> dict[str, str]:
    codes: dict[str, str] = {}
    for name, code in _named_codes():
        codes.setdefault(fold(name), code)
    return codes


def _named_codes() -> Iterator[tuple[str, str]]:
    spanish = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=["es"])
    for each in pycountry.countries:
        yield each.alpha_2, each.alpha_2
        yield each.alpha_3, each.alpha_2
    for code, names in _EVERYDAY.items():
        yield from ((name, code) for name in names.split(","))
    for each in pycountry.countries:
        for attribute in ("name", "common_name", "official_name"):
            name = getattr(each, attribute, None)
            if name:
                yield name, each.alpha_2
                yield spanish.gettext(name), each.alpha_2
    for locale in _LOCALES:
        yield from _names_in(locale)


def _names_in(locale: str) -> Iterator[tuple[str, str]]:
    try:
        territories = Locale.parse(locale).territories
    except UnknownLocaleError:
        return
    for code, name in territories.items():
        if pycountry.countries.get(alpha_2=code) is not None:
            yield name, code
            # `RAE de Hong Kong (China)`
            yield _IN_BRACKETS.sub("", name), code


@cache
def _native() -> dict[str, str]:
    """Return each country's name in its own languages; many files, read once one is needed."""
    names: dict[str, str] = {}
    for each in pycountry.countries:
        for language in get_official_languages(each.alpha_2, de_facto=True):
            if name := _own_names(language).get(each.alpha_2):
                names.setdefault(fold(name), each.alpha_2)
    return names


@cache
def _own_names(language: str) -> dict[str, str]:
    return {code: name for name, code in reversed(list(_names_in(language)))}

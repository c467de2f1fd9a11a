"""What the invented world is made of: data files, read once and checked (see `data/`), and tax ids.

Tax ids have valid check digits, from ranges that no authority hands out.
"""

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from stdnum.ar import cuit
from stdnum.br import cnpj
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.es import cif
from stdnum.mx import rfc
from stdnum.pe import ruc
from stdnum.pt import nif

from orchestrator.embedded.sandbox.fake_data import SeededRandom

Language = Literal["es", "pt", "en"]
_Texts = Annotated[tuple[str, ...], Field(min_length=1)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trade(_Data):
    """What a sector is called and does, in one language."""

    heads: _Texts
    activity: _Texts
    offers: Annotated[tuple[str, ...], Field(min_length=4)]
    categories: _Texts
    jobs: _Texts


class SectorData(_Data):
    """A sector and how common it is."""

    weight: int
    es: Trade
    pt: Trade
    en: Trade

    def trade(self, language: Language) -> Trade:
        """Return its words in *language*."""
        found: Trade = getattr(self, language)
        return found


#: A city: its name, region, pattern of postal codes, pattern of national telephone numbers.
City = tuple[str, str, str, str]


class CountryData(_Data):
    """A country, its cities, legal forms and the kind of its tax ids (None: not published)."""

    name: dict[Language, str]
    weight: int
    language: Language
    tax: str | None = None
    forms: _Texts
    streets: _Texts
    cities: Annotated[tuple[City, ...], Field(min_length=2)]


class Directories(_Data):
    """Addresses of directories' pages about a company of these countries."""

    countries: tuple[str, ...]
    urls: _Texts


class Unrelated(_Data):
    """Addresses of pages that have nothing to do with the company, and of news."""

    hosts: _Texts
    news: _Texts


class Names(_Data):
    """What names are made of, and the hosts beside the companies' own."""

    syllables: _Texts
    towns: _Texts
    groups: _Texts
    people: _Texts
    technologies: _Texts
    patterns: dict[Language, _Texts]
    surnames: dict[Language, _Texts]
    places: dict[Language, _Texts]
    spellings: dict[str, _Texts]
    directories: tuple[Directories, ...]
    unrelated: Unrelated

    def directories_of(self, country: str) -> tuple[str, ...]:
        """Return the addresses of the directories that list companies of *country*."""
        found = (each.urls for each in self.directories if country in each.countries)
        return next(found, self.directories[0].urls)


class Texts(_Data):
    """What pages, snippets and news say in one language.

    Any further field is a kind of `Wording.say`: a list of phrasings.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Texts] = Field(init=False)

    mailboxes: Annotated[tuple[str, ...], Field(min_length=2)]
    linkedin: _Texts
    unrelated: tuple[tuple[str, str], ...]
    news: tuple[tuple[str, str], ...]
    day: Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]
    paths: dict[str, tuple[str, ...]]
    labels: dict[str, str]


@cache
def sectors() -> dict[str, SectorData]:
    """Return all sectors by their word of the common vocabulary."""
    return {name: SectorData.model_validate(row) for name, row in _read("sectors").items()}


@cache
def countries() -> dict[str, CountryData]:
    """Return all countries by their ISO 3166-1 alpha-2 code."""
    return {code: CountryData.model_validate(row) for code, row in _read("countries").items()}


@cache
def names() -> Names:
    """Return what names are made of."""
    return Names.model_validate(_read("names"))


@cache
def texts(language: Language) -> Texts:
    """Return what pages say in *language*."""
    return Texts.model_validate(_read("texts")[language])


def _read(name: str) -> dict[str, Any]:
    file = files("orchestrator.embedded.sandbox") / "data" / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))


def invent_tax_id(kind: str, random: SeededRandom) -> str:
    """Return a tax id of *kind*, one of `KINDS`, in its compact form."""
    match kind:
        case "CIF":
            return _cif(random)
        case "RFC":
            return _rfc(random)
        case _:
            begin, drawn, end, check_digits = _NUMBERS[kind]
            number = begin + _digits(random, drawn) + end
            return number + check_digits(number)


def formatted(kind: str, number: str, style: int) -> str:
    """Return a compact tax id as pages write it; *style* selects one of the ways.

    >>> formatted("CNPJ", "99123456000180", 1), formatted("CIF", "B00123450", 0)
    ('99.123.456/0001-80', 'B00123450')
    """
    ways = [number, *(way(number) for way in _FORMATS.get(kind, ()))]
    return ways[style % len(ways)]


def _digits(random: SeededRandom, count: int) -> str:
    return "".join(str(random.between(0, 9)) for _ in range(count))


def _cif(random: SeededRandom) -> str:
    # Province 00 does not exist.
    number = random.pick(("A", "B")) + "00" + _digits(random, 5)
    return number + cif.calc_check_digits(number)[0]


def _rfc(random: SeededRandom) -> str:
    letters = "".join(random.pick("BCDFGHJKLMNPQRSTVWXYZ") for _ in range(3))
    born = f"{random.between(70, 99)}{random.between(1, 12):02}{random.between(1, 28):02}"
    number = letters + born + random.pick("ABCDEFGH") + _digits(random, 1)
    return number + rfc.calc_check_digit(number)


#: By kind: what a number begins with, how many digits are drawn, its end, and its check digits.
_NUMBERS: dict[str, tuple[str, int, str, Callable[[str], str]]] = {
    "CNPJ": ("99", 6, "0001", cnpj.calc_check_digits),
    "RUT": ("98", 6, "", rut.calc_check_digit),
    "NIT": ("999", 6, "", nit.calc_check_digit),
    "RUC": ("209", 7, "", ruc.calc_check_digit),
    "NIPC": ("599", 5, "", nif.calc_check_digit),
    "CUIT": ("3099", 6, "", cuit.calc_check_digit),
}
#: The kinds of tax ids that can be invented.
KINDS = ("CIF", "RFC", *_NUMBERS)

_FORMATS: dict[str, tuple[Callable[[str], str], ...]] = {
    "CIF": (lambda n: f"{n[0]}-{n[1:]}", lambda n: f"{n[0]}{n[1:3]}.{n[3:6]}.{n[6:]}"),
    "RFC": (lambda n: f"{n[:3]}-{n[3:9]}-{n[9:]}",),
    "CNPJ": (cnpj.format,),
    "RUT": (rut.format, lambda n: f"{n[:8]}-{n[8:]}"),
    "NIT": (nit.format, lambda n: f"{n[:9]}-{n[9:]}"),
    "NIPC": (lambda n: f"{n[:3]} {n[3:6]} {n[6:]}",),
    "CUIT": (cuit.format,),
}

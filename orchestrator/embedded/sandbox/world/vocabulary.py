"""The data files that the invented world is made of, read once and checked. See `data/`."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    """What pages, snippets and news say in one language; each a list of phrasings."""

    ago: _Texts
    mailboxes: Annotated[tuple[str, ...], Field(min_length=2)]
    menu: _Texts
    intro: _Texts
    offers: _Texts
    about: _Texts
    headcount: _Texts
    clients: _Texts
    contact: _Texts
    footer: _Texts
    legal: _Texts
    authority: _Texts
    designer: _Texts
    person: _Texts
    hiring: _Texts
    technologies: _Texts
    closed: _Texts
    not_found: _Texts
    parked: _Texts
    parent: _Texts
    linkedin: _Texts
    facebook: _Texts
    instagram: _Texts
    directory: _Texts
    own_title: _Texts
    own_snippet: _Texts
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
    file = files("orchestrator.embedded.sandbox.world") / "data" / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))

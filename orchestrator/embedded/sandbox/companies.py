"""The invented world: companies whose truth is known to the seller only. Deterministic and pure.

`World` makes a company of any name that is asked for, the same for the same seed and name, and
keeps a catalogue of companies for benches. What SurfSense's verbs say about a company is decided
in `sources.py` and `pages.py`; `company.py` decides what is true.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple

from orchestrator.embedded.sandbox import vocabulary
from orchestrator.embedded.sandbox.company import (
    Company,
    Given,
    Maker,
    Trait,
    invent_names,
)
from orchestrator.identity import InvalidCompanyName, company_key

#: Most other companies of a name.
_MOST_NAMESAKES = 2
#: Words of a host's label that may name its company.
_MOST_WORDS = 12


class Site(NamedTuple):
    """What answers at a host: a company's own site, a parked domain, or a group's site."""

    kind: Literal["own", "parked", "group"]
    company: Company


class World:
    """All companies of one seed. Remembers those it has made; not safe for threads."""

    def __init__(self, seed: int = 0, catalogue_size: int = 1_000) -> None:
        self._seed = seed
        self._companies: dict[str, Company] = {}
        self._sites: dict[str, Site] = {}
        self._slugs: dict[str, Company] = {}
        self._places: dict[str, Company] = {}
        self._given: Mapping[str, Given] = invent_names(seed, catalogue_size)
        for key in self._given:
            self.company(key)
            self.namesakes(key)

    def key_of(self, phrase: str) -> str | None:
        """Return the key of the company that *phrase* names; None if it names none.

        A name of the catalogue may be followed by other words, any other name by its city.
        """
        words = phrase.split()
        for count in range(len(words), 0, -1):
            key = _key(" ".join(words[:count]))
            if key in self._given:
                return key
        folded = phrase.casefold()
        city = next((each for each in _cities() if folded.endswith(f" {each}")), "")
        return _key(phrase[: len(phrase) - len(city)]) or _key(phrase)

    def company(self, key: str) -> Company:
        """Return the company of *key*, which a caller that asks for the name means."""
        found = self._companies.get(key)
        return found or self._add(Maker(self._seed, key, self._given.get(key)).primary())

    def namesakes(self, key: str) -> tuple[Company, ...]:
        """Return the other companies of the name, in other towns or countries."""
        company = self.company(key)
        if Trait.NAMESAKES not in company.traits:
            return ()
        count = company.random("namesakes").between(1, _MOST_NAMESAKES)
        return tuple(self._namesake(company, number) for number in range(1, count + 1))

    def neighbour(self, company: Company) -> Company:
        """Return the company near *company* that Maps takes for it."""
        found = self._companies.get(f"{company.id}~")
        return found or self._add(Maker(self._seed, f"{company.id}~", None).neighbour(company))

    def site_at(self, host: str) -> Site | None:
        """Return what answers at *host*; None where nothing does.

        A host that no company of this world is known to have gets the company of its label.
        """
        host = host.lower().removeprefix("www.")
        if host in self._sites:
            return self._sites[host]
        words = re.findall(r"[a-z0-9]+", host.partition(".")[0])[:_MOST_WORDS]
        for count in range(1, len(words) + 1):
            self._make(" ".join(words[:count]))
        if host in self._sites or host.endswith(".example"):
            return self._sites.get(host)
        company = self._make(" ".join(words))
        return Site("own", company) if company and company.domain else None

    def at_slug(self, slug: str) -> Company | None:
        """Return the company that an address of a directory or job board stands for."""
        if slug not in self._slugs:
            self._make(slug.partition("--")[0].replace("-", " "))
        return self._slugs.get(slug)

    def at_place(self, place_id: str) -> Company | None:
        """Return the company of a place that Maps has shown."""
        return self._places.get(place_id)

    def remember_place(self, place_id: str, company: Company) -> None:
        """Have `at_place` find *company*."""
        self._places[place_id] = company

    def listed(self) -> Iterator[tuple[Company, Given]]:
        """Yield the catalogue's companies, with what each was made from."""
        yield from ((self.company(key), given) for key, given in self._given.items())

    def _make(self, phrase: str) -> Company | None:
        """Make the companies that *phrase* may mean, so that their hosts and slugs are known."""
        key = self.key_of(phrase)
        if key is None:
            return None
        self.namesakes(key)
        return self.company(key)

    def _namesake(self, company: Company, number: int) -> Company:
        identity = f"{company.id}#{number}"
        found = self._companies.get(identity)
        return found or self._add(Maker(self._seed, identity, None).namesake(company, number))

    def _add(self, company: Company) -> Company:
        self._companies[company.id] = company
        self._slugs.setdefault(company.slug, company)
        if company.domain:
            self._sites.setdefault(company.domain, Site("own", company))
        kind: Literal["parked", "group"] = "parked" if Trait.PARKED in company.traits else "group"
        for domain in company.other_domains:
            self._sites.setdefault(domain, Site(kind, company))
        return company


def _key(name: str) -> str | None:
    try:
        return company_key(name)
    except InvalidCompanyName:
        return None


@cache
def _cities() -> tuple[str, ...]:
    rows = vocabulary.countries().values()
    return tuple(city[0].casefold() for row in rows for city in row.cities)

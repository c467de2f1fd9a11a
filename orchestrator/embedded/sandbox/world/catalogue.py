"""Names of companies that do not exist, with the country and sector that each suggests. Pure."""

from itertools import count
from typing import NamedTuple

from orchestrator.embedded.sandbox.fake_data import SeededRandom
from orchestrator.embedded.sandbox.world import vocabulary
from orchestrator.embedded.sandbox.world.vocabulary import Language
from orchestrator.identity import InvalidCompanyName, company_key


class Given(NamedTuple):
    """What a company is made from: its name as leads type it, brand, country and sector."""

    typed: str
    brand: str
    country: str
    sector: str


def invent_names(seed: int, size: int) -> dict[str, Given]:
    """Return *size* companies by their keys, each key once; a larger *size* only adds some."""
    sectors = [name for name, row in vocabulary.sectors().items() for _ in range(row.weight)]
    countries = [code for code, row in vocabulary.countries().items() for _ in range(row.weight)]
    found: dict[str, Given] = {}
    for number in count():
        if len(found) == size:
            return found
        random = SeededRandom(seed, "catalogue", number)
        country, sector = random.pick(countries), random.pick(sectors)
        language = vocabulary.countries()[country].language
        brand = _brand(random, language, sector)
        try:
            key = company_key(brand)
        except InvalidCompanyName:
            continue
        if key not in found:
            found[key] = Given(_typed(random, brand, country, sector), brand, country, sector)
    raise AssertionError("count() does not end")


def _brand(random: SeededRandom, language: Language, sector: str) -> str:
    names = vocabulary.names()
    head = random.pick(vocabulary.sectors()[sector].trade(language).heads)
    surname, other = random.some(names.surnames[language], 2)
    if sector == "public_administration":
        return f"{head} {random.pick(names.towns)} {surname}"
    return random.pick(names.patterns[language]).format(
        head=head,
        coined="".join(random.some(names.syllables, random.between(2, 3))).capitalize(),
        place=random.pick(names.places[language]),
        surname=surname,
        other=other,
    )


def _typed(random: SeededRandom, brand: str, country: str, sector: str) -> str:
    """Return the name as a salesperson types it: with its legal form, without, in capitals."""
    if sector == "public_administration":
        return brand
    form = random.pick(vocabulary.countries()[country].forms)
    spelling = random.pick(vocabulary.names().spellings["lead"])
    return spelling.format(brand=brand, capitals=brand.upper(), form=form)

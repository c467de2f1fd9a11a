"""The companies of the invented world: their names, and the truth about each by its id. Pure.

Companies' own hosts end in the reserved `.example`, tax ids and phone numbers lie in ranges that
are valid and unassigned. None of it describes a real company.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import NamedTuple

import phonenumbers
from anyascii import anyascii

from orchestrator.embedded.sandbox import vocabulary
from orchestrator.embedded.sandbox.fake_data import SeededRandom, hinted_sector, simple_world
from orchestrator.embedded.sandbox.vocabulary import (
    City,
    CountryData,
    Language,
    invent_tax_id,
)
from orchestrator.identity import InvalidCompanyName, company_key


class Trait(StrEnum):
    """What makes a company hard to find, or its sources hard to read."""

    OUTRANKED = "outranked"  # its site is at rank 2-5, behind social networks and directories
    NAMESAKES = "namesakes"  # other companies of its name have sites and places of their own
    NAMESAKE_FIRST = "namesake_first"  # and one of them is ranked before it
    NO_WEBSITE = "no_website"
    PARKED = "parked"  # a domain of its name is parked or for sale; it has no site
    PARENT_SITE = "parent_site"  # it has a page on the site of its group, and no site
    ODD_DOMAIN = "odd_domain"  # its domain does not resemble its name
    UNREACHABLE = "unreachable"  # its site cannot be crawled
    SCRIPT_ONLY = "script_only"  # its pages are empty without scripts
    SOFT_404 = "soft_404"  # links lead to pages that say "not found" with status success
    DESIGNER = "designer"  # legal pages name the web designer's and the authority's contacts
    PERSONAL_MAIL = "personal_mail"  # pages show an employee's address
    DIRTY_TEXT = "dirty_text"  # markup, control characters, U+2028
    HUGE = "huge"  # a crawled page of 5 MB
    CLOSED = "closed"  # permanently closed, as Maps says
    MAPS_OTHER = "maps_other"  # Maps returns another company nearby
    MAPS_MISSING = "maps_missing"  # Maps returns nothing
    FACEBOOK_ON_MAPS = "facebook_on_maps"  # its website on Maps is a page of a social network
    WALLED = "walled"  # every search for it is walled: no items
    UNFINDABLE = "unfindable"  # no source knows it


class Given(NamedTuple):
    """What a company is made from: its name as leads type it, brand, country and sector."""

    typed: str
    brand: str
    country: str
    sector: str


class News(NamedTuple):
    """A headline with its category, address and age."""

    category: str
    headline: str
    url: str
    days_ago: int


@dataclass(frozen=True, slots=True)
class Company:
    """The truth about one company.

    Attributes:
        id: The company key; of other companies of the name with `#` and a number, of neighbours
            that Maps confuses with it with `~`.
        slug: The part of addresses of directories and social networks that stands for it.
        domain: Host of its own working site without `www.`, None if it has none.
        other_domains: Hosts that look like its own: parked, or its group's.
        phones: E.164, the one of its place first.
        emails: Company-level mailboxes, shown on its site.
        tax_id: Compact form.
        headcount_on_site, tax_id_on_site, phone_links: What its site states; a phone number
            without link is in the text only.
        band_in_snippet: Whether a search snippet names its size band.
        has_place: Whether Maps has a place of it.
    """

    id: str
    slug: str
    name: str
    brand: str
    sector: str
    category: str
    country: str
    language: Language
    city: str
    region: str
    postal_code: str
    street: str
    founded: int
    headcount: int
    size_band: str
    domain: str | None
    other_domains: tuple[str, ...]
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    tax_id_type: str | None
    tax_id: str | None
    socials: tuple[str, ...]
    jobs: tuple[str, ...]
    news: tuple[News, ...]
    technologies: tuple[str, ...]
    traits: frozenset[Trait]
    headcount_on_site: bool
    tax_id_on_site: bool
    phone_links: bool
    band_in_snippet: bool
    has_place: bool

    @property
    def address(self) -> str:
        """Its postal address in one line."""
        return f"{self.street}, {self.postal_code} {self.city}"

    @property
    def has_readable_site(self) -> bool:
        """Whether a crawl of its site yields text."""
        return self.domain is not None and not self.traits & {
            Trait.UNREACHABLE,
            Trait.SCRIPT_ONLY,
        }

    @property
    def is_findable(self) -> bool:
        """Whether any source but directories says something about it."""
        return Trait.UNFINDABLE not in self.traits and (self.has_readable_site or self.has_place)

    def random(self, topic: str) -> SeededRandom:
        """Return the random numbers that decide how sources present *topic* of it."""
        return SeededRandom(self.id, topic)


#: Share of companies in each size band.
_BAND_SHARES = (0.24, 0.27, 0.23, 0.14, 0.08, 0.04)
#: Shares of companies whose site is none, or cannot be read, and that Maps does not know.
_SITE_SHARES = {
    Trait.NO_WEBSITE: 0.13,
    Trait.PARKED: 0.05,
    Trait.PARENT_SITE: 0.04,
    Trait.UNFINDABLE: 0.05,
    Trait.UNREACHABLE: 0.03,
    Trait.SCRIPT_ONLY: 0.02,
}
_MAPS_SHARES = {Trait.MAPS_OTHER: 0.15, Trait.MAPS_MISSING: 0.1}
#: Shares of companies with each other trait, whatever the rest are.
_SHARES = {
    Trait.OUTRANKED: 0.55,
    Trait.NAMESAKES: 0.16,
    Trait.ODD_DOMAIN: 0.12,
    Trait.SOFT_404: 0.08,
    Trait.DESIGNER: 0.3,
    Trait.PERSONAL_MAIL: 0.2,
    Trait.DIRTY_TEXT: 0.1,
    Trait.HUGE: 0.004,
    Trait.CLOSED: 0.04,
    Trait.FACEBOOK_ON_MAPS: 0.1,
    Trait.WALLED: 0.02,
}
#: Where a company has no site of its own, and what only such a site can have.
_WITHOUT_SITE = frozenset({Trait.NO_WEBSITE, Trait.PARKED, Trait.PARENT_SITE, Trait.UNFINDABLE})
_OF_SITES = {
    Trait.OUTRANKED,
    Trait.ODD_DOMAIN,
    Trait.SOFT_404,
    Trait.DESIGNER,
    Trait.PERSONAL_MAIL,
    Trait.DIRTY_TEXT,
    Trait.HUGE,
}
#: Social networks, with the share of companies that have a page there.
_NETWORKS = (
    ("https://www.linkedin.com/company/{}", 0.8),
    ("https://www.facebook.com/{}", 0.45),
    ("https://www.instagram.com/{}", 0.3),
    ("https://x.com/{}", 0.15),
)


class Maker:
    """Makes one company; topics are independent, each with random numbers of its own."""

    def __init__(self, seed: int, identity: str, given: Given | None) -> None:
        self._seed = seed
        self._id = identity
        self._given = given

    def primary(self) -> Company:
        """Make the company that a caller who asks for the name means."""
        given = self._given or self._given_by_key()
        traits = self._traits()
        return self._make(given, traits, slug=_slug(self._id))

    def namesake(self, company: Company, number: int) -> Company:
        """Make another company of the name, in another town or country."""
        random = self._random("namesake")
        codes = [code for code in vocabulary.countries() if code != company.country]
        country = random.pick(codes) if random.chance(0.5) else company.country
        sector = random.pick([*vocabulary.sectors()]) if random.chance(0.5) else company.sector
        given = Given(company.brand, company.brand, country, sector)
        return self._make(given, frozenset(), slug=f"{company.slug}--{number}", away=company.city)

    def neighbour(self, company: Company) -> Company:
        """Make a company of another name in the same town."""
        random = self._random("neighbour")
        others = [name for name in vocabulary.sectors() if name != company.sector]
        sector = random.pick(others)
        head = random.pick(vocabulary.sectors()[sector].trade(company.language).heads)
        brand = f"{head} {company.brand.split()[-1]}"
        given = Given(brand, brand, company.country, sector)
        slug = re.sub(r"[^a-z0-9]+", "-", f"{company.slug}-{number_of(brand) % 997}")
        return self._make(given, frozenset(), slug=slug, city=company.city)

    def _random(self, topic: str) -> SeededRandom:
        return SeededRandom(self._seed, self._id, topic)

    def _given_by_key(self) -> Given:
        brand = self._id.replace("_", " ").title().strip() or self._id
        hinted = hinted_sector(self._id)
        random = self._random("given")
        country = _weighted_choice(random, vocabulary.countries())
        sector = hinted.name if hinted else _weighted_choice(random, vocabulary.sectors())
        return Given(brand, brand, country, sector)

    def _traits(self) -> frozenset[Trait]:
        site = _draw(self._random("site"), _SITE_SHARES)
        maps = _draw(self._random("maps"), _MAPS_SHARES)
        traits = {trait for trait in (site, maps) if trait is not None}
        traits |= {t for t, share in _SHARES.items() if self._random(t).chance(share)}
        if site in _WITHOUT_SITE:
            traits -= _OF_SITES
        if Trait.UNFINDABLE in traits:
            maps = maps or Trait.MAPS_MISSING
            traits = {Trait.UNFINDABLE, maps} | (traits & {Trait.NAMESAKES})
        if Trait.NAMESAKES in traits and self._random("first").chance(0.5):
            traits.add(Trait.NAMESAKE_FIRST)
        return frozenset(traits)

    def _make(
        self,
        given: Given,
        traits: frozenset[Trait],
        *,
        slug: str,
        city: str | None = None,
        away: str | None = None,
    ) -> Company:
        country = vocabulary.countries()[given.country]
        language = country.language
        trade = vocabulary.sectors()[given.sector].trade(language)
        random = self._random("facts")
        town, region, postal, phones = random.pick(_towns(country, only=city, but=away))
        band, low, high = _band(random)
        own, others = self._domains(given, traits, slug, town)
        founded = random.between(1948, 2021)
        street = f"{random.pick(country.streets)} {random.between(1, 180)}"
        is_known = Trait.UNFINDABLE not in traits
        socials = self._socials(slug) if is_known else ()
        return Company(
            id=self._id,
            slug=slug,
            name=self._legal_name(given, country.forms),
            brand=given.brand,
            sector=given.sector,
            category=random.pick(trade.categories),
            country=given.country,
            language=language,
            city=town,
            region=region,
            postal_code=_fill(postal, random),
            street=street,
            founded=founded,
            # Squared, since most companies are near the lower end of their band.
            headcount=low + int((high - low) * random.uniform() ** 2),
            size_band=band,
            domain=own,
            other_domains=others,
            phones=_phones(given.country, phones, random),
            emails=_emails(own, language, random),
            tax_id_type=country.tax,
            tax_id=country.tax and invent_tax_id(country.tax, self._random("tax")),
            socials=socials,
            jobs=self._jobs(trade.jobs, high) if is_known else (),
            news=self._news(given, language, slug, town, region) if is_known else (),
            technologies=self._technologies(),
            traits=traits,
            headcount_on_site=random.chance(0.6),
            tax_id_on_site=country.tax is not None and random.chance(0.7),
            phone_links=random.chance(0.6),
            band_in_snippet=any("linkedin" in url for url in socials) and random.chance(0.5),
            has_place=not traits & {Trait.MAPS_OTHER, Trait.MAPS_MISSING},
        )

    def _legal_name(self, given: Given, forms: Sequence[str]) -> str:
        if given.sector == "public_administration":
            return given.brand
        random = self._random("form")
        return f"{given.brand}{random.pick((', ', ' '))}{random.pick(forms)}"

    def _domains(
        self, given: Given, traits: frozenset[Trait], slug: str, town: str
    ) -> tuple[str | None, tuple[str, ...]]:
        """Return the host of the company's own site, and those that only look like it."""
        label = self._label(given, traits, slug, town)
        if Trait.PARKED in traits:
            return None, (f"{label}.example",)
        if Trait.PARENT_SITE in traits:
            group = self._random("group").pick(vocabulary.names().groups)
            return None, (f"{slug_of(group, '')}.example",)
        if traits & {Trait.NO_WEBSITE, Trait.UNFINDABLE}:
            return None, ()
        return f"{label}.example", ()

    def _label(self, given: Given, traits: frozenset[Trait], slug: str, town: str) -> str:
        random = self._random("label")
        if self._id.endswith("~"):
            return f"{slug_of(given.brand, '')}-{slug_of(town, '')}"
        if "--" in slug:  # another company of the name
            number = slug.rpartition("--")[2]
            return f"{slug.partition('--')[0]}-{slug_of(town, '')}{number}"[:60]
        if self._given is None:  # found again by the words of its host, after a restart, too
            return slug[:60].strip("-")
        if Trait.ODD_DOMAIN in traits:
            initials = "".join(word[0] for word in slug.split("-"))
            return f"{initials}{random.pick(('tec', 'net', 'web', 'corp', 'sa'))}{number_of(slug)}"
        ways = (slug.replace("-", ""), slug, f"{slug.replace('-', '')}{given.country.lower()}")
        return random.pick((ways[0], ways[0], ways[1], ways[2]))[:60].strip("-")

    def _socials(self, slug: str) -> tuple[str, ...]:
        random = self._random("socials")
        return tuple(url.format(slug) for url, share in _NETWORKS if random.chance(share))

    def _jobs(self, titles: Sequence[str], headcount: int) -> tuple[str, ...]:
        random = self._random("jobs")
        if random.chance(0.55):
            return ()
        return tuple(
            random.pick(titles) for _ in range(random.between(1, 3 + min(headcount, 400) // 20))
        )

    def _news(
        self, given: Given, language: Language, slug: str, town: str, region: str
    ) -> tuple[News, ...]:
        random = self._random("news")
        if random.chance(0.65):
            return ()
        names, trade = vocabulary.names(), vocabulary.sectors()[given.sector].trade(language)
        return tuple(
            News(
                category,
                headline.format(
                    brand=given.brand,
                    city=town,
                    region=region,
                    offer=random.pick(trade.offers),
                    other=random.pick(names.groups),
                    millions=random.between(2, 60),
                ),
                random.pick(names.unrelated.news).format(
                    slug=slug, number=random.between(10_000, 99_999)
                ),
                random.between(3, 700),
            )
            for category, headline in random.some(
                vocabulary.texts(language).news, random.between(1, 2)
            )
        )

    def _technologies(self) -> tuple[str, ...]:
        random = self._random("technologies")
        names = vocabulary.names().technologies
        return tuple(random.some(names, random.between(0, 3) if random.chance(0.5) else 0))


def _slug(key: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", anyascii(key.replace("_", "-")).lower())[:60].strip("-")
    return plain or str(number_of(key))


def slug_of(text: str, joint: str) -> str:
    """Return *text* in letters and digits of ASCII, its words joined by *joint*.

    >>> slug_of("Corporación Altamar", "-")
    'corporacion-altamar'
    """
    try:
        return _slug(company_key(text)).replace("-", joint)
    except InvalidCompanyName:
        return str(number_of(text))


def number_of(text: str) -> int:
    """Return a number from 10 to 9,999 that *text* determines."""
    return SeededRandom(text, "number").between(10, 9_999)


def e164(country: str, national: str) -> str:
    """Return a national number as E.164.

    >>> e164("ES", "944000111")
    '+34944000111'
    """
    return f"+{phonenumbers.country_code_for_region(country)}{national}"


def _towns(country: CountryData, *, only: str | None, but: str | None) -> Sequence[City]:
    """Return the cities of *country* of the name *only*, or all *but* one; never none."""
    fit = [row for row in country.cities if (row[0] == only if only else row[0] != but)]
    return fit or country.cities


def _phones(country: str, pattern: str, random: SeededRandom) -> tuple[str, ...]:
    count = random.between(1, 2)
    return tuple(e164(country, _fill(pattern, random)) for _ in range(count))


def _emails(domain: str | None, language: Language, random: SeededRandom) -> tuple[str, ...]:
    mailboxes = vocabulary.texts(language).mailboxes
    chosen = random.some(mailboxes, random.between(1, 2))
    return tuple(f"{mailbox}@{domain}" for mailbox in chosen) if domain else ()


def _fill(pattern: str, random: SeededRandom) -> str:
    return "".join(str(random.between(0, 9)) if char == "#" else char for char in pattern)


def _band(random: SeededRandom) -> tuple[str, int, int]:
    drawn = random.uniform()
    for band, share in zip(simple_world().size_bands, _BAND_SHARES, strict=True):
        if drawn < share:
            return band
        drawn -= share
    return simple_world().size_bands[-1]


def _weighted_choice(
    random: SeededRandom,
    rows: Mapping[str, vocabulary.CountryData] | Mapping[str, vocabulary.SectorData],
) -> str:
    return random.pick([name for name, row in rows.items() for _ in range(row.weight)])


def _draw(random: SeededRandom, shares: Mapping[Trait, float]) -> Trait | None:
    drawn = random.uniform()
    for trait, share in shares.items():
        if drawn < share:
            return trait
        drawn -= share
    return None


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
            found[key] = Given(_type_name(random, brand, country, sector), brand, country, sector)
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


def _type_name(random: SeededRandom, brand: str, country: str, sector: str) -> str:
    """Return the name as a salesperson types it: with its legal form, without, in capitals."""
    if sector == "public_administration":
        return brand
    form = random.pick(vocabulary.countries()[country].forms)
    spelling = random.pick(vocabulary.names().spellings["lead"])
    return spelling.format(brand=brand, capitals=brand.upper(), form=form)

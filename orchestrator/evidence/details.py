"""What pages, places, hits and job ads say about the company, beside its website and sector.

The caller passes only what passed the identity gate. Personal data is left out: mailboxes of people
and their profiles. Each kind of detail has its module; here they become observed values. The words
for descriptions, profiles and addresses are in `data/details.toml`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import phonenumbers
from babel import Locale

from agents.case import ClaimField
from agents.cdao.vocabulary import NewsCategory, SizeBand
from agents.domains import is_public_mail, is_within

from .contacts import Contacts, contacts_in, e164, is_company_mailbox
from .hosts import HostKind, host_of, kind_of, registrable
from .model import Hit, JobAd, Method, Observed, Page, Place, Step, Subject
from .names import likeness
from .signals import (
    MOST_BELIEVABLE,
    category_of,
    date_of,
    headcount_in,
    headline_names,
    headline_of,
    is_headline,
    notices_in,
    openings_on,
    technologies_in,
)
from .tax_ids import TaxId
from .texts import (
    LONGEST_QUOTE,
    MOST_READ,
    Marks,
    Phrases,
    Quoted,
    WordFile,
    line_at,
    load,
    phrases_of,
    plain,
    quoted,
    sentences_in,
    single_spaced,
    skeleton,
)

_CLOSED: Final = "is marked as permanently closed on Google Maps"
_MOST_PER_PAGE: Final = 50
"""Addresses, numbers and profiles that a crawler lists, of each."""
_SHORTEST_DESCRIPTION: Final = 25
_SHORTEST_SENTENCE: Final = 45
_LONGEST_URL: Final = 200
_BEGINNING: Final = 6_000
"""Characters of a page in which it says what the company does, if anywhere."""
_URL: Final = re.compile(r"https?://[^\s()<>\[\]\"'|\\]{4,300}", re.IGNORECASE)
_SNIPPET_DATE: Final = re.compile(
    r"^[^.]{4,24}\d{4}\s?[\u2014\u2013-]\s|^\d{1,2} \w{3,4}\.? \d{4} \.{3} "
)
_HOST: Final = re.compile(r"^[a-z]+://[^/?#]*/?", re.IGNORECASE)
_LEGAL: Final = re.compile("legal|privac|cookie|term[io]|terms|condic|condit|impressum|imprint")
"""In the address of a page about the law, which says nothing of the company's work."""
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,100}")
_STREET: Final = re.compile(
    r"(?:avenida|avda?\.?|calle|c/|rua|plaza|praca|paseo|travessa|via|carrera|jr\.?)\s*(?:de\s|do\s|da\s)?$"
)
_LONGEST_NAME: Final = 30
_LANGUAGES: Final = ("en", "es", "pt")
_COUNTRY_BEFORE: Final = re.compile(r"[,(|\u2013\u2014-]\s*$|\d\s*$|\(")
_COUNTRY_BEHIND: Final = re.compile(r"\s*(?:[,.;)|\u2013\u2014*]|$|\n|tel|t\.|cp|c\.p)")


class _Description(WordFile):
    telling: list[str]
    refused: list[str]


class _RefusedNames(WordFile):
    names: frozenset[str]


class _Socials(WordFile):
    profiles: dict[str, re.Pattern[str]]
    refused: _RefusedNames


class _Addresses(WordFile):
    words: list[str]
    countries: dict[str, str]


class _Words(WordFile):
    description: _Description
    socials: _Socials
    addresses: _Addresses


@cache
def _words() -> _Words:
    return load(_Words, "details.toml")


# Pages


def of_pages(pages: Sequence[Page], country: str | None) -> list[Observed]:
    """Return what the company's own *pages* say.

    Args:
        pages: As crawled; the page with the shortest path counts as the home page.
        country: ISO 3166-1 alpha-2, for phone numbers without a country code.
    """
    if not pages:
        return []
    ordered = sorted(pages, key=lambda page: (len(_path(page.url)), page.url, page.text))
    read = [_PageReader(page, country) for page in ordered]
    technologies = [value for reader in read for value in reader.technologies()]
    if len({value.value for value in technologies}) > MOST_BELIEVABLE:
        technologies = []
    home = next(
        (reader for reader in read if not _LEGAL.search(_path(reader.page.url).lower())), None
    )
    return [
        *(home.description() if home else ()),
        *(value for reader in read for value in reader.all_else()),
        *technologies,
        *_countries(read),
    ]


def _path(url: str) -> str:
    return _HOST.sub("", url)


class _PageReader:
    """One page, with the contacts in it, which several fields are read from."""

    def __init__(self, page: Page, country: str | None) -> None:
        self.page = page
        self.text = page.text[:MOST_READ]
        self.country = country
        host = host_of(page.url)
        self.domain = registrable(host) if host else None
        self.contacts: Contacts = contacts_in(self.text, country, self.domain)

    def all_else(self) -> Iterator[Observed]:
        """Yield all but the description, the technologies and the country."""
        yield from self._headcount()
        yield from self._openings()
        yield from self._notices()
        yield from self._tax_ids()
        yield from self._emails()
        yield from self._phones()
        yield from self._socials()

    def description(self) -> Iterator[Observed]:
        """Yield what the page says that it's about, or its first sentence about the company."""
        stated = plain(self.page.description)
        if len(stated) >= _SHORTEST_DESCRIPTION and not _is_refused(stated):
            yield self._observe(ClaimField.DESCRIPTION, stated, self.page.description)
            return
        for start, end in sentences_in(self.text[:_BEGINNING]):
            sentence = plain(self.text[start:end])
            if _SHORTEST_SENTENCE <= len(sentence) <= LONGEST_QUOTE and _is_telling(sentence):
                yield self._observe(ClaimField.DESCRIPTION, sentence, self.text[start:end])
                return

    def technologies(self) -> Iterator[Observed]:
        """Yield the products that the page says are used."""
        for found in technologies_in(self.text):
            yield self._observe(ClaimField.TECHNOLOGY, found.value, _quote_of(found))

    def _headcount(self) -> Iterator[Observed]:
        if found := headcount_in(self.text):
            size, quote = found
            yield self._observe(*as_claim(size), _quote_of(quote))

    def _openings(self) -> Iterator[Observed]:
        for value, quote in openings_on(self.page, self.text):
            yield self._observe(ClaimField.HIRING, value, quote)

    def _notices(self) -> Iterator[Observed]:
        for category, sentence, quote in notices_in(self.text):
            yield self._observe(ClaimField.NEWS, _news(category, sentence), quote)

    def _tax_ids(self) -> Iterator[Observed]:
        checked = [tax_id for tax_id in self.contacts.tax_ids if tax_id.is_checked]
        for tax_id in checked or self.contacts.tax_ids:
            method = Method.CHECK_DIGIT if tax_id.is_checked else Method.PAGE_TEXT
            yield self._observe(
                ClaimField.TAX_ID,
                tax_id.value,
                _quote_of(tax_id),
                method,
            )

    def _emails(self) -> Iterator[Observed]:
        said = {email.value: _quote_of(email) for email in self.contacts.emails}
        for listed in self.page.emails[:_MOST_PER_PAGE]:
            email = listed.strip().lower()
            # One that the text has, and that is not among its contacts, is another company's.
            if email not in said and self._is_own(email) and email not in self.text.lower():
                said[email] = listed
        for email, quote in said.items():
            if is_company_mailbox(email):
                yield self._observe(ClaimField.EMAIL, email, quote, Method.PAGE_CONTACT)

    def _is_own(self, email: str) -> bool:
        local, at, domain = email.rpartition("@")
        is_at_home = self.domain is not None and is_within(domain, self.domain)
        return bool(at and local and "@" not in local) and (is_at_home or is_public_mail(domain))

    def _phones(self) -> Iterator[Observed]:
        said = {phone.value: _quote_of(phone) for phone in self.contacts.phones}
        digits = re.sub(r"\D", "", self.text)
        for listed in self.page.phones[:_MOST_PER_PAGE]:
            phone = e164(listed, self.country)
            if phone and phone not in said and phone[-8:] not in digits:
                said[phone] = listed
        for phone, quote in said.items():
            yield self._observe(ClaimField.PHONE, phone, quote, Method.PAGE_CONTACT)

    def _socials(self) -> Iterator[Observed]:
        listed = [(url, url) for url in self.page.socials[:_MOST_PER_PAGE]]
        linked = [(found[0], found[0]) for found in _URL.finditer(self.text)]
        profiles: dict[str, str] = {}
        for url, quote in (*listed, *linked[: 4 * _MOST_PER_PAGE]):
            profile = social_profile(url)
            if profile:
                profiles.setdefault(profile, quote)
        for profile, quote in profiles.items():
            yield self._observe(ClaimField.SOCIAL, profile, quote, Method.PAGE_CONTACT)

    def observed_country(self, code: str, quote: str, method: Method) -> Observed:
        """Return the country that the page tells."""
        return self._observe(ClaimField.COUNTRY, code, quote, method)

    def _observe(
        self, field: ClaimField, value: str | int, quote: str, method: Method = Method.PAGE_TEXT
    ) -> Observed:
        return Observed(
            field=field,
            value=value if isinstance(value, int) else single_spaced(value),
            quote=single_spaced(quote),
            method=method,
            step=Step.CRAWL,
            source_url=self.page.url,
        )


def as_claim(size: int | SizeBand) -> tuple[ClaimField, str | int]:
    """Return what `headcount_in` has found as a field and its value."""
    if isinstance(size, SizeBand):
        return ClaimField.SIZE_BAND, size.value
    return ClaimField.HEADCOUNT, size


def _quote_of(found: Quoted | TaxId) -> str:
    """Return the part of the quote around the value that has no address of a person in it."""
    parts = [0]
    for email in _EMAIL.finditer(found.quote):
        if not is_company_mailbox(email[0]):
            parts += email.span()
    parts.append(len(found.quote))
    for start, end in zip(parts[::2], parts[1::2], strict=True):
        if single_spaced(found.written) in found.quote[start:end]:
            return single_spaced(found.quote[start:end])
    return single_spaced(found.written)


@cache
def _description_phrases() -> Phrases:
    return phrases_of(_words().description.model_dump())


def _is_refused(text: str) -> bool:
    return Marks(text, _description_phrases()).has("refused")


def _is_telling(sentence: str) -> bool:
    marks = Marks(sentence, _description_phrases())
    return marks.has("telling") and not marks.has("refused")


def social_profile(url: str) -> str | None:
    """Return the address of the company's profile that *url* leads to; None if to none.

    >>> social_profile("https://es.linkedin.com/company/acme/?trk=x")
    'https://linkedin.com/company/acme'
    >>> social_profile("https://www.facebook.com/sharer/sharer.php?u=x")
    >>> social_profile("https://x.com/acme-industrial")
    """
    host = host_of(url)
    words = _words().socials
    network = host and next((known for known in words.profiles if is_within(host, known)), None)
    if not network or len(url) > _LONGEST_URL:
        return None
    path = "/" + urlsplit(url).path.strip("/ .,;:)*_")
    found = words.profiles[network].match(path)
    # A handle that a character follows which no handle has would be another account's.
    if path.split("/")[1].lower() in words.refused.names or found is None:
        return None
    is_whole = path[found.end() :][:1] in {"", "/"}
    return f"https://{network}{found[0]}" if is_whole else None


# Country


def _countries(readers: Sequence[_PageReader]) -> Iterator[Observed]:
    """Yield the country by each kind of sign, where all its signs on the pages agree."""
    for signs in (_of_tax_ids(readers), _of_phones(readers), _of_addresses(readers)):
        told = list(signs)
        if len({value.value for value in told}) == 1:
            yield told[0]


def _of_tax_ids(readers: Iterable[_PageReader]) -> Iterator[Observed]:
    for reader in readers:
        for tax_id in reader.contacts.tax_ids:
            if tax_id.is_checked:
                yield reader.observed_country(tax_id.country, _quote_of(tax_id), Method.CHECK_DIGIT)


def _of_phones(readers: Iterable[_PageReader]) -> Iterator[Observed]:
    """Yield the countries of the numbers, if at least one is written with its country code."""
    told: list[Observed] = []
    is_written = False
    for reader in readers:
        for phone in reader.contacts.phones:
            number = phonenumbers.parse(phone.value, None)
            region = phonenumbers.region_code_for_number(number)
            if region and region.isalpha():
                is_code = phone.written.lstrip("( ").startswith(("+", "00"))
                is_written = is_written or is_code
                country = reader.observed_country(region, _quote_of(phone), Method.PAGE_CONTACT)
                told.insert(0 if is_code else len(told), country)
    if is_written:
        yield from told


@cache
def _address_phrases() -> Phrases:
    return phrases_of({"address": _words().addresses.words, "country": _country_names()})


@cache
def _country_names() -> Mapping[str, str]:
    """Return the alpha-2 codes behind the names of countries, as `skeleton` writes them."""
    names = {
        skeleton(name): code
        for language in _LANGUAGES
        for code, name in Locale(language).territories.items()
        if len(code) == 2 and code.isalpha() and code not in {"EU", "EZ", "UN", "QO", "ZZ"}  # noqa: PLR2004
    }
    return names | dict(_words().addresses.countries)


def _of_addresses(readers: Iterable[_PageReader]) -> Iterator[Observed]:
    """Yield the countries that stand behind a comma in lines with the words of an address."""
    for reader in readers:
        marks = Marks(reader.text, _address_phrases())
        for start, end in marks.all("country")[:_MOST_PER_PAGE]:
            first, last = line_at(marks.text, start, end)
            before = marks.bare[max(first, start - _LONGEST_NAME) : start]
            is_cell = _COUNTRY_BEFORE.search(before) and _COUNTRY_BEHIND.match(marks.bare, end)
            if not is_cell or _STREET.search(before) or not marks.has("address", first, last):
                continue
            code = _country_names()[" ".join(marks.bare[start:end].split())]
            quote = _quote_of(quoted(marks.text, code, start, end))
            yield reader.observed_country(code, quote, Method.PAGE_TEXT)


# Places


def of_places(places: Sequence[Place]) -> list[Observed]:
    """Return what the fields of the company's *places* on Google Maps say."""
    return [value for place in places for value in _of_place(place)]


def _of_place(place: Place) -> Iterator[Observed]:
    title = plain(place.title)
    stated: tuple[tuple[ClaimField, str | None, str | None], ...] = (
        (ClaimField.COUNTRY, place.country, place.country),
        (ClaimField.WEBSITE, place.website, place.website),
        (ClaimField.PHONE, e164(place.phone or "", place.country), place.phone),
        (ClaimField.DESCRIPTION, place.description, place.description),
    )
    if place.permanently_closed:
        closed = _news(NewsCategory.CLOSURE, f"{title} {_CLOSED}")
        stated += ((ClaimField.NEWS, closed, place.title),)
    for field, value, quote in stated:
        if value and quote and plain(value):
            yield Observed(
                field=field,
                value=plain(value),
                quote=single_spaced(quote),
                method=Method.MAPS_FIELD,
                step=Step.MAPS,
                source_url=place.url,
            )


# Hits


def of_hits(hits: Sequence[Hit], subject: Subject, website: str | None) -> list[Observed]:
    """Return the description of the hit on *website*, a host, and the news that name *subject*."""
    own = [hit for hit in hits if website and is_within(host_of(hit.url) or "", website)]
    described = sorted(own, key=lambda hit: (len(_path(hit.url)), hit.position))
    descriptions = (value for hit in described for value in _description_of(hit))
    news = (value for hit in hits for value in _news_of(hit, subject))
    return [*list(descriptions)[:1], *news]


def _description_of(hit: Hit) -> Iterator[Observed]:
    text = _SNIPPET_DATE.sub("", plain(hit.description)).rstrip(" .\u2026")
    if len(text) >= _SHORTEST_DESCRIPTION and not _is_refused(text):
        yield _observe_hit(ClaimField.DESCRIPTION, text, hit.description, hit)


def _news_of(hit: Hit, subject: Subject) -> Iterator[Observed]:
    host = host_of(hit.url)
    if not host or kind_of(host) is not HostKind.NEWS:
        return
    headline = headline_of(hit)
    category = category_of(headline)
    if category and is_headline(headline) and headline_names(headline, subject.name):
        yield _observe_hit(ClaimField.NEWS, _news(category, headline), hit.title, hit, date_of(hit))


def _observe_hit(
    field: ClaimField, value: str, quote: str, hit: Hit, as_of: datetime | None = None
) -> Observed:
    return Observed(
        field=field,
        value=value,
        quote=single_spaced(quote),
        method=Method.SEARCH_RESULT,
        step=Step.SEARCH,
        source_url=hit.url,
        as_of=as_of,
    )


def _news(category: NewsCategory, headline: str) -> str:
    return f"{category.value}: {headline}"


# Job ads


def of_jobs(jobs: Sequence[JobAd], name: str) -> list[Observed]:
    """Return the open positions at the company called *name*: their number, then their titles.

    Other employers' and expired ads are none, and the same title in the same town counts once.
    """
    own: dict[tuple[str, str], JobAd] = {}
    for job in jobs:
        title = plain(job.title)
        if title and not job.is_expired and likeness(name, job.company).is_same:
            own.setdefault((title.casefold(), (job.city or "").casefold()), job)
    if not own:
        return []
    newest = max((job.published_at for job in own.values() if job.published_at), default=None)
    first = next(iter(own.values()))
    by_title: dict[str, JobAd] = {}
    for job in own.values():
        by_title.setdefault(plain(job.title).casefold(), job)
    counted = _observe_ad(len(own), first.company, first, newest)
    titles = (_observe_ad(plain(job.title), job.title, job) for job in by_title.values())
    return [counted, *titles]


def _observe_ad(
    value: str | int, quote: str, job: JobAd, as_of: datetime | None = None
) -> Observed:
    return Observed(
        field=ClaimField.HIRING,
        value=value,
        quote=single_spaced(quote),
        method=Method.JOB_AD,
        step=Step.JOBS,
        source_url=job.url,
        as_of=as_of or job.published_at,
    )

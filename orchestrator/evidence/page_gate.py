"""Decides whether a crawled page is of the company that is asked for. Pure.

The gate before any value is read from a page: nothing is taken from what is in conflict or weak.
SurfSense sends no HTTP status and hides redirects, so missing, parked and blocked pages are known
by their words only, and by these only where the page has hardly any others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import phonenumbers

from orchestrator.identity.writing import split_words

from .hosts import folded_label, host_of, registrable
from .model import Agreement, Belonging, Page, Subject
from .names import LabelFit, Likeness, label_fit, likeness, name_of
from .places import possible_number
from .vocabulary import towns_of, words

_SIGNS: Final = Path(__file__).with_name("data") / "page_signs.tsv"
_LONGEST_TEXT: Final = 50_000
_LONGEST_TITLE: Final = 2_000
_MOST_WORDS_OF_SHORT: Final = 120
"""Words of a page that has nothing to say; a home page of a real company has more."""
_MOST_VALUES: Final = 12
_SHORTEST_TAX_ID: Final = 8
#: Put before a tax id to make it a VAT number; the text may have it or not.
_CODES_OF_VAT: Final = ("ES", "PT")
_SHORTEST_NUMBER: Final = 7
_LONGEST_ADDRESS: Final = 320
_SHOWN: Final = 60
_DIGITS: Final = re.compile(r"[0-9]")
_SEPARATORS_OF_PHONE: Final = re.compile(r"(?<=[0-9)])[\s().\-/\u2010-\u2015\u00a0]{1,3}(?=[0-9(])")


class Sign(StrEnum):
    """What a page is that says nothing about a company; the kinds of `page_signs.tsv`."""

    FOR_SALE = "for_sale"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    EMPTY = "empty"


_REASONS: Final = {
    Sign.FOR_SALE: "it is a parked domain",
    Sign.NOT_FOUND: "it is an error page",
    Sign.BLOCKED: "it is a wall before the page",
    Sign.EMPTY: "the site is not there yet",
}


@cache
def _signs() -> tuple[tuple[Sign, str], ...]:
    lines = _SIGNS.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return tuple(
        (Sign(kind), f" {phrase} ") for kind, phrases in rows for phrase in phrases.split("; ")
    )


def sign_of(title: str, text: str) -> Sign | None:
    """Return what a page or a search result is, if its words say that it's no company's page.

    Args:
        title: Its title; a missing page is known by it at any length.
        text: Its text; read only if it is short.
    """
    return _sign(split_words(title[:_LONGEST_TITLE]), split_words(text[:_LONGEST_TEXT]))


def _sign(titled: list[str], said: list[str]) -> Sign | None:
    is_short = len(said) <= _MOST_WORDS_OF_SHORT
    haystack = f" {' '.join(titled)} {' '.join(said) if is_short else ''} "
    for sign, phrase in _signs():
        if phrase in haystack and (is_short or sign is Sign.NOT_FOUND):
            return sign
    return None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What of the subject a page shows."""

    is_own_domain: bool
    has_tax_id: bool
    has_phone: bool
    is_abroad: bool
    has_own_mail: bool
    has_town: bool
    title: Likeness
    has_name: bool
    has_core: bool
    fit: LabelFit


def page_belongs(subject: Subject, page: Page, domain: str | None) -> Belonging:
    """Return whether a crawled page is the subject's, so that values may be taken from it.

    AGREE needs one of: the subject's own domain, tax id or phone; its name on a domain that is
    made of it; its whole name. CONFLICT is another domain, a parked one, or a page that names
    nothing of the subject. The rest is WEAK: error pages, a name without anything that bears it
    out, a namesake's phone numbers abroad.

    Args:
        subject: Who is asked for.
        page: The page; its text is read up to 50,000 characters.
        domain: The domain of the website that was chosen or is known.
    """
    host = host_of(page.url)
    if domain and host and registrable(host) != registrable(domain):
        return Belonging(Agreement.CONFLICT, (f"it is on {host}, not on {domain}",))
    titled = split_words(f"{page.title[:_LONGEST_TITLE]} {page.description[:_LONGEST_TITLE]}")
    said = split_words(page.text[:_LONGEST_TEXT])
    sign = _sign(titled, said)
    if sign is not None:
        agreement = Agreement.CONFLICT if sign is Sign.FOR_SALE else Agreement.WEAK
        return Belonging(agreement, (_REASONS[sign],))
    facts = _facts(subject, page, host, [*titled, *said])
    return Belonging(_agreement(facts), tuple(_reasons(subject, facts)))


def _facts(subject: Subject, page: Page, host: str | None, said: list[str]) -> _Facts:
    text = page.text[:_LONGEST_TEXT]
    joining = words().joining
    shown = [word for word in said if word not in joining]
    joined = f" {' '.join(shown)} "
    name = name_of(subject.name)
    domain = registrable(host) if host else None
    phones = dict.fromkeys(page.phones[:_MOST_VALUES])
    numbers = [possible_number(phone, subject.country) for phone in phones]
    return _Facts(
        is_own_domain=bool(domain and subject.domain)
        and domain == registrable(subject.domain or ""),
        has_tax_id=bool(subject.tax_id) and _has_tax_id(subject.tax_id or "", text),
        has_phone=_has_phone(subject, numbers, text),
        is_abroad=_is_abroad(subject.country, numbers),
        has_own_mail=any(
            domain is not None and _domain_of_mail(mail) == domain
            for mail in page.emails[:_MOST_VALUES]
        ),
        has_town=_has_town(subject.city, joined),
        title=likeness(subject.name, page.title),
        has_name=bool(name.words) and f" {' '.join(name.words)} " in joined,
        has_core=bool(name.core) and name.core <= set(shown),
        fit=label_fit(subject.name, folded_label(domain or ""), subject.city),
    )


def _domain_of_mail(address: str) -> str | None:
    host = host_of(address[-_LONGEST_ADDRESS:].rpartition("@")[2].lower())
    return registrable(host) if host else None


def _agreement(facts: _Facts) -> Agreement:
    if facts.is_own_domain or facts.has_tax_id:
        return Agreement.AGREE
    is_named = facts.has_name or facts.title.is_same
    if facts.has_phone:
        return Agreement.AGREE if is_named or facts.has_core else Agreement.WEAK
    if facts.is_abroad and not facts.has_town:
        return Agreement.WEAK
    is_its_label = facts.fit >= LabelFit.SHORTENED
    if not (is_named or facts.has_core or is_its_label):
        return Agreement.CONFLICT
    if is_its_label:
        is_sure = is_named or facts.has_core or facts.has_own_mail
    else:
        is_sure = is_named and (facts.has_town or _has_own_identity(facts))
    return Agreement.AGREE if is_sure else Agreement.WEAK


def _has_own_identity(facts: _Facts) -> bool:
    """Return whether the domain, although not made of the name, is used by who has it."""
    return facts.has_own_mail and not facts.title.is_generic


def _reasons(subject: Subject, facts: _Facts) -> Iterator[str]:
    name = subject.name[:_SHOWN]
    if facts.is_own_domain:
        yield "it is on the company's own domain"
    if facts.has_tax_id:
        yield "it shows the company's tax id"
    if facts.has_phone:
        yield "it shows the company's phone number"
    if facts.is_abroad:
        yield "its phone numbers are of another country"
    if facts.has_name or facts.title.is_same:
        yield f"it names {name}"
    elif facts.has_core:
        yield f"it has the distinctive words of {name}"
    else:
        yield f"it does not name {name}"
    if facts.fit >= LabelFit.SHORTENED:
        yield "its domain is made of the name"
    if facts.has_own_mail:
        yield "it has an e-mail address on its domain"
    if facts.has_town:
        yield f"it names {(subject.city or '')[:_SHOWN]}"


def _has_tax_id(tax_id: str, text: str) -> bool:
    """Return whether *text* has the same tax id, however its digits are separated."""
    characters = "".join(c for c in tax_id.upper() if c.isascii() and c.isalnum())
    for code in _CODES_OF_VAT:
        characters = characters.removeprefix(code)
    if len(characters) < _SHORTEST_TAX_ID:
        return False
    spelled = r"[ .\-/]?".join(characters)
    return (
        re.search(rf"(?<![A-Z0-9])(?:[A-Z]{{2}}[ -]?)?{spelled}(?![A-Z0-9])", text.upper())
        is not None
    )


def _has_phone(subject: Subject, numbers: list[str | None], text: str) -> bool:
    if any(number in subject.phones for number in numbers if number):
        return True
    if not subject.phones or not _DIGITS.search(text):
        return False
    digits = _SEPARATORS_OF_PHONE.sub("", text)
    return any(national in digits for national in map(_national, subject.phones) if national)


def _national(phone: str) -> str | None:
    """Return the digits that a number has in its own country, too short ones excepted."""
    try:
        number = str(phonenumbers.parse(phone).national_number)
    except phonenumbers.NumberParseException:
        return None
    return number if len(number) >= _SHORTEST_NUMBER else None


def _is_abroad(country: str | None, numbers: list[str | None]) -> bool:
    """Return whether the page has phone numbers, and none of them is of *country*."""
    codes = {phonenumbers.parse(number).country_code for number in numbers if number}
    own = phonenumbers.country_code_for_region((country or "").upper())
    return bool(codes) and bool(own) and own not in codes


def _has_town(city: str | None, joined: str) -> bool:
    if not city:
        return False
    names = {" ".join(split_words(city))} | {
        town.name for town in towns_of(city) if not town.is_country
    }
    return any(name and f" {name} " in joined for name in names)

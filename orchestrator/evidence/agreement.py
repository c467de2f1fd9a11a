"""Decides whether a place on Google Maps, or a crawled page, is the company's. Pure.

Maps always answers with something near, so a place proves nothing until its name, town and website
agree. A website on another domain is a veto.

No value is read from a page that is in conflict or weak. SurfSense sends no HTTP status and hides
redirects, so missing, parked and blocked pages are known by their words only, and by these only
where the page has hardly any others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import phonenumbers

from orchestrator.identity.writing import split_words

from .hosts import folded_label, host_of, kind_of, label_of, registrable
from .model import Agreement, Belonging, Page, Place, Subject
from .names import LabelFit, Likeness, label_fit, likeness, may_be_one, name_of, towns_of, words
from .texts import rows_of

_LONGEST_SHOWN: Final = 80
_LONGEST_STREET_ADDRESS: Final = 300
_LONGEST_PHONE: Final = 40


def place_belongs(subject: Subject, place: Place) -> Belonging:
    """Return whether *place* is the subject's, with the reasons.

    AGREE needs the same domain or phone with a name that does not contradict, or the same name in
    the same town. CONFLICT is another domain, country or name. The rest is WEAK: a namesake
    elsewhere, a name with a part that is not asked for, a name of generic words only. Of a company
    of which nothing but name and country is known, a whole name that few can have is enough.
    """
    same_domain = _same_domain(subject, place)
    name = likeness(subject.name, place.title)
    reasons = tuple(_place_reasons(subject, place, name, same_domain=same_domain))
    agreement = _place_agreement(subject, place, name, same_domain=same_domain)
    return Belonging(agreement, reasons)


def _place_agreement(
    subject: Subject, place: Place, name: Likeness, *, same_domain: bool | None
) -> Agreement:
    """Weigh the facts; each is None where one of the two sides does not say it."""
    if same_domain is not None:
        return Agreement.AGREE if same_domain else Agreement.CONFLICT
    if same_country(subject, place) is False:
        return Agreement.CONFLICT
    if same_phone(subject, place):
        return Agreement.WEAK if name.is_other else Agreement.AGREE
    return _agreement_of_name(subject, place, name)


def _agreement_of_name(subject: Subject, place: Place, name: Likeness) -> Agreement:
    if name.is_other or not name.score:
        return Agreement.CONFLICT
    same_town = _same_town(subject, place)
    if same_town is None:
        is_rare = name.is_exact and not (name.is_generic or name.is_misspelt or name.towns)
        is_all = is_rare and not subject.has_second_fact
        return Agreement.AGREE if is_all else Agreement.WEAK
    is_named = name.is_same or (name.is_leading and is_on_its_domain(subject, place))
    return Agreement.AGREE if same_town and is_named else Agreement.WEAK


def is_on_its_domain(subject: Subject, place: Place) -> bool:
    """Return whether the domain of the place's website is made of the company's name alone."""
    host = host_of(place.website or "")
    if not host or kind_of(host) is not None:
        return False
    label = label_of(registrable(host))
    return label_fit(subject.name, label, subject.city) is LabelFit.FULL


def _place_reasons(
    subject: Subject, place: Place, name: Likeness, *, same_domain: bool | None
) -> Iterator[str]:
    shown = place.title[:_LONGEST_SHOWN]
    if same_domain is not None:
        host = host_of(place.website or "")
        yield f"its website {host} is {'' if same_domain else 'not '}the company's domain"
    if same_country(subject, place) is False:
        yield f"it is in another country, {place.country}"
    if same_phone(subject, place):
        yield "it has the company's phone number"
    if name.is_same:
        yield f"its name {shown!r} is the company's"
    elif name.missing:
        yield f"its name {shown!r} lacks {', '.join(name.missing[:3])}"
    else:
        yield f"its name {shown!r} has more or other words"
        if name.is_leading and is_on_its_domain(subject, place):
            yield f"its domain {host_of(place.website or '')} is made of the company's name"
    same_town = _same_town(subject, place)
    if same_town is not None:
        yield f"it is in {(place.city or 'its town')[:_LONGEST_SHOWN]}" + (
            ", as asked for" if same_town else f", not in {(subject.city or '')[:_LONGEST_SHOWN]}"
        )


def _same_domain(subject: Subject, place: Place) -> bool | None:
    """Return None where either has none, or the place links to its page on a network or directory.

    The same label under another suffix (`acme.es`, `acme.com`) decides nothing either.
    """
    host = host_of(place.website or "")
    if not subject.domain or not host or kind_of(host) is not None:
        return None
    theirs, ours = registrable(host), registrable(subject.domain)
    if theirs == ours:
        return True
    return None if label_of(theirs) == label_of(ours) else False


def same_country(subject: Subject, place: Place) -> bool | None:
    """Return whether both are in one country; None where one side does not say."""
    if not subject.country or not place.country:
        return None
    return subject.country.upper() == place.country.upper()


def same_phone(subject: Subject, place: Place) -> bool:
    """Return whether the place's number, read as one of its country, is one of the company's."""
    if not place.phone or not subject.phones:
        return False
    return possible_number(place.phone, place.country or subject.country) in subject.phones


def possible_number(phone: str, country: str | None) -> str | None:
    """Return *phone*, as shown in *country*, in E.164; None if it's not a possible number."""
    try:
        number = phonenumbers.parse(phone[:_LONGEST_PHONE], (country or "").upper() or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _same_town(subject: Subject, place: Place) -> bool | None:
    """Return None where one side names no town."""
    there = place.city or _town_in_address(place)
    if not subject.city or not there:
        return None
    return same_town(subject.city, there)


def _town_in_address(place: Place) -> str | None:
    address = (place.address or "")[:_LONGEST_STREET_ADDRESS]
    return address if towns_of(address) else None


def same_town(ours: str, theirs: str) -> bool:
    """Return whether two cities, as people write them, may be one: `Alacant`, `Alicante`.

    A suburb may be called by its city (`Malpartida de Caceres`), a town by its province.
    """
    mine, other = set(split_words(ours)), set(split_words(theirs))
    if mine <= other or other <= mine:
        return True
    return may_be_one(towns_of(ours), towns_of(theirs))


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
    return tuple(
        (Sign(kind), f" {phrase} ")
        for kind, phrases in rows_of("page_signs.tsv", 2)
        for phrase in phrases.split("; ")
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
class _PageFacts:
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
    facts = _page_facts(subject, page, host, [*titled, *said])
    return Belonging(_page_agreement(facts), tuple(_page_reasons(subject, facts)))


def _page_facts(subject: Subject, page: Page, host: str | None, said: list[str]) -> _PageFacts:
    text = page.text[:_LONGEST_TEXT]
    joining = words().joining
    shown = [word for word in said if word not in joining]
    joined = f" {' '.join(shown)} "
    name = name_of(subject.name)
    domain = registrable(host) if host else None
    phones = dict.fromkeys(page.phones[:_MOST_VALUES])
    numbers = [possible_number(phone, subject.country) for phone in phones]
    return _PageFacts(
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


def _page_agreement(facts: _PageFacts) -> Agreement:
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
        # Or although not made of the name, the domain is used by who has it.
        has_own_identity = facts.has_own_mail and not facts.title.is_generic
        is_sure = is_named and (facts.has_town or has_own_identity)
    return Agreement.AGREE if is_sure else Agreement.WEAK


def _page_reasons(subject: Subject, facts: _PageFacts) -> Iterator[str]:
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

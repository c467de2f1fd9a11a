"""Decides whether a place on Google Maps is the company that is asked for. Pure.

Maps always answers with something near, so a place proves nothing until its name, town and website
agree. A website on another domain is a veto.
"""

from collections.abc import Iterator
from typing import Final

import phonenumbers

from orchestrator.identity.writing import split_words

from .hosts import host_of, kind_of, label_of, registrable
from .model import Agreement, Belonging, Place, Subject
from .names import LabelFit, Likeness, label_fit, likeness
from .vocabulary import may_be_one, towns_of

_LONGEST_SHOWN: Final = 80
_LONGEST_ADDRESS: Final = 300
_LONGEST_PHONE: Final = 40


def belongs(subject: Subject, place: Place) -> Belonging:
    """Return whether *place* is the subject's, with the reasons.

    AGREE needs the same domain or phone with a name that does not contradict, or the same name in
    the same town. CONFLICT is another domain, country or name. The rest is WEAK: a namesake
    elsewhere, a name with a part that is not asked for, a name of generic words only. Of a company
    of which nothing but name and country is known, a whole name that few can have is enough.
    """
    same_domain = _same_domain(subject, place)
    name = likeness(subject.name, place.title)
    reasons = tuple(_reasons(subject, place, name, same_domain=same_domain))
    agreement = _agreement(subject, place, name, same_domain=same_domain)
    return Belonging(agreement, reasons)


def _agreement(
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


def _reasons(
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
    address = (place.address or "")[:_LONGEST_ADDRESS]
    return address if towns_of(address) else None


def same_town(ours: str, theirs: str) -> bool:
    """Return whether two cities, as people write them, may be one: `Alacant`, `Alicante`.

    A suburb may be called by its city (`Malpartida de Caceres`), a town by its province.
    """
    mine, other = set(split_words(ours)), set(split_words(theirs))
    if mine <= other or other <= mine:
        return True
    return may_be_one(towns_of(ours), towns_of(theirs))

"""E-mail addresses, phone numbers and tax ids of the company that a text is by.

Those of web designers, hosts and authorities, which stand in every legal notice, are left out
(`whose`), and so are fax numbers. The words are data: `data/contacts.toml`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email

from agents.domains import is_within

from .passages import MOST_READ, Quoted, quoted, skeleton
from .phones import phones_in
from .tax_ids import TaxId, tax_ids_in
from .whose import ContactMarks, contact_words

__all__ = ["Contacts", "Quoted", "TaxId", "contacts_in", "is_company_mailbox"]

T = TypeVar("T", Quoted, TaxId)

_MOST: Final = 100
"""Addresses of one text that are looked at."""

_AT: Final = re.compile(
    r"@|[\[({<] ?(?:at|arroba|aroba|@) ?[\])}>]|&#0?64;|&#x40;|&commat;|%40| (?:at|arroba) ",
    re.IGNORECASE,
)
_LOCAL: Final = re.compile(r"(?<![\w.+%/=?&#-])[A-Za-z0-9_][\w.+-]{0,63}(?P<blank> ?)$", re.ASCII)
_DOT: Final = r"(?:\.| ?[\[({] ?(?:dot|punto|ponto|\.) ?[\])}] ?| (?:dot|punto|ponto) )"
_DOMAIN: Final = re.compile(
    rf"(?P<blank> ?)[A-Za-z0-9][\w-]{{0,62}}(?:{_DOT}[A-Za-z0-9][\w-]{{0,62}}){{1,4}}",
    re.ASCII | re.IGNORECASE,
)
_SPELLED_DOT: Final = re.compile(_DOT, re.IGNORECASE)
_ENDING: Final = re.compile(r"[a-z]{2,24}")


@dataclass(frozen=True, slots=True)
class Contacts:
    """What one text says; each value once, in the order of the text. Phones are E.164."""

    emails: tuple[Quoted, ...] = ()
    phones: tuple[Quoted, ...] = ()
    tax_ids: tuple[TaxId, ...] = ()


def contacts_in(text: str, country: str | None, own_domain: str | None = None) -> Contacts:
    """Return the company's contacts in *text*, a page's markdown.

    Args:
        text: Read up to `MOST_READ` characters.
        country: ISO 3166-1 alpha-2, for numbers without a country code.
        own_domain: Domain of the company's site; an address there is never taken for another's.
    """
    marks = ContactMarks(text[:MOST_READ])
    numbers = tax_ids_in(marks, country)
    region = country or next((number.tax_id.country for number in numbers), None)
    taken = [(number.start, number.end) for number in numbers]
    return Contacts(
        emails=_distinct(_emails(marks, own_domain)),
        phones=_distinct(phones_in(marks, region, taken)),
        tax_ids=_distinct(number.tax_id for number in numbers),
    )


def is_company_mailbox(email: str) -> bool:
    """Return whether *email* names a function of a company, not a person.

    >>> is_company_mailbox("info@acme.example"), is_company_mailbox("ana.ruiz@acme.example")
    (True, False)
    >>> is_company_mailbox("ventas.norte@acme.example"), is_company_mailbox("acme@acme.example")
    (True, True)
    """
    local, _, domain = skeleton(email).rpartition("@")
    words = set(re.split(r"[^a-z]+", local))
    squeezed = re.sub(r"[^a-z]", "", local)
    site = re.sub(r"[^a-z]", "", domain.partition(".")[0])
    return not words.isdisjoint(_mailboxes()) or squeezed in _mailboxes() | {site}


@cache
def _mailboxes() -> frozenset[str]:
    return contact_words().mailboxes.words


def _distinct(found: Iterable[T]) -> tuple[T, ...]:
    values: dict[str, T] = {}
    for each in found:
        values.setdefault(each.value, each)
    return tuple(values.values())


def _emails(marks: ContactMarks, own_domain: str | None) -> Iterator[Quoted]:
    text = marks.text
    for number, at in enumerate(_AT.finditer(text)):
        if number == _MOST:
            break
        span = _address_around(text, at)
        email = _email(text, at, *span) if span else None
        if not span or not email:
            continue
        domain = email.rpartition("@")[2]
        is_own = own_domain is not None and is_within(domain, own_domain)
        if is_own or not (marks.is_anothers(*span) or _is_of_anothers_site(marks, domain)):
            yield quoted(text, email, *span)


def _address_around(text: str, at: re.Match[str]) -> tuple[int, int] | None:
    before = text[max(0, at.start() - 66) : at.start()]
    local = _LOCAL.search(before)
    domain = _DOMAIN.match(text, at.end())
    if not local or not domain:
        return None
    # `write to us @acme.example` is no address, `us @ acme.example` is one.
    if at[0] == "@" and bool(local["blank"]) != bool(domain["blank"]):
        return None
    if at[0].lower() == " at " and "." in domain[0]:
        return None
    return at.start() - (len(before) - local.start()), domain.end()


def _email(text: str, at: re.Match[str], start: int, end: int) -> str | None:
    local = unquote(text[start : at.start()]).strip().lower()
    domain = _SPELLED_DOT.sub(".", text[at.end() : end]).strip(" .-").lower()
    if not _is_real(local, domain):
        return None
    try:
        return validate_email(f"{local}@{domain}", check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def _is_real(local: str, domain: str) -> bool:
    """Return whether an address is neither a file's name nor an example nor a machine's."""
    words = contact_words().emails
    *_, ending = domain.split(".")
    site = domain.partition(".")[0]
    return not (
        not _ENDING.fullmatch(ending)
        or ending in words.file_endings
        or local in words.machine_names
        or site in words.placeholder_domains
        or (site in words.placeholder_hosts and local in words.placeholder_names)
        or any(is_within(domain, other) for other in contact_words().domains.others)
    )


def _is_of_anothers_site(marks: ContactMarks, domain: str) -> bool:
    """Return whether the site of an address is named as a web designer's or host's."""
    at = -1
    for _ in range(3):
        at = marks.bare.find(domain, at + 1)
        if at < 0:
            return False
        if marks.bare[max(0, at - 1)] != "@" and marks.is_anothers(at, at + len(domain)):
            return True
    return False

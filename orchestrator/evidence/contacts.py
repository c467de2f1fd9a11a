"""E-mail addresses, phone numbers and tax ids of the company that a text is by.

Those of web designers, hosts and authorities, which stand in every legal notice, are left out.
"""

import re
from dataclasses import dataclass
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from stdnum.br import cnpj
from stdnum.es import cif

from .passages import MOST_READ, passage

_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)
_PHONE: Final = re.compile(r"\+\d[\d ().-]{7,20}\d")
_TAX_IDS: Final = (
    ("CIF", re.compile(r"\b[A-HJNP-SUVW]-?\d{2}[./]?\d{5}[0-9A-J]\b"), cif),
    ("CNPJ", re.compile(r"\b\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}\b"), cnpj),
)
_ROLES: Final = frozenset({"info", "ventas", "contacto", "hola", "rrhh", "sales"})


@dataclass(frozen=True, slots=True)
class Quoted:
    """A value with the sentence or cell that it stands in.

    `quote` is part of the folded text (`passages.fold`) and `written`, the value as the text has
    it, is part of `quote`.
    """

    value: str
    quote: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class TaxId:
    """A company's number at the tax office or register of companies; `quote` as in `Quoted`.

    `type` is its name in its country (CIF, RFC, CNPJ, ...), `value` is written without separators
    but for the hyphen before the check digit of a RUT and a NIT.
    """

    type: str
    value: str
    quote: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Contacts:
    """What one text says; each value once, in the order of the text. Phones are E.164."""

    emails: tuple[Quoted, ...] = ()
    phones: tuple[Quoted, ...] = ()
    tax_ids: tuple[TaxId, ...] = ()


def contacts_in(text: str, country: str | None) -> Contacts:
    """Return the contacts in *text*, a page's markdown.

    Args:
        text: Read up to `MOST_READ` characters.
        country: ISO 3166-1 alpha-2, for numbers without a country code.
    """
    text = text[:MOST_READ]
    emails = {
        email: _quoted(text, email, found)
        for found in _EMAIL.finditer(text)
        if (email := _email(found[0]))
    }
    phones = {
        phone: _quoted(text, phone, found)
        for found in _PHONE.finditer(text)
        if (phone := _phone(found[0], country))
    }
    tax_ids: dict[str, TaxId] = {}
    for kind, shape, checker in _TAX_IDS:
        for found in shape.finditer(text):
            if checker.is_valid(found[0]):
                value = checker.compact(found[0])
                tax_ids[value] = TaxId(kind, value, passage(text, *found.span()), found[0])
    return Contacts(tuple(emails.values()), tuple(phones.values()), tuple(tax_ids.values()))


def is_company_mailbox(email: str) -> bool:
    """Return whether *email* names a function of a company, not a person.

    >>> is_company_mailbox("info@acme.example"), is_company_mailbox("ana.ruiz@acme.example")
    (True, False)
    """
    return email.partition("@")[0].lower() in _ROLES


def _quoted(text: str, value: str, found: re.Match[str]) -> Quoted:
    return Quoted(value, passage(text, *found.span()), found[0])


def _email(written: str) -> str | None:
    try:
        return validate_email(written, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def _phone(written: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

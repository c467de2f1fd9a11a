"""The cells of a file's first rows, and what single cells look like. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Final

import phonenumbers

from orchestrator.evidence.hosts import registrable
from orchestrator.identity import InvalidCompanyName, company_domain, parse_name

from . import cells as checks
from . import flaws
from .cells import unguard, visible
from .cleaning import Blank, blank_kind, fold, other_field, without_link
from .columns import LeadField
from .countries import country_code

#: Rows whose cells are looked at; more would say the same.
SAMPLED_ROWS: Final = 200
#: One in so many cells of a column need not have the form of its values: a few are always damaged.
_ONE_IN: Final = 10
_LONGEST_CODE: Final = 3
#: Groups of digits as phones are written, not as amounts, tax numbers or references are:
#: `1.234.567`, `900.123.456-7`, `026-872975`.
_NATIONAL: Final = re.compile(
    r"(?!\d{1,3}(?:\.\d{3})+(?:-\d+)?\Z)(?!\d+-\d+\Z)\(?\d{1,5}\)?(?:[ ./-]{1,3}\d{1,8}){1,6}"
)


class Sample:
    """The cells of the sample, blank where they are missing or say nothing."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        self._rows = rows
        self._columns: dict[int, list[str]] = {}

    def column(self, number: int) -> list[str]:
        """Return the cells of a column, one for each row."""
        if number not in self._columns:
            cells = (row[number] if number < len(row) else "" for row in self._rows)
            self._columns[number] = [_said(cell) for cell in cells]
        return self._columns[number]

    def share(self, number: int, shows: Callable[[str], bool]) -> float:
        """Return the share of the filled cells for which *shows* is true."""
        filled = [cell for cell in self.column(number) if cell]
        return fmean(map(shows, filled)) if filled else 0.0

    def is_blank(self, number: int) -> bool:
        """Return whether no row says anything there."""
        return not any(self.column(number))

    def has_any(self, number: int, shows: Callable[[str], bool]) -> bool:
        """Return whether *shows* is true for a cell."""
        return any(map(shows, filter(None, self.column(number))))

    def filled(self, number: int) -> int:
        """Return how many rows have a cell there."""
        return sum(map(bool, self.column(number)))

    def is_several(self, number: int) -> bool:
        """Return whether more rows than one have a cell there."""
        return self.filled(number) > 1

    def is_constant(self, number: int) -> bool:
        """Return whether several rows have the same cell, and none has another."""
        filled = list(filter(None, self.column(number)))
        return len(filled) > 1 and len(set(filled)) == 1

    def is_repeated(self, number: int) -> bool:
        """Return whether at most half of the cells there differ."""
        filled = list(filter(None, self.column(number)))
        return len(set(filled)) * 2 <= len(filled)

    def has_most(self, number: int, shows: Callable[[str], bool]) -> bool:
        """Return whether *shows* is true for all filled cells but one in ten.

        Most columns hold something else: no more of their cells is looked at than shows that.
        """
        filled = [cell for cell in self.column(number) if cell]
        others = 0
        for cell in filled:
            others += not shows(cell)
            if others * _ONE_IN > len(filled):
                return False
        return bool(filled)

    def hosts(self, number: int) -> list[str | None]:
        """Return the registered domain that the cells of a column name, in each row."""
        domains = map(domain_in, self.column(number))
        return [registrable(domain) if domain else None for domain in domains]

    def domains(self, website: int | None, email: int | None) -> list[str | None]:
        """Return the company's domain in each row, as far as website or e-mail tell it."""
        columns = [self.column(number) for number in (website, email) if number is not None]
        return [
            next(filter(None, (domain_in(column[row]) for column in columns)), None)
            for row in range(len(self._rows))
        ]


def _said(cell: str) -> str:
    text = visible(unguard(cell))
    return "" if not text or blank_kind(text, fold(text)) is Blank.NOTHING else text


def domain_in(text: str) -> str | None:
    """Return the domain by which an e-mail address or a website names a company."""
    check = checks.email_address if "@" in text else checks.website
    return company_domain(read_as(check, text))


def read_as(check: Callable[[str], str], text: str) -> str | None:
    """Return *text* as *check* reads it, None where it refuses it."""
    try:
        return check(text)
    except checks.BadValueError:
        return None


def is_email(text: str) -> bool:
    """Return whether an e-mail address is in *text*."""
    return "@" in text and read_as(checks.email_address, text) is not None


def is_linked_name(text: str) -> bool:
    """Return whether *text* is a name with an e-mail address in brackets behind it."""
    name, link = without_link(text)
    return "@" in link and "@" not in name


def is_website(text: str) -> bool:
    """Return whether *text* is the address of a website that may be a company's own."""
    # `Hornos S.L.` has dots, too.
    return "." in text and not {"@", " "} & set(text) and read_as(checks.website, text) is not None


def is_phone(text: str) -> bool:
    """Return whether *text* is written as phones are: digits alone may be a number of a record."""
    if other_field(text) != "number" or text.isdecimal():
        return False
    is_international = text.startswith(("+", "00"))
    return is_international and read_as(lambda each: checks.phone(each, None), text) is not None


def is_national_phone(text: str, countries: Iterable[str]) -> bool:
    """Return whether *text* is written as a phone of one of the *countries* without its prefix.

    Digits that nothing groups, and amounts and keys that have no number's length and beginning
    there, are none. Where numbers begin with a zero, one without it is none, either.
    """
    if not _NATIONAL.fullmatch(text) or other_field(text) != "number":
        return False
    return any(_is_of(text, country) for country in countries)


def _is_of(text: str, country: str) -> bool:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return False
    prefix = phonenumbers.ndd_prefix_for_region(country, True)
    has_prefix = prefix != "0" or text.lstrip("(").startswith("0")
    return has_prefix and phonenumbers.is_valid_number_for_region(number, country)


def countries_of(text: str) -> frozenset[str]:
    """Return the countries of the legal form behind a company's name; none where it has none."""
    try:
        removed = parse_name(text).removed
    except InvalidCompanyName:
        return frozenset()
    return frozenset(code for each in removed for code in each.form.countries if code != "*")


def is_mobile(text: str, countries: Iterable[str] = ()) -> bool:
    """Return whether *text*, a phone, is a mobile one; where that cannot be told, it is not.

    It may be a national one of the *countries*.
    """
    for country in (None, *countries):
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE:
            return True
    return False


def is_country(text: str) -> bool:
    """Return whether *text* names a country: a code may be a language, a state or a legal form."""
    # `oven, spain` are keywords, `Madrid, Spain` is a place.
    is_list = "," in text and not text[0].isupper()
    is_name = len(text) > _LONGEST_CODE and not is_list and country_code(text) is not None
    return is_name and not has_legal_form(text)


FORMS: Final[Mapping[LeadField, Callable[[str], bool]]] = {
    LeadField.EMAIL: is_email,
    LeadField.WEBSITE: is_website,
    LeadField.PHONE: is_phone,
    LeadField.COUNTRY: is_country,
}


def may_be_name(text: str) -> bool:
    """Return whether *text* has the form of no other value."""
    has_form = any(has_form(text) for has_form in FORMS.values())
    is_page = "." in text and "/" in text
    return not has_form and not is_page and other_field(text) is None


def has_legal_form(text: str) -> bool:
    """Return whether *text* is a company's name with its legal form."""
    try:
        return parse_name(text).legal_form is not None
    except InvalidCompanyName:
        return False


def is_form_only(text: str) -> bool:
    """Return whether *text* is a legal form without a name."""
    try:
        is_no_name = not parse_name(text).distinctive
    except InvalidCompanyName:
        return False
    return is_no_name and other_field(text) is None


def is_row(cells: Iterable[str]) -> bool:
    """Return whether *cells* hold a value, as no names of columns do: the file has no header."""
    texts = [visible(unguard(cell)) for cell in cells]
    return any(
        text and (any(has_form(text) for has_form in FORMS.values()) or has_legal_form(text))
        for text in texts
    )


def is_profile(text: str) -> bool:
    """Return whether *text* is a page of a network or platform, which is no company's own site."""
    try:
        checks.website(text)
    except checks.BadValueError as bad:
        return bad.flaw.kind == flaws.OTHER_SITE
    return False

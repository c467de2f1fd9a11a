"""E-mail addresses, phone numbers and tax ids of the company that a text is by.

Those of web designers, hosts and authorities, which stand in every legal notice, are left out
(`texts`), and so are fax numbers. Phone numbers become E.164: from links, with their country code,
or behind a word for them. A number that nothing announces must be valid and grouped as phones are,
so that prices, dates, ids and account numbers are none. The words are data: `data/contacts.toml`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple, TypeVar
from urllib.parse import unquote

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from agents.domains import is_within

from .tax_ids import TaxId, tax_ids_in
from .texts import MOST_READ, ContactMarks, Quoted, contact_words, line_at, quoted, skeleton

T = TypeVar("T", Quoted, TaxId)

_MOST: Final = 100
"""Addresses, and numbers, of one text that are looked at."""

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


_FEWEST_DIGITS: Final = 7
_MOST_DIGITS: Final = 15
_FARTHEST_LABEL: Final = 48
_LONGEST_INITIAL: Final = 8
_FARTHEST_NEIGHBOUR: Final = 24
_LARGEST_GROUP: Final = 4
_MOBILE: Final = "9"
"""Often apart before the numbers of mobile phones in South America."""
_POSTAL_CODES: Final = (4, 5)
"""Digits of a postal code, which often stands before a number."""
_RIGHT_LENGTH: Final = phonenumbers.ValidationResult.IS_POSSIBLE

_LINK: Final = re.compile(
    r"(?P<scheme>tel:|callto:|wa\.me/|[?&]phone=)(?:%20|[ /])*"
    r"(?P<number>(?:\+|%2b)?\(?\d[\d ().-]{5,22}\d)",
    re.IGNORECASE,
)
_RUN: Final = re.compile(
    r"(?<![\w@/=#&$\u20ac%\\,])(?<!\d\.)(?<!\w-)[+(]{0,2}(?:0(?:xx|\*\*) ?)?\d+"
    r"(?:[ \xa0\u2009().\u2010-\u2015-]{1,3}\d+){0,9}",
    re.IGNORECASE,
)
_CARRIER: Final = re.compile(r"0(?:xx|\*\*)", re.IGNORECASE)
"""Stands in Brazil for the digits of the long-distance carrier."""
_GROUP: Final = re.compile(r"\d+")
_BEHIND_OTHERS: Final = re.compile(
    r"[ \xa0]?(?:[%\u20ac$\u00b2\u00b3]|m[\u00b223\u00b3]|eur|kg|km|mm|cm|h\b)|[./]\d|[a-z@=_]|-\w"
)
_BETWEEN_NEIGHBOURS: Final = re.compile(
    r"[^\w]*(?:(?:y|e|o|ou|and|or|ext|int)\b[^\w]*(?:\d{1,4}\b)?)?[^\w]*"
)
_NO_LETTER: Final = re.compile(r"[^a-z]*")
_LABELS: Final = ("phone", "fax", "other")
_BETWEEN_LABEL: Final = re.compile(r"[^\d@]{0,40}")
_CELL_END: Final = re.compile(r"[|\u00b7\u2022]")
_SENTENCE_END: Final = re.compile(r"[a-z]{4}[.!?]\s")
_JOINED: Final = re.compile(r"\W{0,4}(?:\b(?:y|e|o|and|or|ou)\b)?\W{0,4}")
#: `T +34 ...`, but not `120 m 34 ...`.
_INITIAL: Final = re.compile(
    r"(?<![\w.])(?:(?P<phone>[TMP][.:]?|[tmp][.:])|(?P<fax>F[.:]?|f[.:]))\**\s{0,2}$"
)
_AS_THOUSANDS: Final = re.compile(r"\d{1,3}(?:\.\d{3})+|\d{1,2}[.-]\d{1,2}[.-](?:19|20)\d\d")
_KINDS: Final = frozenset(
    {
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.TOLL_FREE,
    }
)
_MEXICAN_PREFIXES: Final = ("01", "044", "045")
"""Dialled before the ten digits until 2019, and still printed."""
_MEXICAN_DIGITS: Final = 10


class _Found(NamedTuple):
    value: str
    start: int
    end: int


def phones_in(
    marks: ContactMarks, region: str | None, taken: Sequence[tuple[int, int]] = ()
) -> Iterator[Quoted]:
    """Yield the company's phone numbers in a text, perhaps twice.

    Args:
        marks: The text, bounded by the caller.
        region: ISO 3166-1 alpha-2, for numbers without a country code.
        taken: Where other numbers begin and end, such as tax ids.
    """
    for found in (*_numbers_in_links(marks.text, region), *_numbers_in_text(marks, region)):
        is_taken = any(found.start < end and start < found.end for start, end in taken)
        if not is_taken and not marks.is_anothers(found.start, found.end):
            yield quoted(marks.text, *found)


def e164(written: str, region: str | None) -> str | None:
    """Return the valid number that *written* is, as E.164; None if it is none."""
    number = _parse(written, region)
    return _format(number) if number and phonenumbers.is_valid_number(number) else None


def _numbers_in_links(text: str, region: str | None) -> Iterator[_Found]:
    for count, link in enumerate(_LINK.finditer(text)):
        if count == _MOST:
            break
        written = link["number"].lower().replace("%2b", "+")
        if link["scheme"].lower() not in {"tel:", "callto:"}:
            written = "+" + written.lstrip("+")
        if value := e164(written, region):
            yield _Found(value, *link.span("number"))


def _numbers_in_text(marks: ContactMarks, region: str | None) -> Iterator[_Found]:
    end, label = -1, ""
    for run in _runs(marks.text):
        before = label
        label = _label_of(marks, run.start())
        near = end >= 0 and run.start() - end <= _FARTHEST_NEIGHBOUR
        if not label and near and _BETWEEN_NEIGHBOURS.fullmatch(marks.bare, end, run.start()):
            label = before if before == "phone" else ""
        end = run.end()
        if label == "fax" or (not label and _BEHIND_OTHERS.match(marks.bare, end)):
            continue
        alone = not label and _is_alone(marks.text, run)
        for found in _read(run[0], region, label, is_alone=alone):
            yield _Found(found.value, run.start() + found.start, run.start() + found.end)


def _runs(text: str) -> Iterator[re.Match[str]]:
    count = 0
    for run in _RUN.finditer(text):
        if len(run[0]) >= _FEWEST_DIGITS and sum(map(str.isdigit, run[0])) >= _FEWEST_DIGITS:
            count += 1
            yield run
        if count == _MOST:
            break


def _label_of(marks: ContactMarks, start: int) -> str:
    """Return what the nearest word before *start* announces: "phone", "fax", "other" or ""."""
    bare = marks.bare
    initial = _INITIAL.search(marks.text, max(0, start - _LONGEST_INITIAL), start)
    if initial:
        return "fax" if initial["fax"] else "phone"
    first, _ = line_at(bare, start, start)
    if _NO_LETTER.fullmatch(bare, first, start):
        # In a cell of its own; the one above names it.
        first = max(0, bare.rfind("\n", 0, max(0, first - 2)))
    first = max(first, start - _FARTHEST_LABEL)
    found = {kind: mark for kind in _LABELS if (mark := marks.last(kind, first, start))}
    if not found:
        return ""
    nearest = max(found, key=lambda kind: (found[kind].end, -found[kind].start))
    between = bare[found[nearest].end : start]
    if not _BETWEEN_LABEL.fullmatch(between) or _SENTENCE_END.search(between):
        return ""
    phone = marks.last("phone", first, found[nearest].start)
    if nearest == "fax" and phone and _JOINED.fullmatch(bare, phone.end, found["fax"].start):
        return "phone"  # `Tel./Fax` is both.
    return nearest


def _is_alone(text: str, run: re.Match[str]) -> bool:
    """Return whether nothing else is in the cell of a number."""
    first, last = line_at(text, *run.span())
    before = _CELL_END.split(text[first : run.start()])[-1]
    behind = _CELL_END.split(text[run.end() : last])[0]
    return not re.search(r"\w", before + behind)


def _read(written: str, region: str | None, label: str, *, is_alone: bool) -> Iterator[_Found]:
    """Yield the numbers in a run of digits, with their places there."""
    carrier = _CARRIER.search(written)
    groups = list(_GROUP.finditer(written, carrier.end() if carrier else 0))
    international = written.lstrip("(").startswith("+") or groups[0][0].startswith("00")
    if international or label == "phone":
        found = list(_announced_numbers(groups, region, is_international=international))
        if not found and label:
            found = list(_possible(groups, region, is_international=international))
        yield from found
    elif not label:
        postal = 1 if len(groups) > 2 and len(groups[0][0]) in _POSTAL_CODES else 0  # noqa: PLR2004
        for first in range(postal + 1):
            number = _parse(_join(groups[first:], is_international=False), region)
            if not number or not phonenumbers.is_valid_number(number):
                continue
            is_grouped = _is_grouped(written, groups[first:])
            if (is_alone or is_grouped) and phonenumbers.number_type(number) in _KINDS:
                yield _Found(_format(number), groups[first].start(), groups[-1].end())


def _announced_numbers(
    groups: list[re.Match[str]], region: str | None, *, is_international: bool
) -> Iterator[_Found]:
    """Yield the longest numbers that stand in *groups*; postal codes may stand between them."""
    first = 0
    while first < len(groups):
        last = _end_of_number(groups, first, region, is_international=is_international)
        if last:
            value = e164(_join(groups[first:last], is_international=is_international), region)
            start = 0 if is_international else groups[first].start()
            yield _Found(str(value), start, groups[last - 1].end())
        elif is_international:
            return
        is_international = False
        first = last or first + 1


def _end_of_number(
    groups: list[re.Match[str]], first: int, region: str | None, *, is_international: bool
) -> int:
    """Return how many groups the longest valid number from *first* on ends at; 0 if none does."""
    for last in range(len(groups), first, -1):
        if e164(_join(groups[first:last], is_international=is_international), region):
            return last
    return 0


def _possible(
    groups: list[re.Match[str]], region: str | None, *, is_international: bool
) -> Iterator[_Found]:
    """Yield a number of the right length: the plan that we have may be older than the number."""
    number = _parse(_join(groups, is_international=is_international), region)
    if number and any(
        phonenumbers.is_possible_number_for_type_with_reason(number, kind) == _RIGHT_LENGTH
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    ):
        start = 0 if is_international else groups[0].start()
        yield _Found(_format(number), start, groups[-1].end())


def _join(groups: list[re.Match[str]], *, is_international: bool) -> str:
    digits = "".join(
        group[0] for number, group in enumerate(groups) if not number or group[0] != "0"
    )
    return "+" + digits.removeprefix("00") if is_international else digits


def _is_grouped(written: str, groups: list[re.Match[str]]) -> bool:
    sizes = [len(group[0]) for group in groups]
    return (
        len(sizes) > 1
        and max(sizes) <= _LARGEST_GROUP
        and all(
            size > 1 or group[0] == _MOBILE
            for size, group in zip(sizes[1:], groups[1:], strict=True)
        )
        and not _AS_THOUSANDS.fullmatch(written)
    )


def _parse(written: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    digits = re.sub(r"\D", "", written)
    if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS + 2:
        return None
    if written.lstrip(" (").startswith("+"):
        digits = re.sub(r"^521(?=\d{10}$)", "52", digits)
        written = f"+{digits}"
    elif region == "MX":
        prefix = next((code for code in _MEXICAN_PREFIXES if digits.startswith(code)), "")
        if len(digits) - len(prefix) == _MEXICAN_DIGITS:
            digits = digits.removeprefix(prefix)
        written = digits
    try:
        return phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None


def _format(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

"""Phone numbers in a text, as E.164: in links, with their country code, or behind a word for them.

A number that nothing announces must be valid and grouped as phones are, so that prices, dates, ids
and account numbers are none. Fax numbers are left out.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import phonenumbers

from .passages import Quoted, line_at, quoted
from .whose import ContactMarks

_MOST: Final = 100
"""Numbers of one text that are looked at."""
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
    for found in (*_linked(marks.text, region), *_written(marks, region)):
        is_taken = any(found.start < end and start < found.end for start, end in taken)
        if not is_taken and not marks.is_anothers(found.start, found.end):
            yield quoted(marks.text, *found)


def e164(written: str, region: str | None) -> str | None:
    """Return the valid number that *written* is, as E.164; None if it is none."""
    number = _parsed(written, region)
    return _formatted(number) if number and phonenumbers.is_valid_number(number) else None


def _linked(text: str, region: str | None) -> Iterator[_Found]:
    for count, link in enumerate(_LINK.finditer(text)):
        if count == _MOST:
            break
        written = link["number"].lower().replace("%2b", "+")
        if link["scheme"].lower() not in {"tel:", "callto:"}:
            written = "+" + written.lstrip("+")
        if value := e164(written, region):
            yield _Found(value, *link.span("number"))


def _written(marks: ContactMarks, region: str | None) -> Iterator[_Found]:
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
        found = list(_announced(groups, region, is_international=international))
        if not found and label:
            found = list(_possible(groups, region, is_international=international))
        yield from found
    elif not label:
        postal = 1 if len(groups) > 2 and len(groups[0][0]) in _POSTAL_CODES else 0  # noqa: PLR2004
        for first in range(postal + 1):
            number = _parsed(_joined(groups[first:], is_international=False), region)
            if not number or not phonenumbers.is_valid_number(number):
                continue
            is_grouped = _is_grouped(written, groups[first:])
            if (is_alone or is_grouped) and phonenumbers.number_type(number) in _KINDS:
                yield _Found(_formatted(number), groups[first].start(), groups[-1].end())


def _announced(
    groups: list[re.Match[str]], region: str | None, *, is_international: bool
) -> Iterator[_Found]:
    """Yield the longest numbers that stand in *groups*; postal codes may stand between them."""
    first = 0
    while first < len(groups):
        last = _end_of_number(groups, first, region, is_international=is_international)
        if last:
            value = e164(_joined(groups[first:last], is_international=is_international), region)
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
        if e164(_joined(groups[first:last], is_international=is_international), region):
            return last
    return 0


def _possible(
    groups: list[re.Match[str]], region: str | None, *, is_international: bool
) -> Iterator[_Found]:
    """Yield a number of the right length: the plan that we have may be older than the number."""
    number = _parsed(_joined(groups, is_international=is_international), region)
    if number and any(
        phonenumbers.is_possible_number_for_type_with_reason(number, kind) == _RIGHT_LENGTH
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    ):
        start = 0 if is_international else groups[0].start()
        yield _Found(_formatted(number), start, groups[-1].end())


def _joined(groups: list[re.Match[str]], *, is_international: bool) -> str:
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


def _parsed(written: str, region: str | None) -> phonenumbers.PhoneNumber | None:
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


def _formatted(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

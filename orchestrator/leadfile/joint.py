"""Columns with several values in each cell: `PLZ / Ort`, `Ciudad, País`, `Name, Firma`. Pure.

The name of such a column says what stands in its cells, and in which order; the cells confirm it.
Addresses, phones and websites show themselves in any text (`cells`), so they are taken out of the
whole cell where it has fewer parts than its name says.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from typing import Final

from .columns import LeadField
from .countries import country_code
from .headings import Heading, Holds, Whose, heading, kinds_of
from .sample import Sample, has_legal_form, is_form_only

#: Parts that hold no field of a lead.
POSTAL, OTHER = "postal", "other"
_PLACES: Final = frozenset((POSTAL, OTHER, "city", "country"))
#: What shows itself in any text.
_SHOWN: Final = frozenset((LeadField.EMAIL, LeadField.PHONE, LeadField.WEBSITE))
_FIELDS: Final[Mapping[Holds, LeadField]] = {
    Holds.COMPANY: LeadField.COMPANY,
    Holds.ACCOUNT: LeadField.COMPANY,
    Holds.CUSTOMER: LeadField.COMPANY,
    Holds.PERSON: LeadField.CONTACT,
    Holds.FULL: LeadField.CONTACT,
    Holds.NAME: LeadField.CONTACT,
    Holds.EMAIL: LeadField.EMAIL,
    Holds.PHONE: LeadField.PHONE,
    Holds.WEBSITE: LeadField.WEBSITE,
    Holds.COUNTRY: LeadField.COUNTRY,
    Holds.CITY: LeadField.CITY,
}
_COMPANY: Final = LeadField.COMPANY
_NAMES_IN_ORDER: Final = (LeadField.CONTACT, _COMPANY)
_NAMES: Final = frozenset(_NAMES_IN_ORDER)
_OF_LOCATIONS: Final = frozenset(("location", "company", "account", "person", "work", "record"))
#: Between the parts of a name.
_BETWEEN_NAMES: Final = re.compile(
    r"\s*[/,;|+&\n()]\s*|\s+[-–—]\s+|\s+(?:y|e|and|und|et|u\.)\s+",  # noqa: RUF001
    re.IGNORECASE,
)
#: Between those of a cell; a slash or a hyphen inside a word is part of it.
_BETWEEN: Final = re.compile(r"\s*[\n;|]\s*|,\s+|\s+[/–—-]\s+|\s*\((?=[^()]*\)\Z)")  # noqa: RUF001
_SLASH: Final = re.compile(r"/")
_CODE_BEFORE: Final = re.compile(r"(?:[^\W\d_]{0,3}-?\d\S*[\s,–—/-]+)+")  # noqa: RUF001
_CODE_BEHIND: Final = re.compile(r"(?:[\s,/(–—-]+[^\W\d_]{0,3}-?\d[^\s)]*\)?)+\Z")  # noqa: RUF001
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Joint:
    """The parts of a column's cells in their order: fields of a lead, `POSTAL` or `OTHER`."""

    parts: tuple[str, ...]
    whose: Whose = Whose.UNSAID

    @property
    def fields(self) -> tuple[LeadField, ...]:
        """The fields that are in each cell."""
        return tuple(LeadField(part) for part in self.parts if part not in {POSTAL, OTHER})

    def part(self, text: str, field: LeadField) -> str:
        """Return what *text*, a cell, holds of *field*; blank where it does not say it.

        >>> place = Joint(("city", "country"))
        >>> place.part("Haro, La Rioja, Spain", LeadField.CITY), place.part("Spain", LeadField.CITY)
        ('Haro', '')
        >>> Joint(("company", "contact")).part("Norte, S.L., Ana Ruiz", LeadField.COMPANY)
        'Norte, S.L.'
        """
        said = [part for part in self.parts if part != POSTAL]
        pieces = self._pieces(text)
        place, extra = said.index(field), len(pieces) - len(said)
        if extra < 0:
            return self._whole(pieces, text, field)
        # What is more than the name says belongs to the company, or stands in the middle.
        if extra and field is LeadField.COMPANY:
            return text[pieces[place].start : pieces[place + extra].end]
        is_behind = place > said.index("company") if "company" in said else place * 2 >= len(said)
        return pieces[place + extra if is_behind else place].text

    def is_parted(self, text: str) -> bool:
        """Return whether *text* has all the parts."""
        return len(self._pieces(text)) >= sum(part != POSTAL for part in self.parts)

    def _whole(self, pieces: Sequence["_Piece"], text: str, field: LeadField) -> str:
        """Return what *text* is of *field*, where it has fewer parts than it should."""
        if field in _SHOWN or field is LeadField.COUNTRY:
            return text
        if field is LeadField.CITY:
            only = pieces[0].text if pieces else ""
            return "" if "country" in self.parts and country_code(only) else only
        if set(self.fields) >= _NAMES:
            return text if has_legal_form(text) is (field is LeadField.COMPANY) else ""
        return text

    def _pieces(self, text: str) -> list["_Piece"]:
        if not _PLACES.issuperset(self.parts):
            found = list(_split(text, _BETWEEN))
            return _with_forms(found, text) if "company" in self.parts else found
        found = list(_split(text, _BETWEEN))
        if len(found) == 1 and not text.isdecimal():
            found = list(_split(text, _SLASH))
        return [each for piece in found if (each := piece.without_code()).text]


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    start: int
    end: int

    def without_code(self) -> "_Piece":
        """Return the piece without a postal code; blank where it is nothing else."""
        text = _CODE_BEHIND.sub("", _CODE_BEFORE.sub("", self.text)).strip()
        return _Piece(text if any(map(str.isalpha, text)) else "", self.start, self.end)


def _split(text: str, between: re.Pattern[str]) -> Iterator[_Piece]:
    start = 0
    spans = [found.span() for found in between.finditer(text, 0, _LONGEST)]
    for end, following in (*spans, (len(text), len(text))):
        piece = text[start:end].strip()
        is_bracketed = end == len(text) and start > 0 and text[start - 1] == "("
        piece = piece.rstrip(")") if is_bracketed else piece
        if piece:
            yield _Piece(piece, start, end)
        start = following


def _with_forms(pieces: Sequence[_Piece], text: str) -> list[_Piece]:
    """Return the *pieces*, a legal form as part of the name before it: `Norte, S.L.`."""
    joined: list[_Piece] = []
    for piece in pieces:
        if joined and is_form_only(piece.text):
            start = joined.pop().start
            piece = _Piece(text[start : piece.end].strip(), start, piece.end)  # noqa: PLW2901
        joined.append(piece)
    return joined


@lru_cache(maxsize=1_024)
def joint_of(name: str) -> Joint | None:
    """Return the parts of the cells of a column called *name*; None where it says one or none.

    >>> joint_of("PLZ / Ort").parts, joint_of("Name, Firma").parts, joint_of("Nombre y apellidos")
    (('postal', 'city'), ('contact', 'company'), None)
    """
    texts = [text for text in _BETWEEN_NAMES.split(name[:_LONGEST].strip()) if text]
    kinds = [kind for text in texts for kind in _parts(text, is_all=len(texts) == 1)]
    parts = tuple(kind for kind in kinds if kind is not None)
    said = set(parts) - {POSTAL, OTHER}
    is_joint = len(parts) == len(kinds) == len(set(parts)) > 1 and said
    return Joint(parts, _whose(texts)) if is_joint else None


def _parts(text: str, *, is_all: bool) -> list[str | None]:
    """Return what a part of a name says; of *is_all* of it, only the parts of places: `PLZ Ort`."""
    meaning = heading(text)
    if meaning is not None:
        return [] if is_all else [_FIELDS.get(meaning.holds)]
    kinds = [kind for kind in kinds_of(text) if kind not in {"joint", "link", "plain"}]
    if is_all and "location" in kinds and _OF_LOCATIONS.issuperset(kinds):
        return ["city", "country"]
    if kinds == ["address"]:
        return []  # the title of the others: `Address (street, town)`
    is_place = _PLACES.issuperset(kinds) and ("city" in kinds or (len(kinds) == 1 and not is_all))
    return list(kinds) if is_place else [None]


def _whose(texts: Sequence[str]) -> Whose:
    found = {meaning.whose for text in texts if isinstance(meaning := heading(text), Heading)} - {
        Whose.UNSAID
    }
    if not found and len(texts) == 1:
        kinds = set(kinds_of(texts[0]))
        return Whose.COMPANY if "company" in kinds else Whose.UNSAID
    return found.pop() if len(found) == 1 else Whose.UNSAID


def joints_in(header: Sequence[str], sample: Sample, given: Collection[int]) -> dict[int, Joint]:
    """Return the columns whose cells have several values; not those that are *given* as one.

    The names of some are those of one value, too (`Contact (Company)`, `Firma / Name`): in all of
    these, most cells must have the parts that the name says.
    """
    found = {
        number: joint
        for number, name in enumerate(header)
        if number not in given and (joint := joint_of(name)) is not None
    }
    confirmed = {
        number: joint
        for number, joint in found.items()
        if _is_confirmed(joint, sample, number, is_one=heading(header[number]) is not None)
    }
    return confirmed | _unsaid(header, sample, {*given, *confirmed})


def _unsaid(header: Sequence[str], sample: Sample, given: Collection[int]) -> dict[int, Joint]:
    """Return the column of people, in a file without one of companies, that has both.

    `Ana Ruiz, Norte S.L.` has them though its name says only whose the first is.
    """
    holds = {
        number: _FIELDS.get(meaning.holds)
        for number, name in enumerate(header)
        if number not in given and (meaning := heading(name)) is not None
    }
    if LeadField.COMPANY in holds.values():
        return {}
    people = [number for number, field in holds.items() if field is LeadField.CONTACT]
    return {
        number: joint
        for number, joint in product(people, map(Joint, permutations(_NAMES_IN_ORDER)))
        if _has_companies(joint, sample, number)
        and _is_confirmed(joint, sample, number, is_one=True)
    }


def _has_companies(joint: Joint, sample: Sample, number: int) -> bool:
    return sample.share(number, lambda text: has_legal_form(joint.part(text, _COMPANY))) >= _MANY


def _is_confirmed(joint: Joint, sample: Sample, number: int, *, is_one: bool) -> bool:
    def is_sound(text: str) -> bool:
        if not joint.is_parted(text):
            return False
        if not set(joint.fields) >= _NAMES:
            return True
        person = joint.part(text, LeadField.CONTACT)
        return " " in person and not has_legal_form(person)

    def is_location(text: str) -> bool:
        return country_code(joint.part(text, LeadField.COUNTRY)) is not None

    if is_one or set(joint.fields) >= _NAMES:
        return sample.has_most(number, is_sound)
    if joint.parts == ("city", "country"):
        return sample.share(number, is_location) >= _MANY
    is_safe = len(joint.fields) == 1 or (_PLACES | _SHOWN).issuperset(joint.parts)
    return is_safe or sample.share(number, joint.is_parted) >= _MANY


#: The share of cells that must have all parts.
_MANY: Final = 0.5

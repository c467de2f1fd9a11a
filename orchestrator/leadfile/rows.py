"""From the cells of a row, or an object, to a lead: its fields, its problems, which rows repeat it.

What is wrong with a field that the sheet needs is an error and keeps the row out; any other field
is left out with a warning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final
from uuid import UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from agents.case import Lead, Localized
from orchestrator.identity import (
    InvalidCompanyName,
    Mention,
    ParsedName,
    company_domain,
    parse_name,
)
from orchestrator.infra.bounds import FilledText, Notes, Text, complaint_of
from orchestrator.infra.distinct import Distinct

from . import cells as checks
from . import flaws
from .cells import looks_like_formula, shown, unguard, visible
from .cleaning import (
    Blank,
    blank_kind,
    damage_in,
    fold,
    is_role_address,
    other_field,
    without_link,
)
from .columns import FOR_PIPELINE, Choice, Columns, LeadField, find_columns
from .countries import country_code
from .csv_format import Record
from .encodings import has_broken_bytes
from .flaws import MAX_CELL_CHARS, Flaw, Level, RowProblem
from .joint import Joint

# Changing it would make a second lead of every lead that was ever imported.
_LEADS: Final = UUID("5d0a4b0e-6a57-5c0e-9d0b-0c6f3c0f4e2a")


@dataclass(frozen=True, slots=True)
class LeadFields:
    """The fields of a lead in a row, checked and normalised.

    `email` has its domain in lower case, `country` is an ISO 3166-1 alpha-2 code, `website` an
    http(s) URL or a bare host, `city` and `phone` as they were typed.
    """

    company: str
    company_key: str
    contact: str | None = None
    email: str | None = None
    website: str | None = None
    country: str | None = None
    city: str | None = None
    phone: str | None = None
    source: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One row: `cells` exactly as in the file, and the lead they make, None where they make none.

    `number` is the line the row starts on. `lead_number` counts the leads of the file from 0; a
    row that repeats the lead of an earlier one has the same, and shares its result.
    """

    number: int
    cells: tuple[str, ...]
    lead: LeadFields | None
    problems: tuple[RowProblem, ...] = ()
    lead_number: int | None = None
    is_repetition: bool = False


def lead_id(fields: LeadFields) -> UUID:
    """Return the id that a new lead of a row gets; see `lead_id_of`."""
    return lead_id_of(fields.email, fields.company_key, fields.contact)


def lead_id_of(email: str | None, company_key: str, contact: str | None) -> UUID:
    """Return the id of a new lead, made of its e-mail (without case) and its company key.

    Where the address belongs to no person (`info@`), or is missing, the name tells people apart.
    The same row makes the same id in every file and on every day; `orchestrator.leads.same` says
    which stored lead a row is that has another one.
    """
    email = (email or "").casefold()
    # No e-mail address, company key or folded name contains a line break.
    parts = [email, company_key]
    if contact and (not email or is_role_address(email)):
        parts.append(fold(contact))
    return uuid5(_LEADS, "\n".join(parts))


def lead_from(fields: LeadFields) -> Lead:
    """Return the lead of a row that was read `FOR_PIPELINE`.

    Raises:
        ValueError: The contact is missing: the row was read for less.
    """
    if fields.contact is None:
        raise ValueError("a lead needs a contact")
    return Lead(id=lead_id(fields), **{name: getattr(fields, name) for name in LeadField})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's name and columns, and the fields without which one of its rows makes no lead."""

    file: str
    header: tuple[str, ...]
    columns: Columns
    needs: frozenset[LeadField]
    joints: Mapping[int, Joint] = field(default_factory=dict)
    """The columns with several values in each cell."""

    def rows(self, records: Iterator[Record]) -> Iterator[LeadRow]:
        """Yield the row of each of *records*, their leads numbered from 0.

        Rows of a list of companies are leads of their own: which of them mean the same company is
        found where everything known about companies is at hand. Other sheets take about 25 bytes
        of memory for each lead.
        """
        distinct = Distinct() if self.needs >= FOR_PIPELINE else None
        leads = 0
        for record in records:
            problems = list(self._shape_problems(record))
            lead = None
            if not _has_error(problems):
                lead, more = self.read(record.cells, record.line)
                problems += more
            if lead is None:
                yield LeadRow(record.line, record.cells, None, tuple(problems))
                continue
            number = leads if distinct is None else distinct.number(lead_id(lead).hex)
            yield LeadRow(record.line, record.cells, lead, tuple(problems), number, number < leads)
            leads += number == leads

    def read(
        self, cells: Sequence[str], line: int = 0
    ) -> tuple[LeadFields | None, list[RowProblem]]:
        """Return the fields in *cells*, None if there is an error, and the problems."""
        reader = _FieldReader(self, cells, line)
        return reader.lead(), reader.problems

    def problem(
        self, row: int, column: int | None, flaw: Flaw, level: Level = Level.ERROR
    ) -> RowProblem:
        """Return a problem of one cell, or of the row as a whole where *column* is None."""
        field = ""
        if column is not None:
            name = visible(self.header[column]) if column < len(self.header) else ""
            field = name or f"cell {column + 1}"
        return RowProblem(self.file, row, field, flaw, level)

    def known_person(self, row: int, contact: str | None) -> RowProblem:
        """Return the warning that a row, read `FOR_PIPELINE`, may be of a person who is stored."""
        column = self.columns[LeadField.CONTACT][0][0]
        flaw = Flaw(flaws.KNOWN_PERSON, shown(contact or ""))
        return self.problem(row, column, flaw, Level.WARNING)

    def _shape_problems(self, record: Record) -> Iterator[RowProblem]:
        """Yield what is wrong with the shape of *record* and the characters of its cells.

        A row with too few cells is sound: the missing ones are blank.
        """
        row, columns = record.line, len(self.header)
        if record.has_open_quote:
            yield self.problem(row, None, Flaw(flaws.OPEN_QUOTE))
        elif len(record.cells) > columns:
            yield from self._surplus(record, columns)
        for column, cell in enumerate(record.cells):
            yield from self._cell_problems(row, column, cell)

    def _surplus(self, record: Record, columns: int) -> Iterator[RowProblem]:
        """Yield a problem for cells behind the last column: others may be shifted by one.

        Not where a cell right of the names is what its column says.
        """
        cells, row = record.cells, record.line
        what = Localized(
            en=f"{len(cells)} cells, but the header names {columns} columns",
            es=f"{len(cells)} celdas, pero la cabecera nombra {columns} columnas",
        )
        if not self._is_in_place(cells):
            yield self.problem(row, None, Flaw(flaws.TOO_MANY_CELLS, what=what))
        elif any(map(visible, cells[columns:])):
            flaw = Flaw(flaws.SURPLUS, what=what)
            yield self.problem(row, None, flaw, Level.WARNING)

    def _is_in_place(self, cells: Sequence[str]) -> bool:
        names = [
            column
            for field in (LeadField.COMPANY, LeadField.CONTACT)
            for choice in self.columns.get(field, ())
            for column in choice
        ]
        anchors = sorted(
            (
                (choice[0], check)
                for field, check in _ANCHORS
                for choice in self.columns.get(field, ())
            ),
            key=itemgetter(0),
            reverse=True,
        )
        for column, check in anchors:
            text = visible(unguard(cells[column]))
            if text and column > max(names, default=0):
                try:
                    check(text)
                except checks.BadValueError:
                    return False
                return True
        return False

    def _cell_problems(self, row: int, column: int, cell: str) -> Iterator[RowProblem]:
        if len(cell) > MAX_CELL_CHARS:
            yield self.problem(row, column, Flaw(flaws.TOO_LONG, f"{len(cell):,}"))
        if "\0" in cell:
            yield self.problem(row, column, Flaw(flaws.NUL))
        if has_broken_bytes(cell):
            yield self.problem(row, column, Flaw(flaws.BROKEN_BYTES))
        if looks_like_formula(cell):
            yield self.problem(row, column, Flaw(flaws.FORMULA), Level.NOTE)


def _has_error(problems: Sequence[RowProblem]) -> bool:
    return any(problem.level is Level.ERROR for problem in problems)


class _FieldReader:
    """One row being read; `problems` fills up as the fields are asked for."""

    def __init__(self, sheet: Sheet, cells: Sequence[str], line: int) -> None:
        self._sheet = sheet
        self._row = cells
        self._line = line
        self.problems: list[RowProblem] = []

    def lead(self) -> LeadFields | None:
        """Return the fields, None if the row has an error."""
        typed, site = without_link(self._checked(LeadField.COMPANY, self._undamaged) or "")
        website = self._checked(LeadField.WEBSITE, checks.website)
        country = self._checked(LeadField.COUNTRY, checks.country)
        contact, address = without_link(self._checked(LeadField.CONTACT, str) or "")
        email = self._checked(LeadField.EMAIL, checks.email_address)
        if email is None and "@" in address:
            email = self._usable(checks.email_address, address)
        phone = self._phone(country)
        if website is None and (other_field(typed) == "website" or _is_host(site)):
            website = self._usable(checks.website, site or typed)
        domain = company_domain(website) or company_domain(email)
        name = self._company_name(typed, domain) if typed else None
        company = self._identified(name) if name else None
        if name is None or company is None or _has_error(self.problems):
            return None
        if not company.distinctive and not domain:
            flaw = Flaw(flaws.ANY_COMPANY, shown(name))
            self._add(LeadField.COMPANY, flaw, Level.WARNING)
        return LeadFields(
            company=name,
            company_key=company.key,
            contact=_without_company(contact, name) or None,
            email=email,
            website=website,
            country=country,
            city=self._checked(LeadField.CITY, checks.city),
            phone=phone,
            source=self._text(LeadField.SOURCE) or None,
            notes=self._text(LeadField.NOTES) or None,
        )

    def _undamaged(self, text: str) -> str:
        if damage := damage_in(without_link(text)[0]):
            raise checks.BadValueError(Flaw(flaws.DAMAGED, shown(text), damage))
        return text

    def _usable(self, check: Callable[[str], str], text: str) -> str | None:
        try:
            return check(text)
        except checks.BadValueError:
            return None

    def _company_name(self, typed: str, domain: str | None) -> str | None:
        """Return the company's name: its *domain* where *typed* is none.

        Without either there is nothing to look up: two people without an employer are not
        colleagues.
        """
        other = other_field(typed)
        blank = None if other else blank_kind(typed, fold(typed))
        if other is None and (blank is None or (blank is Blank.DOUBTFUL and domain)):
            return typed
        if domain:
            return domain
        flaw = Flaw(flaws.NOT_A_NAME, shown(typed), _NO_NAMES[other])
        self._add(LeadField.COMPANY, flaw)
        return None

    def _identified(self, name: str) -> ParsedName | None:
        try:
            return parse_name(name)
        except InvalidCompanyName:
            self._add(LeadField.COMPANY, Flaw(flaws.NO_COMPANY, shown(name)))
            return None

    def _checked(self, field: LeadField, check: Callable[[str], str]) -> str | None:
        """Return the first usable value of *field*; without any, the first has a problem."""
        needs = self._sheet.needs
        needed = field in needs
        first: tuple[int, checks.BadValueError] | None = None
        for choice in self._sheet.columns.get(field, ()):
            text = self._joined(field, choice)
            if not text or (field in _BLANK_IF_SAID and self._says_nothing(text)):
                continue
            try:
                return check(text)
            except checks.BadValueError as bad:
                first = first or (choice[0], bad)
        if first is not None:
            column, found = first
            # A lead without its address would be another one than the lead with it, corrected.
            keeps_out = needed or (field is LeadField.EMAIL and LeadField.CONTACT in needs)
            level = Level.ERROR if keeps_out else Level.WARNING
            self._add(field, found.flaw, level, column)
        elif needed:
            typed = "".join(self._cells(field)).strip(" \t")
            self._add(field, Flaw(flaws.INVISIBLE if typed else flaws.MISSING))
        return None

    def _says_nothing(self, text: str) -> bool:
        return blank_kind(text, fold(text)) is Blank.NOTHING

    def _phone(self, country: str | None) -> str | None:
        """Return the first number that can be dialled, else the first as it was typed."""
        doubtful: tuple[str, int, checks.BadValueError] | None = None
        for choice in self._sheet.columns.get(LeadField.PHONE, ()):
            text = self._joined(LeadField.PHONE, choice)
            if not text or self._says_nothing(text):
                continue
            try:
                return checks.phone(text, country)
            except checks.BadValueError as bad:
                doubtful = doubtful or (text, choice[0], bad)
        if doubtful is None:
            return None
        text, column, found = doubtful
        self._add(LeadField.PHONE, found.flaw, Level.WARNING, column)
        return text

    def _text(self, field: LeadField) -> str:
        """Return what the first column of *field* with any text holds."""
        # Most fields have no column, in a list of companies.
        choices = self._sheet.columns.get(field, ())
        return next(filter(None, (self._joined(field, choice) for choice in choices)), "")

    def _joined(self, field: LeadField, choice: Choice) -> str:
        row, joints = self._row, self._sheet.joints
        parts = [visible(unguard(row[i])) if i < len(row) else "" for i in choice]
        if len(parts) > 1:
            return _joined_name(parts)
        if joints and choice[0] in joints:
            return joints[choice[0]].part(parts[0], field)
        return parts[0]

    def _cells(self, field: LeadField) -> list[str]:
        row = self._row
        choices = self._sheet.columns.get(field, ())
        return [row[i] for choice in choices for i in choice if i < len(row)]

    def _add(
        self,
        field: LeadField,
        flaw: Flaw,
        level: Level = Level.ERROR,
        column: int | None = None,
    ) -> None:
        if column is None:
            column = self._sheet.columns[field][0][0]
        self.problems.append(self._sheet.problem(self._line, column, flaw, level))


def _is_host(text: str) -> bool:
    return bool(text) and not {"/", "@"} & set(text)


def _without_company(contact: str, company: str) -> str:
    """Return *contact* without the *company* before or behind it, as address books write it.

    >>> _without_company("Norte SL, Ana Ruiz", "Norte SL"), _without_company("Ruiz, Ana", "Ruiz")
    ('Ana Ruiz', 'Ruiz, Ana')
    """
    for rest in (contact[len(company) :], contact[: -len(company)]):
        person = rest.strip(" ,|/-–·")  # noqa: RUF001
        is_parted = len(rest) - len(person) > 1 and " " in person
        if is_parted and contact.casefold() in {
            (company + rest).casefold(),
            (rest + company).casefold(),
        }:
            return person
    return contact


def _joined_name(parts: Sequence[str]) -> str:
    """Return the parts of a name as one, without a part that another one has, too.

    >>> _joined_name(["Ana", "Ruiz"]), _joined_name(["Ana Ruiz", "Ruiz"])
    ('Ana Ruiz', 'Ana Ruiz')
    """
    filled = [part for part in parts if part]
    folded = [f" {part.casefold()} " for part in filled]
    kept = (
        part
        for part, own in zip(filled, folded, strict=True)
        if not any(
            own != other and (other.startswith(own) or other.endswith(own)) for other in folded
        )
    )
    return " ".join(kept)


#: What stands in the place of a company's name, by what `other_field` calls it.
_NO_NAMES: Final = {
    None: Localized(en="a placeholder", es="un texto de relleno"),
    "date": Localized(en="a date", es="una fecha"),
    "number": Localized(en="a number", es="un número"),
    "website": Localized(en="a website", es="una web"),
    "e-mail address": Localized(en="an e-mail address", es="una dirección de correo"),
}
#: Fields in which a placeholder is a blank.
_BLANK_IF_SAID: Final = frozenset(
    (LeadField.EMAIL, LeadField.WEBSITE, LeadField.COUNTRY, LeadField.CITY)
)
_ANCHORS: Final[tuple[tuple[LeadField, Callable[[str], object]], ...]] = (
    (LeadField.EMAIL, checks.email_address),
    (LeadField.WEBSITE, checks.website),
    (LeadField.COUNTRY, checks.country),
)

_TEXT: Final = TypeAdapter(Text)
_NOTES: Final = TypeAdapter(Notes)
#: Fields of an object about a company, in English and Spanish.
_COMPANY: Final = ("company", "empresa")
_ABOUT: Final = (
    ("website", "sitio_web"),
    ("country", "pais"),
    ("city", "ciudad"),
    ("phone", "telefono"),
)
_NAME: Final = TypeAdapter(FilledText)
_FACT: Final = TypeAdapter(Text | None)


def read_lead(given: Mapping[str, object]) -> tuple[LeadFields | None, list[RowProblem]]:
    """Return what a mapping says about a lead, None if there is an error, and its problems.

    The names of its fields are those of a lead file's columns, English or Spanish; None is blank.

    Raises:
        ValueError: A name is unknown, or a value is no text or out of bounds; the message begins
            with the name.
    """
    cells: list[str] = []
    absent = FOR_PIPELINE - find_columns(list(given)).keys()
    given = {**given, **dict.fromkeys(sorted(absent), "")}
    names = list(given)
    columns = find_columns(names)
    for number, (name, value) in enumerate(given.items()):
        field = next((field for field, among in columns.items() if (number,) in among), None)
        if field is None:
            raise ValueError(f"{shown(name)} is not known here; remove it, or correct its name")
        bound = _NOTES if field is LeadField.NOTES else _TEXT
        try:
            cells.append(bound.validate_python("" if value is None else value))
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            raise ValueError(f"{shown(name)} {complaint_of(fault)}") from None
    return Sheet("", tuple(names), columns, FOR_PIPELINE).read(cells)


def checked_mention(given: object) -> Mention:
    """Return the mention in *given*: a name, or an object with `company`.

    It may have `website`, `country`, `city` and `phone`. The Spanish names of these fields are
    accepted, too; other fields are ignored. The bounds are those of every entry point.

    Raises:
        ValueError: It is neither, or out of bounds; the message reads on from what it is about.
    """
    mention = _mention_in(given)
    try:
        _NAME.validate_python(mention.name)
        for fact in mention[1:]:
            _FACT.validate_python(fact)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(complaint_of(fault)) from None
    return mention


def _mention_in(given: object) -> Mention:
    if isinstance(given, str):
        return Mention(given)
    name = _first(given, _COMPANY) if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(name, str):
        raise ValueError(  # noqa: TRY004 - it came over the wire
            'must be a text or an object with a "company"'
        )
    about = {names[0]: _first(given, names, "") for names in _ABOUT}
    texts = {field: value for field, value in about.items() if isinstance(value, str)}
    if len(texts) < len(about):
        raise ValueError(
            'must have a "website", "country", "city" and "phone" that are texts, if any'
        )
    return _mention(name, **texts)


def _mention(name: str, *, website: str, country: str, city: str, phone: str) -> Mention:
    """Return the mention that texts make; an unusable website, country or phone is left out.

    With a blank name the others are ignored: they identify no company.
    """
    if not name.strip():
        return Mention(name)
    return Mention.of_lead(
        name,
        website=website.strip() or None,
        country=country_code(country) if country else None,
        city=city,
        phone=phone,
    )


def _first(given: Mapping[str, object], names: tuple[str, ...], default: object = None) -> object:
    return next((given[name] for name in names if given.get(name) is not None), default)

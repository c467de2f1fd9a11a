"""Reads the leads and companies of a request, as only the domain can check them. Pure.

Leads are read by the rules of lead files, so the same lead has the same id by every entry point.
Long lists are read by pieces, and no further than the faults that an answer shows. Uploads are cut
into mentions block by block, a block ending where a record does: a list of a million rows is never
whole in memory.
"""

import codecs
import csv
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from io import StringIO
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from agents.case import Lead
from orchestrator.identity import InvalidCompanyName, Mention, mention_of, parse_name
from orchestrator.infra.background import Turns
from orchestrator.infra.bounds import MAX_ROWS, MAX_TEXT, has_control_characters
from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    Level,
    RowProblem,
    lead_from,
    mention_from,
    mention_in,
)
from orchestrator.leadfile.cells import unguard
from orchestrator.leadfile.columns import Columns, find_columns
from orchestrator.leadfile.csv_format import find_table
from orchestrator.leadfile.rows import Sheet

from .errors import (
    LISTED_FAULTS,
    FieldFault,
    Location,
    Refusal,
    Refused,
    field_fault,
    invalid_request,
)
from .limits import CSV
from .requests import Cells, LeadChanges

#: Bytes that are worked on without giving other requests a turn.
_PIECE: Final = 4_096
#: Characters of one record; a longer one is a quote that was opened and never closed.
MAX_RECORD: Final = 1_000_000
#: Warnings of one answer; more have one cause.
LISTED_WARNINGS = 100

_SHEET = Sheet(
    file="",
    header=tuple(LeadField),
    columns={field: ((column,),) for column, field in enumerate(LeadField)},
    needs=FOR_PIPELINE,
)

_COMPANY: Final = list(LeadField).index(LeadField.COMPANY)
_COMPANIES = replace(_SHEET, needs=FOR_ENRICHMENT)


_LEADS: Final = TypeAdapter(list[Lead])
#: Leads that are stored together.
_BLOCK: Final = 500


@dataclass(slots=True)
class ReadLeads:
    """Sound leads in their order, and a sentence for everything that was left out of them.

    Leads are kept as JSON by the block, for the reason that `requests` keeps items as texts.
    """

    ids: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _blocks: list[bytes] = field(default_factory=list)

    def add(self, leads: list[Lead]) -> None:
        """Keep some leads."""
        self.ids += [str(lead.id) for lead in leads]
        self._blocks.append(_LEADS.dump_json(leads))

    def leads(self) -> Iterator[list[Lead]]:
        """Yield the leads, some at a time."""
        return map(_LEADS.validate_json, self._blocks)


@dataclass(frozen=True, slots=True)
class ReadCompanies:
    """Companies in their order, each as the text of a `Mention`, and what was left out."""

    mentions: list[str]
    warnings: list[str]


async def read_leads(given: Sequence[Cells], *, within: str | None = None) -> ReadLeads:
    """Return the leads of *given*.

    Args:
        given: What a request says of them.
        within: Name of the list in the request; None where the lead is the whole request.

    Raises:
        Refused: With every fault that is shown.
    """
    read = ReadLeads()
    block: list[Lead] = []
    faults: list[FieldFault] = []
    turns = Turns()
    for number, cells in enumerate(given):
        await turns.give()
        where = () if within is None else (within, number)
        fields, problems = _SHEET.read(cells)
        if fields is not None:
            block.append(lead_from(fields))
        if len(block) == _BLOCK:
            read.add(block)
            block = []
        for problem in problems:
            fault = _fault(where, problem)
            if problem.level is Level.ERROR:
                faults.append(fault)
            elif len(read.warnings) < LISTED_WARNINGS:
                read.warnings.append(fault.message)
        if len(faults) > LISTED_FAULTS:
            break
    if faults:
        raise Refused(invalid_request(faults))
    read.add(block)
    return read


def read_changes(given: LeadChanges) -> dict[str, str | None]:
    """Return the fields that *given* changes, checked and normalised as those of a new lead.

    Raises:
        Refused: A value cannot be used, which of a new lead would only be left out.
    """
    named = [each for each in LeadField if each in given.model_fields_set]
    cells = [(getattr(given, each) or "") if each in named else "" for each in LeadField]
    sheet = replace(_SHEET, needs=FOR_PIPELINE.intersection(named))
    if LeadField.COMPANY not in named:
        cells[_COMPANY] = "Acme Industrial"  # a row needs one; it is not kept
    fields, problems = sheet.read(cells)
    faults = [
        _fault((), problem)
        for problem in problems
        # That a name alone could be any of many companies is no reason to refuse it.
        if problem.level is Level.ERROR or problem.field in set(named) - {LeadField.COMPANY}
    ]
    if faults or fields is None:
        raise Refused(invalid_request(faults))
    return {each: getattr(fields, each) for each in named}


async def read_companies(given: Sequence[str | Cells]) -> ReadCompanies:
    """Return how the companies of *given* are named.

    Raises:
        Refused: With every fault that is shown.
    """
    mentions: list[str] = []
    faults: list[FieldFault] = []
    warnings: list[str] = []
    turns = Turns()
    for number, one in enumerate(given):
        await turns.give()
        if len(faults) > LISTED_FAULTS:
            break
        name = one if isinstance(one, str) else one[_COMPANY]
        try:
            parse_name(name)
        except InvalidCompanyName as error:
            complaint = f"is not a company name ({error.reason}); write the company's name"
            where = ("companies", number) if one is name else ("companies", number, "company")
            faults.append(field_fault(where, complaint))
            continue
        if isinstance(one, str):
            mentions.append(Mention(one).text)
            continue
        fields, problems = _COMPANIES.read(one)
        if len(warnings) < LISTED_WARNINGS:
            warnings += [_fault(("companies", number), each).message for each in problems]
        mentions.append((Mention(name) if fields is None else mention_of(fields)).text)
    if faults:
        raise Refused(invalid_request(faults))
    return ReadCompanies(mentions, warnings[:LISTED_WARNINGS])


def _fault(where: Location, problem: RowProblem) -> FieldFault:
    return field_fault((*where, problem.field), f"{problem.message}; {problem.hint}")


class _Cutter:
    """Cuts text into blocks of whole records and reads each: mentions, in the order of the rows."""

    def __init__(self, read: Callable[[str], list[str]], *, quotes: bool) -> None:
        self._read = read
        self._quotes = quotes
        self._rest = ""
        self._is_open = False  # whether the rest ends within quotes
        self.rows = 0

    def feed(self, text: str, *, is_last: bool = False) -> list[str]:
        """Return the mentions, as texts, of the records that *text* completes."""
        end = self._end_of_records(text)
        self._rest += text
        end = len(self._rest) if is_last else end
        block, self._rest = self._rest[:end], self._rest[end:]
        if len(self._rest) > MAX_RECORD:
            complaint = f"is longer than {MAX_RECORD:,} characters; close its quote or shorten it"
            raise refused_row(self.rows + 1, complaint)
        names = self._read(block)
        self.rows += len(names)
        if self.rows > MAX_ROWS:
            raise Refused(_TOO_MANY)
        return names

    def _end_of_records(self, text: str) -> int:
        """Return where the last record that *text* completes ends: at a line end outside of quotes.

        Each character is looked at once, however long a record is.
        """
        end, at = 0, len(self._rest)
        for number, part in enumerate(text.split('"') if self._quotes else (text,)):
            if number:
                self._is_open = not self._is_open
                at += 1
            if not self._is_open and (line_end := part.rfind("\n") + 1):
                end = at + line_end
            at += len(part)
        return end


async def mentions_in(chunks: AsyncIterable[bytes], media_type: str) -> AsyncIterator[list[str]]:
    """Yield the companies of an upload, each as the text of a `Mention`, some at a time.

    A blank one counts as a row, too.

    Raises:
        Refused: The upload cannot be read, or has no rows or too many.
    """
    is_csv = media_type == CSV
    cutter = _Cutter(_CsvNames() if is_csv else _NdjsonNames(), quotes=is_csv)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    turns = Turns()
    async for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            if names := cutter.feed(_decoded(decoder, chunk[start : start + _PIECE])):
                yield names
            await turns.give()
    if names := cutter.feed(_decoded(decoder, b"", is_last=True), is_last=True):
        yield names
    if not cutter.rows:
        raise Refused(_refusal("empty", "The upload has no rows; send a company a line."))


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, *, is_last: bool = False) -> str:
    try:
        return decoder.decode(chunk, is_last)
    except UnicodeDecodeError:
        complaint = "The upload is not text in UTF-8; save it so, and send it again."
        raise Refused(Refusal(HTTPStatus.BAD_REQUEST, "unreadable_body", complaint)) from None


class _CsvNames:
    """Reads blocks of CSV records, the first of which is the header."""

    def __init__(self) -> None:
        self._header: _Header | None = None
        self._line = 1

    def __call__(self, block: str) -> list[str]:
        if self._header is None and block.strip():
            self._header = _header_of(block)
        if self._header is None:
            return []
        try:
            return list(self._names(block, self._header))
        except csv.Error as error:
            complaint = f"or one after it cannot be read as CSV ({error}); correct it"
            raise refused_row(self._line, complaint, what="Line") from None

    def _names(self, block: str, header: "_Header") -> Iterator[str]:
        reader = csv.reader(
            StringIO(block, newline=""), delimiter=header.delimiter, quotechar=header.quote
        )
        for cells in reader:
            if not cells:
                continue
            if self._line + reader.line_num - 1 <= header.last_line:
                continue
            if len(cells) > header.columns:
                line = self._line + reader.line_num - 1
                complaint = (
                    f"has {len(cells)} cells, but the header names {header.columns} columns; "
                    "put quotes around the cell that contains the delimiter"
                )
                raise refused_row(line, complaint, what="Line")
            yield _bounded(header.mention(cells), self._line + reader.line_num - 1).text
        self._line += reader.line_num


@dataclass
class _Header:
    """What stands in which column, below *last_line*, where the header ends."""

    delimiter: str
    quote: str
    columns: int
    fields: Columns
    last_line: int

    def mention(self, cells: list[str]) -> Mention:
        """Return how a record names its company."""
        name = self._cell(LeadField.COMPANY, cells)
        if len(self.fields) == 1:
            return Mention(name)
        return mention_from(
            name,
            website=self._cell(LeadField.WEBSITE, cells),
            email=self._cell(LeadField.EMAIL, cells),
            country=self._cell(LeadField.COUNTRY, cells),
            city=self._cell(LeadField.CITY, cells),
            phone=self._cell(LeadField.PHONE, cells),
        )

    def _cell(self, field: LeadField, cells: list[str]) -> str:
        column = self.fields.get(field, ((self.columns,),))[0][0]
        return unguard(cells[column][: MAX_TEXT + 1]) if column < len(cells) else ""


def _header_of(block: str) -> _Header:
    table = find_table(list(StringIO(block, newline="")))
    cells = () if table.header is None else table.header.cells
    columns = find_columns(cells, of_companies=True)
    if table.header is None or LeadField.COMPANY not in columns:
        complaint = (
            "The upload has no column for the company; "
            "call it 'company' or 'empresa' on the first line."
        )
        raise Refused(_refusal("no_company_column", complaint))
    separators = table.dialect.separators
    last_line = table.header.last_line
    return _Header(separators.delimiter, separators.quote, len(cells), columns, last_line)


class _NdjsonNames:
    """Reads blocks of lines: a company each, as a text or as an object with one."""

    def __init__(self) -> None:
        self._line = 0

    def __call__(self, block: str) -> list[str]:
        names = []
        for line in block.split("\n"):
            self._line += 1
            if line.strip():
                names.append(_bounded(self._mention(line), self._line).text)
        # What follows the last line end is the beginning of the next block.
        self._line -= 1
        return names

    def _mention(self, line: str) -> Mention:
        try:
            said: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise refused_row(self._line, "is not JSON; correct it", what="Line") from None
        try:
            return mention_in(said)
        except ValueError as error:
            raise refused_row(self._line, f"{error}; correct it", what="Line") from None


def _bounded(mention: Mention, line: int) -> Mention:
    """Return *mention* as it may be stored: one that is too long to be a name is cut, and fails.

    Raises:
        Refused: It contains what no text may.
    """
    if has_control_characters(mention.name):
        raise refused_row(line, "contains control characters; remove them", what="Line")
    if len(mention.name) > MAX_TEXT:
        return Mention(mention.name[: MAX_TEXT + 1])
    return mention


def refused_row(number: int, complaint: str, *, what: str = "Row") -> Refused:
    """Return the error that refuses an upload for one of its rows."""
    return Refused(_refusal("invalid_row", f"{what} {number} of the upload {complaint}."))


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, code, message)


_TOO_MANY = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_large",
    f"An upload has at most {MAX_ROWS:,} rows; split it into several.",
)

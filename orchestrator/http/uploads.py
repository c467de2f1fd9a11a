"""Lists of companies as they are uploaded, cut into mentions block by block. Pure.

A list of a million rows is never whole in memory: a block ends where a record does.
"""

import codecs
import csv
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from io import StringIO
from typing import Any, Final

import orjson

from orchestrator.identity import Mention
from orchestrator.infra.background import Turns
from orchestrator.infra.bounds import MAX_ROWS, MAX_TEXT, has_control_characters
from orchestrator.leadfile import LeadField, mention_from, mention_in
from orchestrator.leadfile.cells import unguard
from orchestrator.leadfile.columns import Columns, find_columns
from orchestrator.leadfile.csv_format import detect_dialect

from .errors import Refusal, Refused
from .limits import TOO_MANY_ROWS

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"

#: Bytes that are worked on without giving other requests a turn.
_PIECE: Final = 4_096
#: Characters of one record; a longer one is a quote that was opened and never closed.
MAX_RECORD: Final = 1_000_000


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
            if header.is_ahead:
                header.is_ahead = False
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
    """What stands in which column; `is_ahead` until the header's own record has been read."""

    delimiter: str
    quote: str
    columns: int
    fields: Columns
    is_ahead: bool = True

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
        )

    def _cell(self, field: LeadField, cells: list[str]) -> str:
        column = self.fields.get(field, (self.columns,))[0]
        return unguard(cells[column][: MAX_TEXT + 1]) if column < len(cells) else ""


def _header_of(block: str) -> _Header:
    dialect, cells = detect_dialect(list(StringIO(block, newline="")))
    columns = find_columns(cells or ())
    if cells is None or LeadField.COMPANY not in columns:
        complaint = (
            "The upload has no column for the company; "
            "call it 'company' or 'empresa' on the first line."
        )
        raise Refused(_refusal("no_company_column", complaint))
    separators = dialect.separators
    return _Header(separators.delimiter, separators.quote, len(cells), columns)


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
    TOO_MANY_ROWS,
)

"""How the text of a lead file becomes records of cells: dialect, quotes.

The table: its header may stand below a `sep=` line, titles, notes and comments. The header is the
first record with the most columns that are understood.

Quotes: a quote that is opened and never closed would swallow every row up to the next one. The
strict parser notices; then only the line with the open quote is broken, and reading goes on
behind it.
"""

import csv
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice
from typing import Final, Literal

from .columns import LeadField, find_columns, groups_in

_DELIMITERS = (",", ";", "\t", "|")
_SEP: Final = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s@]@[^\s@]+\.[a-zA-Z]{2}")
#: Cells of a lead: a company, a person and an address.
_LEAD: Final = 3
#: Records in which the header is looked for.
_SEARCHED: Final = 40
_NO_LIMIT = 2**31 - 1

MAX_RECORD = 1_000_000
"""Characters of a record of several lines, ten times what a cell may have: the lines of a record
are kept until it is whole, and an open quote must not bring the rest of the file into memory."""


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that give a record its cells."""

    delimiter: str
    quote: str = '"'


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record and the lines it stands on, counted from 1 as an editor does.

    `text` is the record as it is written, with its line end; "" where more cells could not be
    written behind it.
    """

    line: int
    last_line: int
    cells: tuple[str, ...]
    has_open_quote: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What it takes to write more rows in the manner of a file."""

    separators: Separators
    newline: str = "\n"
    quote_all: bool = False

    def line(self, cells: Sequence[str]) -> str:
        """Return *cells* as one record, with its line end."""
        quoting: Literal[0, 1] = csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL
        buffer = StringIO()
        # csv quotes a line break only if the line terminator contains it, hence both.
        writer = csv.writer(
            buffer,
            delimiter=self.separators.delimiter,
            quotechar=self.separators.quote,
            quoting=quoting,
            lineterminator="\r\n",
        )
        writer.writerow(cells)
        return buffer.getvalue().removesuffix("\r\n") + self.newline


@dataclass(frozen=True, slots=True)
class Table:
    """Where a table begins: its dialect and header; `preamble` are the lines above as they are."""

    dialect: Dialect
    header: Record | None
    preamble: str = ""


def find_table(lines: Sequence[str], wanted: Iterable[str] = ()) -> Table:
    """Return where the table in *lines* begins; its header is None where every line is empty.

    The delimiter and the header are those that find the company column, then the most known
    columns: a header is a better witness than the frequency of commas in notes. The names of
    *wanted* are columns of it.
    """
    quote = _quote_of(lines)
    said = _SEP.fullmatch(lines[0].strip("\ufeff\r\n")) if lines else None
    below = ["\n", *lines[1:]] if said else lines
    delimiters = (said[1],) if said else _DELIMITERS
    best: tuple[tuple[object, ...], Separators, Record] | None = None
    beginnings = {
        separators: [
            unwrapped(record, separators)
            for record in islice(read_records(below, separators), _SEARCHED)
        ]
        for separators in (Separators(delimiter, quote) for delimiter in delimiters)
    }
    # Above rows of leads, a cell alone is a title, whatever it says.
    least = 2 if any(map(_has_leads, beginnings.values())) else 1
    for separators, first in beginnings.items():
        for fitness, record in _candidates(first, frozenset(wanted), least):
            if best is None or fitness > best[0]:
                best = fitness, separators, record
    if best is None:
        return Table(Dialect(Separators(delimiters[0], quote)), None)
    _, separators, header = best
    raw = "".join(lines[header.line - 1 : header.last_line])
    above = "".join(lines[: header.line - 1])
    newline = _newline_of(raw)
    all_quoted = Dialect(separators, newline, quote_all=True)
    dialect = all_quoted if all_quoted.line(header.cells) == raw else Dialect(separators, newline)
    return Table(dialect, header, above if above.strip() else "")


def unwrapped(record: Record, separators: Separators, columns: int | None = None) -> Record:
    """Return *record*, or what is in its only cell: programs quote whole lines by mistake.

    With *columns*, only if there are as many cells in it.
    """
    if len(record.cells) != 1 or separators.delimiter not in record.cells[0]:
        return record
    inner = list(read_records(StringIO(record.cells[0], newline=""), separators))
    if len(inner) != 1 or (columns is not None and len(inner[0].cells) != columns):
        return record
    return replace(record, cells=inner[0].cells, text="")


def _usual_width(records: Sequence[Record]) -> int:
    widths = Counter(len(record.cells) for record in records)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _has_leads(records: Sequence[Record]) -> bool:
    """Return whether most *records* have several cells, one of them with an e-mail address."""
    leads = sum(
        len(record.cells) >= _LEAD and any(map(_ADDRESS.search, record.cells)) for record in records
    )
    return _usual_width(records) >= _LEAD and leads * 2 > len(records)


def _candidates(
    records: Sequence[Record], wanted: frozenset[str], least: int
) -> Iterator[tuple[tuple[object, ...], Record]]:
    """Yield what could be a header, with how well it fits: *least* cells at least have text."""
    usual = _usual_width(records)
    for number, record in enumerate(records):
        columns = find_columns(record.cells, of_companies=True)
        above = records[number - 1].cells if number else ()
        if groups := groups_in(above, len(record.cells)):
            grouped = find_columns(record.cells, of_companies=True, groups=groups)
            columns = max(columns, grouped, key=len)
        found = len(wanted.intersection(record.cells))
        is_first = all(each.cells[0].startswith("#") for each in records[:number])
        # Below the first record, a cell such as `Cliente` may be a value.
        counts = found or is_first or len(columns) > 1
        is_title = sum(map(bool, record.cells)) < least
        if is_title or any(_ADDRESS.search(cell) for cell in record.cells):
            counts = False
        known = len(columns) if counts else 0
        has_company = bool(known) and LeadField.COMPANY in columns
        is_comment = record.cells[0].startswith("#")
        is_usual = bool(known) or (len(record.cells) == usual and not is_comment and not is_title)
        yield (found, has_company, known, is_usual, -number, len(record.cells)), record


def _quote_of(lines: Sequence[str]) -> str:
    first = next((line.strip() for line in lines if line.strip()), "")
    return "'" if len(first) > 1 and first[0] == first[-1] == "'" else '"'


def _newline_of(record: str) -> str:
    return next((end for end in ("\r\n", "\n", "\r") if record.endswith(end)), "\n")


def read_records(lines: Iterable[str], separators: Separators) -> Iterator[Record]:
    """Yield the records of *lines* (with their line ends). Empty lines are no records.

    No line is taken before its record is asked for, and none is kept beyond it.
    """
    # The limit belongs to the whole process: raising it harms no other reader, setting it
    # back would break one that is in the middle of a large cell. Rows judge their cells' size.
    csv.field_size_limit(_NO_LIMIT)
    source = _Lines(iter(lines))
    while True:
        broken = yield from _read_until_broken(source, separators)
        if broken is None:
            return
        yield broken


class _NeverClosedError(Exception):
    """A record goes on and on: a quote was opened by mistake."""


class _Lines(Iterator[str]):
    """Gives out lines, and takes back those of a record that turned out to be none.

    Lines are read again once, however many of them open a quote: what became of a record that was
    open at the end of one line becomes of every record that is open there.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._returned: list[str] = []  # the next one last
        self._taken: list[str] = []
        self._characters = 0
        #: The line up to which an open quote is known not to be closed as it should be.
        self._never_closed = 0
        #: Lines before the record that is being read.
        self.before = 0

    @property
    def taken(self) -> int:
        """How many lines the record that is being read has so far."""
        return len(self._taken)

    def __next__(self) -> str:
        if self._taken and (
            self._characters > MAX_RECORD or self.before + self.taken < self._never_closed
        ):
            raise _NeverClosedError
        line = self._returned.pop() if self._returned else next(self._lines)
        self._taken.append(line)
        self._characters += len(line)
        return line

    def end_record(self) -> str:
        """Forget the lines that were taken, and return them: their record is whole."""
        text = self._taken[0] if len(self._taken) == 1 else "".join(self._taken)
        self.before += len(self._taken)
        self._taken = []
        self._characters = 0
        return text

    def take_back(self) -> str:
        """Return the first line that was taken; the others are given out again."""
        if self.taken > 1:
            self._never_closed = max(self._never_closed, self.before + self.taken)
        first, *others = self._taken
        self._returned.extend(reversed(others))
        self._taken = [first]
        self.end_record()
        return first


def _read_until_broken(
    source: _Lines, separators: Separators
) -> Generator[Record, None, Record | None]:
    """Yield sound records; return the broken one that ended it, if any."""
    reader = csv.reader(
        source, delimiter=separators.delimiter, quotechar=separators.quote, strict=True
    )
    try:
        for cells in reader:
            first, last = source.before + 1, source.before + source.taken
            text = source.end_record()
            if cells:
                yield Record(first, last, tuple(cells), text=text)
    except (csv.Error, _NeverClosedError) as error:
        spans_lines = source.taken > 1 or isinstance(error, _NeverClosedError)
        line = source.take_back()
        return _read_alone(line, source.before, separators, spans_lines=spans_lines)
    return None


def _read_alone(line: str, number: int, separators: Separators, *, spans_lines: bool) -> Record:
    """Read a line that breaks the rules: `"La Caixa" S.A.` has a meaning, an open quote has not."""
    has_open_quote = spans_lines or line.count(separators.quote) % 2 == 1
    reader = csv.reader(
        [line.rstrip("\r\n")],
        delimiter=separators.delimiter,
        quotechar=separators.quote,
        quoting=csv.QUOTE_NONE if has_open_quote else csv.QUOTE_MINIMAL,
    )
    text = "" if has_open_quote else line
    return Record(number, number, tuple(next(reader)), has_open_quote, text)

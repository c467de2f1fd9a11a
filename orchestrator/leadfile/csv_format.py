"""How the bytes of a lead file become records of cells: encoding, dialect, quotes.

Encoding: byte order marks first, then UTF-8, then cp1252. No statistics: a wrong guess about a
short file turns every accented company into another company, and that costs money.

Quotes: a quote that is opened and never closed would swallow every row up to the next one. The
strict parser notices; then only the line with the open quote is broken, and reading goes on
behind it.
"""

import codecs
import csv
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import Literal

from anyascii import anyascii

from .columns import LeadField, find_columns

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_NON_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")
_DELIMITERS = (",", ";", "\t", "|")
_NO_LIMIT = 2**31 - 1

MAX_RECORD = 1_000_000
"""Characters of a record of several lines, ten times what a cell may have: the lines of a record
are kept until it is whole, and an open quote must not bring the rest of the file into memory."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name, and the byte order mark that the file starts with (may be empty)."""

    codec: str
    bom: bytes = b""

    @property
    def errors(self) -> str:
        """How to decode: a broken byte of a UTF-8 file becomes a lone surrogate."""
        return "surrogateescape" if self.codec == "utf-8" else "strict"

    def encode(self, text: str) -> bytes:
        """Return the bytes of text that was decoded so, or is `representable`, without the mark."""
        return text.encode(self.codec, self.errors)

    def representable(self, text: str) -> str:
        """Return *text* with the closest ASCII for each character this encoding lacks."""
        try:
            text.encode(self.codec)
        except UnicodeEncodeError:
            return "".join(map(self._closest, text))
        return text

    def _closest(self, char: str) -> str:
        try:
            char.encode(self.codec)
        except UnicodeEncodeError:
            return anyascii(char) or "?"
        return char


def detect_encoding(chunks: Iterable[bytes]) -> Encoding:
    """Return which encoding the bytes of *chunks* are in; never fails, since any bytes are latin-1.

    A file that is UTF-8 but for a few broken bytes is UTF-8: the rows with those bytes are
    reported, and the accents of all others stay what they are. So all of it is looked at.
    """
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    broken = foreign = 0
    is_cp1252 = True
    for number, chunk in enumerate(chain(chunks, [b""])):
        if number == 0:
            for bom, codec in _BOMS:
                if chunk.startswith(bom):
                    return Encoding(codec, bom)
        # The end of the last chunk may be half of a character.
        text = decode(chunk, not chunk)
        if not text.isascii():
            broken += len(_UNDECODED.findall(text))
            foreign += len(_NON_ASCII.findall(text))
        is_cp1252 = is_cp1252 and _NOT_CP1252.search(chunk) is None
    if broken <= foreign:
        return Encoding("utf-8")
    return Encoding("cp1252" if is_cp1252 else "latin-1")


def has_broken_bytes(text: str) -> bool:
    """Return whether *text* holds bytes that its encoding could not read."""
    return _UNDECODED.search(text) is not None


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that give a record its cells."""

    delimiter: str
    quote: str = '"'


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record and the lines it stands on, counted from 1 as an editor does."""

    line: int
    last_line: int
    cells: tuple[str, ...]
    has_open_quote: bool = False


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


def detect_dialect(lines: Sequence[str]) -> tuple[Dialect, tuple[str, ...] | None]:
    """Return the dialect of *lines* and their header; None where every line is empty.

    The delimiter is the one that finds the company column, then the most known columns, then
    the most columns: a header is a better witness than the frequency of commas in notes.
    """
    quote = _quote_of(lines)
    candidates = [
        (separators, next(read_records(lines, separators), None))
        for separators in (Separators(delimiter, quote) for delimiter in _DELIMITERS)
    ]
    separators, header = max(candidates, key=lambda candidate: _fitness(candidate[1]))
    if header is None:
        return Dialect(separators), None
    raw = "".join(lines[header.line - 1 : header.last_line])
    newline = _newline_of(raw)
    all_quoted = Dialect(separators, newline, quote_all=True)
    if all_quoted.line(header.cells) == raw:
        return all_quoted, header.cells
    return Dialect(separators, newline), header.cells


def _quote_of(lines: Sequence[str]) -> str:
    first = next((line.strip() for line in lines if line.strip()), "")
    return "'" if len(first) > 1 and first[0] == first[-1] == "'" else '"'


def _fitness(header: Record | None) -> tuple[bool, int, int]:
    cells = header.cells if header else ()
    columns = find_columns(cells)
    return LeadField.COMPANY in columns, len(columns), len(cells)


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


class _TooLongError(Exception):
    """A record goes on and on: a quote was opened by mistake."""


class _Lines(Iterator[str]):
    """Gives out lines, and takes back those of a record that turned out to be none."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._returned: list[str] = []  # the next one last
        self._taken: list[str] = []
        self._characters = 0
        #: Lines before the record that is being read.
        self.before = 0

    @property
    def taken(self) -> int:
        """How many lines the record that is being read has so far."""
        return len(self._taken)

    def __next__(self) -> str:
        if self._taken and self._characters > MAX_RECORD:
            raise _TooLongError
        line = self._returned.pop() if self._returned else next(self._lines)
        self._taken.append(line)
        self._characters += len(line)
        return line

    def end_record(self) -> None:
        """Forget the lines that were taken: their record is whole."""
        self.before += len(self._taken)
        self._taken = []
        self._characters = 0

    def take_back(self) -> str:
        """Return the first line that was taken; the others are given out again."""
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
            record = Record(source.before + 1, source.before + source.taken, tuple(cells))
            source.end_record()
            if cells:
                yield record
    except (csv.Error, _TooLongError):
        spans_lines = source.taken > 1
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
    return Record(number, number, tuple(next(reader)), has_open_quote)

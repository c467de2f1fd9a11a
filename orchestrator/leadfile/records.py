"""Cuts the lines of a lead file into records of cells, whatever a person did to the quotes.

A quote that is opened and never closed would swallow every row up to the next one. The strict
parser notices; then only the line with the open quote is broken, and reading goes on behind it.
"""

import csv
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

_NO_LIMIT = 2**31 - 1

MAX_RECORD = 1_000_000
"""Characters of a record of several lines, ten times what a cell may have: the lines of a record
are kept until it is whole, and an open quote is not to bring the rest of the file into memory."""


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

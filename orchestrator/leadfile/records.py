"""Cuts the lines of a lead file into records of cells, whatever a person did to the quotes.

A quote that is opened and never closed would swallow every row up to the next one. The strict
parser notices; then only the line with the open quote is broken, and reading goes on behind it.
"""

import csv
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

_NO_LIMIT = 2**31 - 1


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


def read_records(lines: Sequence[str], separators: Separators) -> Iterator[Record]:
    """Yield the records of *lines* (with their line ends). Empty lines are no records."""
    # The limit belongs to the whole process: raising it harms no other reader, setting it
    # back would break one that is in the middle of a large cell. Rows judge their cells' size.
    csv.field_size_limit(_NO_LIMIT)
    start = 0
    while start < len(lines):
        broken = yield from _read_until_broken(lines, start, separators)
        if broken is None:
            return
        yield broken
        start = broken.line


def _read_until_broken(
    lines: Sequence[str], start: int, separators: Separators
) -> Generator[Record, None, Record | None]:
    """Yield sound records from line *start* on; return the broken one that ended it, if any."""
    rest = map(lines.__getitem__, range(start, len(lines)))
    reader = csv.reader(
        rest, delimiter=separators.delimiter, quotechar=separators.quote, strict=True
    )
    begin = start
    try:
        for cells in reader:
            end = start + reader.line_num
            if cells:
                yield Record(begin + 1, end, tuple(cells))
            begin = end
    except csv.Error:
        spans_lines = start + reader.line_num > begin + 1
        return _read_alone(lines[begin], begin + 1, separators, spans_lines=spans_lines)
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

"""How the cells of a lead file are kept apart: delimiter, quotes and line ends."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from .header import LeadField, find_columns
from .records import Record, Separators, read_records

_DELIMITERS = (",", ";", "\t", "|")


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
        # csv quotes a line break only if the line terminator holds it, so it is told both.
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

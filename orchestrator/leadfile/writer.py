"""Writes the rows of a lead file again, with their results beside them.

Columns, order, row count, encoding, delimiter, quoting and line ends are those of the input. Result
columns of an earlier run are replaced. What differs on purpose: blank lines are not kept, rows with
too few cells are filled up, and cells that a spreadsheet would run are guarded, in the columns of
results every part of one that another delimiter would make a cell (see `formula`).
A character of a result that the encoding lacks becomes its closest ASCII: the file stays readable
for whatever reads the original.
"""

from collections.abc import Iterator, Sequence

from orchestrator.infra.printable import printable

from .formula import guard, guard_parts
from .lead_file import LeadFile
from .records import Record
from .results import RESULT_COLUMNS, ResultCells
from .text import visible


class ResultTable:
    """A lead file with results, line by line as the bytes of the output."""

    def __init__(self, lead_file: LeadFile) -> None:
        self._encoding, self._dialect = lead_file.encoding, lead_file.dialect
        self._header = lead_file.header
        self._kept = [
            i for i, name in enumerate(self._header) if visible(name) not in RESULT_COLUMNS
        ]

    def beginning(self) -> bytes:
        """Return the byte order mark, if there is one, and the header."""
        names = [*(self._header[i] for i in self._kept), *RESULT_COLUMNS]
        return self._encoding.bom + self._line(names)

    def row(self, record: Record, result: ResultCells) -> bytes:
        """Return the line of a row and its *result*."""
        cells = record.cells
        shown = map(printable, result.cells())
        ours = (guard_parts(self._encoding.representable(cell)) for cell in shown)
        # Surplus cells go behind the results, so that every cell stays under its column.
        return self._line([*self._filled(cells), *ours, *cells[len(self._header) :]])

    def _filled(self, cells: Sequence[str]) -> Iterator[str]:
        return (cells[i] if i < len(cells) else "" for i in self._kept)

    def _line(self, cells: Sequence[str]) -> bytes:
        return self._encoding.encode(self._dialect.line([guard(cell) for cell in cells]))

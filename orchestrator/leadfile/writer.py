"""Writes a lead file again, with its results beside each row.

Columns, order, row count, encoding, delimiter, quoting and line ends are those of the input. Result
columns of an earlier run are replaced. What differs on purpose: blank lines are not kept, rows with
too few cells are filled up, and cells that a spreadsheet would run are guarded (see `formula`).
A character of a result that the encoding lacks becomes its closest ASCII: the file stays readable
for whatever reads the original.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .atomic import write_atomically
from .formula import guard
from .model import LeadFile, LeadRow
from .results import RESULT_COLUMNS, ResultCells, shared, without_result
from .text import visible


def write_results(lead_file: LeadFile, results: Mapping[int, ResultCells], path: Path) -> None:
    """Write *lead_file* with *results* to *path*, whole or not at all.

    Args:
        lead_file: What was read; every row of it is written.
        results: By row number. A row without one takes the result of the row it repeats, at
            no cost; a bad row is `invalid` with its problems as the reason; others are `pending`.
        path: Replaced if it exists; may be the input itself.

    Raises:
        LeadFileError: It could not be written. What was there before is still there.
    """
    write_atomically(path, _encoded(lead_file, results))


def _encoded(lead_file: LeadFile, results: Mapping[int, ResultCells]) -> Iterator[bytes]:
    encoding, dialect = lead_file.encoding, lead_file.dialect
    yield encoding.bom
    for cells in _table(lead_file, results):
        yield encoding.encode(dialect.line([guard(cell) for cell in cells]))


def _table(lead_file: LeadFile, results: Mapping[int, ResultCells]) -> Iterator[list[str]]:
    header = lead_file.header
    kept = [i for i, name in enumerate(header) if visible(name) not in RESULT_COLUMNS]
    yield [*(header[i] for i in kept), *RESULT_COLUMNS]
    for row in lead_file.rows:
        ours = map(lead_file.encoding.representable, _result_of(row, results).cells())
        # Surplus cells go behind the results, so that every cell stays under its column.
        yield [*_filled(row.cells, kept), *ours, *row.cells[len(header) :]]


def _filled(cells: Sequence[str], columns: Sequence[int]) -> Iterator[str]:
    return (cells[i] if i < len(cells) else "" for i in columns)


def _result_of(row: LeadRow, results: Mapping[int, ResultCells]) -> ResultCells:
    if row.number in results:
        return results[row.number]
    if row.duplicate_of is not None and row.duplicate_of in results:
        return shared(results[row.duplicate_of])
    return without_result(row)

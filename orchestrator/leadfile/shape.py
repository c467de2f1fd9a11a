"""What can be wrong with a row before anyone asks what its cells mean."""

from collections.abc import Iterator

from .encoding import has_broken_bytes
from .formula import looks_like_formula
from .model import Level, RowProblem
from .records import Record
from .sheet import Sheet
from .text import visible

MAX_CELL_CHARS = 100_000
"""Three times what Excel can hold; more in one cell is a mistake, such as a file pasted into it."""


def shape_problems(sheet: Sheet, record: Record) -> Iterator[RowProblem]:
    """Yield what is wrong with the shape of *record* and the characters of its cells.

    A row with too few cells is sound: the missing ones are blank.
    """
    if record.has_open_quote:
        message = "the row opens a quote that is never closed"
        yield sheet.problem(record.line, None, message, "close the quote or take it away")
    elif not any(map(visible, record.cells)):
        yield sheet.problem(record.line, None, "the row is blank", "fill it in or delete it")
    elif len(record.cells) > len(sheet.header):
        # Even where the last cells are blank: the cells before them may stand one too far right.
        message = (
            f"the row has {len(record.cells)} cells, "
            f"but the header names {len(sheet.header)} columns"
        )
        hint = "put quotes around the cell that contains the delimiter"
        yield sheet.problem(record.line, None, message, hint)
    for column, cell in enumerate(record.cells):
        yield from _cell_problems(sheet, record.line, column, cell)


def _cell_problems(sheet: Sheet, row: int, column: int, cell: str) -> Iterator[RowProblem]:
    if len(cell) > MAX_CELL_CHARS:
        message = (
            f"has {len(cell):,} characters, but {MAX_CELL_CHARS:,} is the most a cell may have"
        )
        yield sheet.problem(row, column, message, "shorten it")
    if "\0" in cell:
        yield sheet.problem(row, column, "contains NUL characters", "take them away")
    if has_broken_bytes(cell):
        message = "contains bytes that are not UTF-8, unlike the rest of the file"
        yield sheet.problem(row, column, message, "type the cell again and save as UTF-8")
    if looks_like_formula(cell):
        message = "looks like a formula to a spreadsheet"
        hint = "it is written with a leading apostrophe, which keeps it text"
        yield sheet.problem(row, column, message, hint, level=Level.WARNING)

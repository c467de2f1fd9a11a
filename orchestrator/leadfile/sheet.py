"""What all rows of one file share, so that a problem can name its file, row and field."""

from dataclasses import dataclass

from .header import Columns, LeadField
from .model import Level, RowProblem
from .text import visible


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's name and columns, and the fields without which one of its rows makes no lead."""

    file: str
    header: tuple[str, ...]
    columns: Columns
    needs: frozenset[LeadField]

    def problem(
        self,
        row: int,
        column: int | None,
        message: str,
        hint: str,
        *,
        level: Level = Level.ERROR,
    ) -> RowProblem:
        """Return a problem of one cell, or of the row as a whole where *column* is None."""
        if column is None:
            field = ""
        elif column < len(self.header) and visible(self.header[column]):
            field = visible(self.header[column])
        else:
            field = f"cell {column + 1}"
        return RowProblem(self.file, row, field, message, hint, level)

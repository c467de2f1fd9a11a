"""Results as a workbook: typed cells, a frozen header with filters, a summary, and the problems.

No more than a row of each sheet is in memory: what is written is on the disk, in temporary files.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import xlsxwriter

from agents.case import Language, Localized
from orchestrator.infra.printable import printable

from . import flaws
from .cells import guard_parts
from .conversion import typed_cells
from .csv_format import Record, read_records
from .flaws import Flaw, Level, RowProblem
from .reader import LeadFile
from .results import RESULT_COLUMNS, kept_columns

#: As the summary writes figures: `1,234`, `$0.0465`, `33%`.
_FIGURE: Final = re.compile(r"(\$?)(\d[\d,]*(?:\.\d+)?)(%?)")
#: Characters of a cell.
_MOST_TEXT: Final = 32_767
#: Our columns that are numbers; all others are texts, but for the instant.
_NUMBERS: Final = frozenset(
    f"emasai_{name}" for name in ("score", "value", "cost_usd", "uncertain_usd", "confidence")
)
_INSTANT: Final = "emasai_as_of"
_LEADS: Final = Localized(en="Leads", es="Leads")
_SUMMARY: Final = Localized(en="Summary", es="Resumen")
_PROBLEMS: Final = Localized(en="Problems", es="Problemas")
_OF_PROBLEMS: Final = (
    Localized(en="Row", es="Fila"),
    Localized(en="Kind", es="Clase"),
    Localized(en="Column", es="Columna"),
    Localized(en="Problem", es="Problema"),
    Localized(en="What to do", es="Qué hacer"),
)
_LEVELS: Final = {
    Level.ERROR: Localized(en="error", es="error"),
    Level.WARNING: Localized(en="warning", es="aviso"),
    Level.NOTE: Localized(en="note", es="nota"),
}

Cell = str | float | bool | datetime


class WorkbookResults:
    """A workbook with the rows of a lead file and our columns behind them."""

    def __init__(
        self, file: BinaryIO, lead_file: LeadFile, columns: Sequence[str], language: Language
    ) -> None:
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True, "remove_timezone": True})
        self._language, self._file = language, lead_file
        self._columns = columns
        self._kept, self._width = kept_columns(lead_file), len(lead_file.header)
        self._bold = self._book.add_format({"bold": True})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._instant = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._leads = self._sheet(_LEADS)
        # A file of rejected rows has nothing to sum up.
        self._is_whole = tuple(columns) == RESULT_COLUMNS
        if self._is_whole:
            self._summary = self._sheet(_SUMMARY)
            self._problems = self._sheet(_PROBLEMS)
        self._next = 0
        self._next_problem = 1
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, traceback: TracebackType | None
    ) -> None:
        # Also after an error: closing is what removes the temporary files.
        self._leads.autofilter(self._header, 0, max(self._header, self._next - 1), self._last)
        if self._is_whole:
            last = max(0, self._next_problem - 1)
            self._problems.autofilter(0, 0, last, len(_OF_PROBLEMS) - 1)
        self._book.close()

    def _sheet(self, name: Localized) -> Any:  # noqa: ANN401 - the library has no types
        return self._book.add_worksheet(name.in_language(self._language))

    def _begin(self) -> None:
        lead_file = self._file
        above = read_records(
            lead_file.preamble.splitlines(keepends=True), lead_file.dialect.separators
        )
        for record in above:
            self._write(self._leads, self._next, record.cells)
            self._next += 1
        names = [*(lead_file.header[i] for i in self._kept), *self._columns]
        self._header, self._last = self._next, len(names) - 1
        self._write(self._leads, self._next, names, self._bold)
        self._next += 1
        self._leads.freeze_panes(self._next, 0)
        self._leads.set_column(0, self._last, 18)
        if not self._is_whole:
            return
        titles = [title.in_language(self._language) for title in _OF_PROBLEMS]
        self._write(self._problems, 0, titles, self._bold)
        self._problems.freeze_panes(1, 0)
        self._problems.set_column(3, 4, 60)
        self._summary.set_column(0, 0, 24)

    def row(self, record: Record, ours: Sequence[str]) -> None:
        """Write a row and our cells beside it."""
        own: Sequence[Cell] = record.cells
        if self._file.is_workbook and record.text:
            own = list(typed_cells(record.text))
        cells: list[Cell] = [own[i] if i < len(own) else "" for i in self._kept]
        cells += map(self._typed, self._columns, ours)
        cells += own[self._width :]
        self._write(self._leads, self._next, cells)
        self._next += 1
        for number, cell in enumerate(cells):
            if isinstance(cell, str) and len(cell) > _MOST_TEXT:
                names = self._file.header
                column = names[self._kept[number]] if number < len(self._kept) else ""
                flaw = Flaw(flaws.CUT, f"{len(cell):,}")
                file = self._file.sheet.file
                level = Level.WARNING
                self.problem(RowProblem(file, record.line, column, flaw, level))

    def _typed(self, column: str, cell: str) -> Cell:
        if not cell:
            return ""
        if column in _NUMBERS:
            return float(cell)
        if column == _INSTANT:
            return datetime.fromisoformat(cell).astimezone(UTC)
        return guard_parts(printable(cell))

    def problem(self, problem: RowProblem) -> None:
        """Write a problem of a row."""
        if not self._is_whole:
            return
        language = self._language
        cells: list[Cell] = [
            float(problem.row),
            _LEVELS[problem.level].in_language(language),
            problem.field,
            problem.flaw.message(language),
            problem.flaw.hint(language),
        ]
        self._write(self._problems, self._next_problem, cells)
        self._next_problem += 1

    def summary(self, lines: Iterable[tuple[str, str, str]]) -> None:
        """Write the figures of the run, each with its name and a remark."""
        for row, (name, figure, remark) in enumerate(lines):
            self._write(self._summary, row, (name, "", remark))
            self._write_figure(row, figure)

    def _write_figure(self, row: int, figure: str) -> None:
        """Write a count, a share or an amount as a number, so that it can be added up."""
        found = _FIGURE.fullmatch(figure)
        if found is None:
            self._summary.write_string(row, 1, figure)
            return
        dollar, number, percent = found.groups()
        decimals = "0" * len(number.partition(".")[2])
        # A dollar sign alone would be that of the reader's own currency.
        form = ('"$"' if dollar else "") + "#,##0" + ("." if decimals else "") + decimals + percent
        value = float(number.replace(",", "")) / (100 if percent else 1)
        self._summary.write_number(row, 1, value, self._book.add_format({"num_format": form}))

    def _write(
        self,
        sheet: Any,  # noqa: ANN401 - as above
        row: int,
        cells: Sequence[Cell],
        form: Any = None,  # noqa: ANN401
    ) -> None:
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                if cell:
                    text = cell[:_MOST_TEXT].encode("utf-8", "replace").decode()
                    sheet.write_string(row, column, text, form)
            elif isinstance(cell, bool):
                sheet.write_boolean(row, column, cell)
            elif isinstance(cell, datetime):
                is_date = not (cell.hour or cell.minute or cell.second)
                sheet.write_datetime(row, column, cell, self._date if is_date else self._instant)
            else:
                sheet.write_number(row, column, cell)

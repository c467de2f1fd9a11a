"""The columns that a run adds to a lead file, and the file written again with them.

Columns, order, row count, encoding, delimiter, quoting and line ends are those of the input. Result
columns of an earlier run are replaced. What differs on purpose: blank lines are not kept, rows with
too few cells are filled up, and cells that a spreadsheet would run are guarded, in the columns of
results every part of one that another delimiter would make a cell (see `cells`).
A character of a result that the encoding lacks becomes its closest ASCII: the file stays readable
for whatever reads the original.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from orchestrator.infra.printable import printable

from .cells import guard, guard_parts, visible
from .csv_format import Record
from .reader import LeadFile
from .rows import LeadRow, Level

PREFIX = "emasai_"


@dataclass(frozen=True, slots=True)
class ResultCells:
    """One row's result, as text for people; "" where unknown.

    `as_of` is an ISO 8601 instant in UTC, `cost_usd` a decimal number of dollars, and so is
    `uncertain_usd`: what a purchase of the company may have cost whose answer was lost. What
    follows is known of the company: see `orchestrator.evidence.columns`.
    """

    status: str
    company_key: str = ""
    viable: str = ""
    score: str = ""
    value: str = ""
    currency: str = ""
    next_step: str = ""
    reason: str = ""
    outcome_source: str = ""
    as_of: str = ""
    cost_usd: str = ""
    uncertain_usd: str = ""
    website: str = ""
    sector: str = ""
    size: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""
    confidence: str = ""
    source_urls: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of `RESULT_COLUMNS`."""
        cells: tuple[str, ...] = _in_order(self)
        return cells


_NAMES = tuple(field.name for field in fields(ResultCells))
# Not `astuple`, which copies each text deeply: there may be a million rows.
_in_order = attrgetter(*_NAMES)
RESULT_COLUMNS = tuple(PREFIX + name for name in _NAMES)

_INVALID = "invalid"
_PENDING = "pending"
_NO_COST = "0"


def without_result(row: LeadRow) -> ResultCells:
    """Return the cells of a row that has no result: why it can't have one, or not yet."""
    if row.lead is None:
        errors = (str(problem) for problem in row.problems if problem.level is Level.ERROR)
        return ResultCells(_INVALID, reason=". ".join(errors))
    return ResultCells(
        _PENDING, row.lead.company_key, reason="not finished; run the same command again"
    )


def shared(result: ResultCells) -> ResultCells:
    """Return the result as a repetition of its row shows it: paid once, so not paid again."""
    return replace(result, cost_usd=_NO_COST, uncertain_usd=_NO_COST)


class ResultTable:
    """A lead file with results, line by line as the bytes of the output."""

    def __init__(self, lead_file: LeadFile) -> None:
        self._encoding, self._dialect = lead_file.encoding, lead_file.dialect
        self._header, self._preamble = lead_file.header, lead_file.preamble
        self._kept = [
            i for i, name in enumerate(self._header) if visible(name) not in RESULT_COLUMNS
        ]

    def beginning(self) -> bytes:
        """Return the byte order mark, if there is one, the lines above the header, and it."""
        names = [*(self._header[i] for i in self._kept), *RESULT_COLUMNS]
        above = self._encoding.bom + self._encoding.encode(self._preamble)
        return above + self._line(names)

    def row(self, record: Record, result: ResultCells) -> bytes:
        """Return the line of a row and its *result*."""
        cells = record.cells
        # Most cells are blank, and blanks need no guard: there may be a million rows.
        ours = (cell and self._safe(cell) for cell in result.cells())
        # Surplus cells go behind the results, so that every cell stays under its column.
        return self._line([*self._filled(cells), *ours, *cells[len(self._header) :]])

    def _safe(self, cell: str) -> str:
        return guard_parts(self._encoding.representable(printable(cell)))

    def _filled(self, cells: Sequence[str]) -> Iterator[str]:
        return (cells[i] if i < len(cells) else "" for i in self._kept)

    def _line(self, cells: Sequence[str]) -> bytes:
        return self._encoding.encode(self._dialect.line([cell and guard(cell) for cell in cells]))

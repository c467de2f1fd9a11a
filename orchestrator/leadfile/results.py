"""The columns that a run adds to a lead file, and the file written again with them.

What is the user's own stays as it is, byte for byte: encoding, delimiter, quotes and line end of
each row. UTF-8 beyond ASCII gets a byte order mark if it had none, without which Excel reads it as
Windows-1252. Result columns follow it; those of an earlier run are replaced. What differs on
purpose: blank lines are not kept, rows with too few cells are filled up, and cells behind the last
column go behind the results, so that every cell stays under its column. A character of a result
that the encoding lacks becomes its closest ASCII, and a result that a spreadsheet would run is
guarded, with every part of it that another delimiter would make a cell (see `cells`).
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from agents.case import Language, Localized
from orchestrator.infra.printable import printable

from . import file_flaws
from .cells import guard_parts, visible
from .csv_format import Record
from .encodings import Encoding
from .files import LeadFileError, check_writable, put_before, replacing
from .flaws import Level, RowProblem
from .reader import LeadFile
from .rows import LeadRow

PREFIX = "emasai_"


@dataclass(frozen=True, slots=True)
class ResultCells:
    """One row's result, as text for people; "" where unknown.

    `as_of` is an ISO 8601 instant in UTC, `cost_usd` a decimal number of dollars, and so is
    `uncertain_usd`: what a purchase of the company may have cost whose answer was lost. What
    follows is known of the company: see `orchestrator.handlers.result`. `warnings` are of the row.
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
    warnings: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of `RESULT_COLUMNS`."""
        cells: tuple[str, ...] = _in_order(self)
        return cells


_NAMES = tuple(field.name for field in fields(ResultCells))
# Not `astuple`, which copies each text deeply: there may be a million rows.
_in_order = attrgetter(*_NAMES)
RESULT_COLUMNS = tuple(PREFIX + name for name in _NAMES)

#: Of the file of rejected rows.
REASON_COLUMN = f"{PREFIX}reason"
_INVALID = "invalid"
_PENDING = "pending"
_NO_COST = "0"
_NOT_FINISHED: Final = Localized(
    en="not finished; run the same command again", es="sin terminar; repita el mismo comando"
)


def without_result(row: LeadRow, language: Language) -> ResultCells:
    """Return the cells of a row that has no result: why it can't have one, or not yet."""
    if row.lead is None:
        return ResultCells(_INVALID, reason=said_of(row, Level.ERROR, language))
    reason = _NOT_FINISHED.in_language(language)
    return ResultCells(_PENDING, row.lead.company_key, reason=reason)


def said_of(row: LeadRow, level: Level, language: Language) -> str:
    """Return what is said about *row* on one *level*, in sentences; "" where nothing is."""
    problems = (each for each in row.problems if each.level is level)
    return ". ".join(problem.sentence(language) for problem in problems)


def shared(result: ResultCells) -> ResultCells:
    """Return the result as a repetition of its row shows it: paid once, so not paid again."""
    return replace(result, cost_usd=_NO_COST, uncertain_usd=_NO_COST)


class Results(Protocol):
    """Where the rows of a lead file go, in their order, each with what was found out."""

    def row(self, record: Record, ours: Sequence[str]) -> None:
        """Write a row and our cells beside it."""

    def problem(self, problem: RowProblem) -> None:
        """Write a problem of a row, where there is a place for it."""

    def summary(self, lines: Iterable[tuple[str, str, str]]) -> None:
        """Write the figures of the run, each with its name and a remark, where there is a place."""


class TextResults:
    """A text file in the manner of the lead file. Problems and the summary have no place in it."""

    def __init__(
        self, file: BinaryIO, lead_file: LeadFile, columns: Sequence[str] = RESULT_COLUMNS
    ) -> None:
        """Write the lines above the header, and it, to *file*, which is read too (`put_before`)."""
        self._file = file
        self._encoding, self._dialect = lead_file.encoding, lead_file.dialect
        self._width = len(lead_file.header)
        self._kept = kept_columns(lead_file)
        names = [*(lead_file.header[i] for i in self._kept), *columns]
        self._lacks_mark = self._encoding == Encoding("utf-8")
        file.write(self._encoding.bom)
        self._write(lead_file.preamble)
        self._write(self._dialect.line(names))

    def row(self, record: Record, ours: Sequence[str]) -> None:
        """Write a row and our cells beside it."""
        # Most cells are blank, and blanks need no guard: there may be a million rows.
        safe = [cell and self._safe(cell) for cell in ours]
        cells = record.cells
        if record.text and len(cells) <= self._width == len(self._kept):
            line = self._beside(record.text, self._width - len(cells), safe)
        else:
            own = (cells[i] if i < len(cells) else "" for i in self._kept)
            line = self._dialect.line([*own, *safe, *cells[self._width :]])
        self._write(line)

    def _write(self, text: str) -> None:
        data = self._encoding.encode(text)
        # Known as late as here: a file in ASCII may get an accent from any of our cells.
        if self._lacks_mark and not data.isascii():
            self._lacks_mark = False
            put_before(self._file, codecs.BOM_UTF8)
        self._file.write(data)

    def _beside(self, text: str, missing: int, ours: Sequence[str]) -> str:
        """Return the row *text* as it stands, its *missing* cells, and *ours*."""
        own = text.rstrip("\r\n")
        end = text[len(own) :]
        delimiter = self._dialect.separators.delimiter
        behind = self._dialect.line(ours).removesuffix(self._dialect.newline)
        return f"{own}{delimiter * (missing + 1)}{behind}{end or self._dialect.newline}"

    def problem(self, problem: RowProblem) -> None:
        """Write nothing."""

    def summary(self, lines: Iterable[tuple[str, str, str]]) -> None:
        """Write nothing."""

    def _safe(self, cell: str) -> str:
        return guard_parts(self._encoding.representable(printable(cell)))


def kept_columns(lead_file: LeadFile) -> list[int]:
    """Return the columns that are the user's own: all but the results of an earlier run."""
    return [i for i, name in enumerate(lead_file.header) if visible(name) not in RESULT_COLUMNS]


#: What is read and not written, and what is written in its place.
_UNWRITTEN: Final = {
    **dict.fromkeys((".xls", ".xlsb", ".xlsm", ".ods"), ".xlsx"),
    **dict.fromkeys((".json", ".ndjson", ".jsonl", ".pdf", ".gz", ".zip"), ".csv"),
}
#: Rows of a sheet, its header included.
_MOST_ROWS: Final = 1_048_576


def output_path(lead_file: LeadFile) -> Path:
    """Return where results go by default: beside the lead file, in its own format.

    `t.tsv` leads to `t.out.tsv`, `leads.csv.gz` to `leads.out.csv`, a workbook to `.out.xlsx`.
    """
    path = lead_file.path
    if path.suffix.lower() in {".gz", ".zip"}:
        path = path.with_suffix("")
    suffix = path.suffix
    if lead_file.is_workbook:
        suffix = ".xlsx"
    elif not suffix or suffix.lower() in {*_UNWRITTEN, ".xlsx"}:
        suffix = ".csv"
    return path.with_name(f"{path.stem}.out{suffix}")


def check_output(path: Path, lead_file: LeadFile) -> None:
    """Check, before any money is spent, that results of *lead_file* can be written to *path*.

    Raises:
        LeadFileError: They cannot: with the reason, in one sentence.
    """
    suffix = path.suffix.lower()
    if instead := _UNWRITTEN.get(suffix):
        raise LeadFileError.of(path, file_flaws.ONLY_READ, suffix=suffix, instead=instead)
    if suffix == ".xlsx" and lead_file.length + lead_file.begins > _MOST_ROWS:
        raise LeadFileError.of(path, file_flaws.TOO_MANY_ROWS)
    check_writable(path)


@contextmanager
def open_results(
    path: Path,
    lead_file: LeadFile,
    language: Language,
    columns: Sequence[str] = RESULT_COLUMNS,
) -> Iterator[Results]:
    """Yield where the rows of *lead_file* go; at the end of the block, that is *path*.

    Raises:
        LeadFileError: They could not be written; the old content is still there.
    """
    with replacing(path) as file:
        if path.suffix.lower() != ".xlsx":
            yield TextResults(file, lead_file, columns)
            return
        # Imported where it is needed: most files are text.
        from .workbook import WorkbookResults  # noqa: PLC0415

        with WorkbookResults(file, lead_file, columns, language) as results:
            yield results

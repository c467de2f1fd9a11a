"""A lead file being read for a job: its leads, its problems, and which row is which lead."""

from array import array
from collections.abc import Iterator
from time import monotonic
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestrator.cli.console import err
from orchestrator.cli.follow import LINE_S
from orchestrator.cli.problems import ProblemList
from orchestrator.leadfile import LeadFields, LeadFile

#: What stands in place of a number for a row that makes no lead.
NO_LEAD = 2**32 - 1
#: Rows read between two looks at the clock.
_STRIDE = 1_000


class Reading:
    """One pass over the rows of a file.

    `numbers` has, for each row that was read, the number of its lead, or `NO_LEAD`: four bytes
    a row, by which its result is found again.
    """

    def __init__(self, lead_file: LeadFile, *, quiet: bool) -> None:
        self._file = lead_file
        self._quiet = quiet
        self.numbers = array("I")
        self.leads = 0

    @property
    def invalid_rows(self) -> int:
        """How many rows make no lead."""
        return self.numbers.count(NO_LEAD)

    def read(self) -> Iterator[LeadFields]:
        """Yield the leads in order, each once; show problems and progress on the way."""
        problems = ProblemList()
        with _Bar(self._file.length, quiet=self._quiet) as bar:
            for row in self._file.rows():
                problems.show(row.problems)
                number = NO_LEAD if row.lead_number is None else row.lead_number
                self.numbers.append(number)
                if len(self.numbers) % _STRIDE == 0:
                    bar.show(len(self.numbers))
                if row.lead is not None and not row.is_repetition:
                    self.leads += 1
                    yield row.lead
        problems.end()


class _Bar:
    """A bar on a terminal while a file is read, a line now and then elsewhere."""

    def __init__(self, rows: int, *, quiet: bool) -> None:
        self._rows = rows
        self._quiet = quiet
        self._bar = Progress(
            TextColumn("reading"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rows, left"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=quiet or not err.is_terminal,
        )
        self._task = self._bar.add_task("", total=rows)
        self._last_line = monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, read: int) -> None:
        """Bring the display up to date."""
        self._bar.update(self._task, completed=read)
        now = monotonic()
        if not self._quiet and not err.is_terminal and now - self._last_line > LINE_S:
            self._last_line = now
            err.print(f"{read:,}/{self._rows:,} rows read")

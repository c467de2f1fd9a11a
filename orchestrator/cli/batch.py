"""A lead file as a job: read, submitted, followed, and written back with its results.

Of the file a few thousand rows are in memory at a time, on the way in and on the way out.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final, Self, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import err, notice, out, print_json
from orchestrator.cli.costs import States, as_json_list, read_states, show_warnings
from orchestrator.cli.follow import LINE_S, follow
from orchestrator.cli.options import Terms
from orchestrator.cli.session import Patience, patiently
from orchestrator.cli.summary import Counting, Summary, summary_table, verdict
from orchestrator.dispatch import submit_stream
from orchestrator.handlers import ItemResult, ItemStatus, LeadResult
from orchestrator.infra.background import raise_if_cancelled
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.jobs import Job, JobKind, NewJob, Origin
from orchestrator.leadfile import (
    LeadFields,
    LeadFile,
    Level,
    ResultCells,
    ResultTable,
    RowProblem,
    replacing,
    shared,
    without_result,
)

#: Problems shown in full; all of them stand in the output file.
SHOWN = 20

_STYLE = {Level.ERROR: "red", Level.WARNING: "yellow"}


class ProblemList:
    """Prints one sentence for each problem as it is met, errors and warnings apart by colour."""

    def __init__(self) -> None:
        self._met = 0

    def show(self, problems: Iterable[RowProblem]) -> None:
        """Print those of *problems* that there is room for."""
        for problem in problems:
            self._met += 1
            if self._met <= SHOWN:
                err.print(f"{problem}.", style=_STYLE[problem.level])

    def end(self) -> None:
        """Say how many there are more."""
        if self._met > SHOWN:
            more = self._met - SHOWN
            err.print(f"... and {more} more; the output file has a reason for each.")


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


T = TypeVar("T")
#: Rows that are handed over, or written, together.
PART: Final = 2_000


@dataclass(frozen=True, slots=True)
class Batch:
    """What is done with the leads of a file.

    `item_of` names the item that a lead becomes, `model` is what comes of it. `prepare` is
    called with leads before their items are handed over.
    """

    lead_file: LeadFile
    kind: JobKind
    item_of: Callable[[LeadFields], str]
    model: type[ItemResult]
    terms: Terms
    prepare: Callable[[Runtime, Sequence[LeadFields]], Awaitable[None]] | None = None

    def new_job(self, parts: Runtime) -> NewJob:
        """Return the request, whose items are handed in part by part."""
        return NewJob(
            self.kind,
            (),
            self.terms.tenant_of(parts),
            self.terms.max_cost_micros,
            origin=Origin.CLI,
            deadline=self.terms.deadline,
            about=self.lead_file.path.name,
            policy=parts.leads.policy_version if self.kind is JobKind.PIPELINE else None,
            buy_again=self.terms.buy_again,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch, and what it has left of the budgets. No job if no row was usable."""

    job: Job | None
    summary: Summary
    budgets: States


async def work_through(parts: Runtime, batch: Batch, target: Path, *, quiet: bool) -> Outcome:
    """Have the workers do *batch*, and write the file with its results to *target*.

    After Ctrl-C the file is written too, with what is there; the rest is `pending` and goes on
    when the same command runs again.
    """
    patience = Patience()
    try:
        reading, job = await patiently(lambda: _accepted(parts, batch, quiet=quiet), patience)
    except asyncio.CancelledError:
        err.print(_BROKEN_OFF)
        raise
    if job is not None:
        job = await follow(parts, job, quiet=quiet)
    # Its results are read again where a server is away in the middle of them.
    summary = await patiently(lambda: _write_back(parts, batch, reading, job, target), patience)
    context = None if job is None else job.context
    return Outcome(job, summary, await patiently(lambda: read_states(parts, context), patience))


_BROKEN_OFF = "Stopped while the file was being read: nothing was accepted, and nothing bought."


async def _accepted(parts: Runtime, batch: Batch, *, quiet: bool) -> tuple[Reading, Job | None]:
    """Hand the file over; asked for again, it is the same job, as long as that is not finished."""
    reading = Reading(batch.lead_file, quiet=quiet)
    return reading, await _submit(parts, batch, reading)


async def _submit(parts: Runtime, batch: Batch, reading: Reading) -> Job | None:
    """Hand the leads of the file over as a job; without any there is none."""
    items = _items(parts, batch, reading)
    first = await anext(items, None)
    if first is None:
        return None
    return await submit_stream(parts, batch.new_job(parts), _behind(first, items))


async def _items(parts: Runtime, batch: Batch, reading: Reading) -> AsyncIterator[list[str]]:
    for leads in in_parts(reading.read()):
        if batch.prepare is not None:
            await batch.prepare(parts, leads)
        yield [batch.item_of(lead) for lead in leads]
        raise_if_cancelled()


async def _behind(first: T, others: AsyncIterator[T]) -> AsyncIterator[T]:
    yield first
    async for other in others:
        yield other


async def _write_back(
    parts: Runtime, batch: Batch, reading: Reading, job: Job | None, target: Path
) -> Summary:
    """Write the file with the results of *job*, and count them."""
    table, counting = ResultTable(batch.lead_file), Counting()
    leads = 0
    with replacing(target) as file:
        file.write(table.beginning())
        for rows in in_parts(zip(batch.lead_file.records(), reading.numbers, strict=True)):
            results = await _results(parts, batch, job, {number for _, number in rows})
            for record, number in rows:
                result = results.get(number)
                is_first = number == leads
                leads += is_first
                if result is None:
                    cells = without_result(batch.lead_file.read(record))
                else:
                    cells = _cells(result, parts, is_first=is_first)
                    if is_first:
                        counting.add(result)
                file.write(table.row(record, cells))
    return counting.summary(
        rows=len(reading.numbers), invalid_rows=reading.invalid_rows, items=reading.leads
    )


async def _results(
    parts: Runtime, batch: Batch, job: Job | None, numbers: set[int]
) -> dict[int, ItemResult]:
    if job is None:
        return {}
    rows = sorted(numbers - {NO_LEAD})
    found = await parts.jobs.results.some(job, rows, with_evidence=False)
    return {number: batch.model.model_validate(result) for number, result in found.items()}


def _cells(result: ItemResult, parts: Runtime, *, is_first: bool) -> ResultCells:
    cells = cells_of(result, parts.settings.language)
    return cells if is_first else shared(cells)


def in_parts(things: Iterable[T], size: int = PART) -> Iterator[list[T]]:
    """Yield *things* some at a time."""
    iterator = iter(things)
    while part := list(islice(iterator, size)):
        yield part


def cells_of(result: ItemResult, language: Language) -> ResultCells:
    """Return the cells that say how *result* ended."""
    lead = result if isinstance(result, LeadResult) else None
    draft = None if lead is None else lead.draft
    viable = None if lead is None else lead.viable
    return ResultCells(
        status=result.status,
        company_key=result.company_key or "",
        viable="" if viable is None else _YES_NO[language][viable],
        score="" if lead is None or lead.score is None else str(lead.score),
        value="" if draft is None else str(draft.value.amount),
        currency="" if draft is None else draft.value.currency,
        next_step="" if draft is None else draft.next_step.in_language(language),
        reason="" if result.reason is None else result.reason.in_language(language),
        outcome_source=_outcome_of(result),
        as_of="" if result.as_of is None else result.as_of.isoformat(timespec="seconds"),
        cost_usd=f"{result.cost_micros / MICROS_PER_USD:.6f}",
        uncertain_usd=f"{result.uncertain_micros / MICROS_PER_USD:.6f}",
    )


def _outcome_of(result: ItemResult) -> str:
    is_unknown = result.found is False and result.status is not ItemStatus.AMBIGUOUS
    return "not_found" if is_unknown else result.source or ""


_YES_NO = {"en": {True: "yes", False: "no"}, "es": {True: "sí", False: "no"}}


def finish(outcome: Outcome, target: Path, *, items: str, as_json: bool) -> None:
    """Print what came of a batch and exit with what it comes to."""
    summary = outcome.summary
    if as_json:
        job_id = outcome.job and outcome.job.job_id
        about = {"job_id": job_id, "output": str(target), **summary.as_json()}
        print_json({**about, "budgets": as_json_list(outcome.budgets)})
    else:
        out.print(summary_table(summary, items=items))
        out.print(f"Results are in {target}.", soft_wrap=True)
        sentence = verdict(summary)
        if sentence:
            out.print(sentence, style="green")
        show_warnings(outcome.budgets)
    if summary.pending:
        notice(f"{summary.pending} are not finished.", _PENDING)
    raise typer.Exit(summary.exit_code)


_PENDING = "They stay accepted: run the same command again, and it goes on from here."

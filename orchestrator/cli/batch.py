"""A lead file as a job: read, submitted, followed, and written back with its results.

Of the file a few thousand rows are in memory at a time, on the way in and on the way out.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from agents.case import Lead
from orchestrator.app import Runtime
from orchestrator.cli.console import (
    err,
    figures,
    notice,
    number,
    out,
    print_json,
    print_sentence,
    table,
)
from orchestrator.cli.costs import show_warnings
from orchestrator.cli.installation import WORKERS
from orchestrator.cli.session import Patience, ProgressDisplay, follow, patiently, with_runtime
from orchestrator.cli.spanish import language, translate
from orchestrator.cli.summary import (
    Estimate,
    Summary,
    estimate,
    show_estimate,
    summary_lines,
    verdict,
)
from orchestrator.dispatch import Terms, submit_stream
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers import ItemResult, ItemStatus, LeadResult, ResultReader, evidence_key
from orchestrator.handlers.lead import WantedCompany, leads_asked
from orchestrator.handlers.result import CompanyColumns, EvidenceKey
from orchestrator.identity import mention_of
from orchestrator.infra.background import raise_if_cancelled
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.jobs import Job, JobKind, NewJob, Origin
from orchestrator.leadfile import (
    REASON_COLUMN,
    LeadField,
    LeadFields,
    LeadFile,
    LeadRow,
    Level,
    Problems,
    ResultCells,
    RowProblem,
    check_output,
    lead_from,
    open_results,
    output_path,
    said_of,
    shared,
    without_result,
)
from orchestrator.leads import Imported, ImportReport, OnConflict
from orchestrator.spending import Budgets, budgets_json, read_budgets

T = TypeVar("T")
#: Rows that are submitted, or written, together.
PART: Final = 2_000
#: The number of a row that makes no lead.
NO_LEAD: Final = 2**32 - 1
#: Companies whose columns are remembered from part to part: 0.9 kB each.
KNOWN: Final = 2_000
#: Kinds of problems that are printed.
SHOWN: Final = 30
#: Rows read between two updates of the progress.
_STRIDE: Final = 1_000

#: Leads that are shown before anything is bought.
_FIRST: Final = 5
_STYLE: Final = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "dim"}
_NOT_ACCEPTED = "Stopped while the file was being read: nothing was accepted, and nothing bought."
_MAYBE_ACCEPTED = (
    "Stopped while the job was being accepted. `emasai jobs list` shows whether it was; the same "
    "command continues it, and buys nothing twice."
)
#: What the items of a job are called.
_ITEMS: Final = {JobKind.PIPELINE: "leads", JobKind.ENRICH: "companies"}
_PENDING = "They stay accepted: run the same command again to continue."


@dataclass(frozen=True, slots=True)
class LeadImport:
    """How leads of a file are stored, or would be."""

    on_conflict: OnConflict = OnConflict.REPLACE

    async def store(self, runtime: Runtime, some: Sequence[LeadFields]) -> Imported:
        """Store *some* leads, and return what they have become."""
        leads = [lead_from(each) for each in some]
        return await runtime.leads.store.import_leads(leads, on_conflict=self.on_conflict)

    async def preview(
        self, runtime: Runtime, some: Sequence[LeadFields]
    ) -> tuple[list[Lead], Imported]:
        """Return what *some* leads would be afterwards, and what they would become."""
        leads = [lead_from(each) for each in some]
        preview = runtime.leads.store.preview_import
        return await preview(leads, on_conflict=self.on_conflict)


@dataclass(frozen=True, slots=True)
class Batch:
    """The work on the leads of a file.

    `model` is the type of the results. `leads` stores leads before their items are submitted; None
    where they are companies.
    """

    lead_file: LeadFile
    kind: JobKind
    model: type[ItemResult]
    terms: Terms
    leads: LeadImport | None = None

    def new_job(self, runtime: Runtime) -> NewJob:
        """Return the job without its items, which are submitted part by part."""
        return self.terms.new_job(
            runtime, self.kind, origin=Origin.CLI, about=self.lead_file.path.name
        )


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results go: `output` beside the lead file by default, `errors` nowhere."""

    output: Path | None = None
    errors: Path | None = None

    def checked(self, lead_file: LeadFile) -> "Outputs":
        """Return where those of *lead_file* go.

        Raises:
            LeadFileError: They could not be written.
        """
        output = self.output or output_path(lead_file)
        if output.is_dir() and self.output is not None:
            output /= output_path(lead_file).name
        for path in filter(None, (output, self.errors)):
            check_output(path, lead_file)
        return Outputs(output, self.errors)


NO_OUTPUTS: Final = Outputs()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job, the summary of its results, and its budgets. No job if there was no usable lead."""

    job: Job | None
    summary: Summary
    budgets: Budgets
    outputs: Outputs = NO_OUTPUTS

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        files = {"output": self.outputs.output, "errors": self.outputs.errors}
        return {
            "job_id": self.job and self.job.job_id,
            **{name: str(path) for name, path in files.items() if path is not None},
            **self.summary.as_json(),
            "budgets": budgets_json(self.budgets),
        }


class Reading:
    """One pass over the rows of a file; reading again starts anew.

    `numbers` has, for each row that was read, the number of its lead, or `NO_LEAD`: four bytes
    a row, by which its result is found again. `told` has, for each row, 0 without problems, 1 with
    notes only, else 2.
    `doubtful` are the numbers of the leads that may be persons who were known already.
    """

    def __init__(self, lead_file: LeadFile, *, quiet: bool) -> None:
        """Read *lead_file*, with progress unless *quiet*."""
        self._file = lead_file
        self._quiet = quiet
        self.numbers = array("I")
        self.told = bytearray()
        self.leads = 0
        self.doubtful: set[int | None] = set()
        self.imported = ImportReport()
        self.is_complete = False
        self._problems = Problems()
        self._only_doubtful = 0

    @property
    def invalid_rows(self) -> int:
        """How many rows make no lead."""
        return self.numbers.count(NO_LEAD)

    @property
    def warned_rows(self) -> int:
        """How many rows make a lead, with a warning."""
        return self.told.count(_TOLD) - self.invalid_rows + self._only_doubtful

    def read(self) -> Iterator[LeadRow]:
        """Yield the rows with different leads in order; print progress on the way."""
        self.numbers, self.leads, self.is_complete = array("I"), 0, False
        self.told, self.imported = bytearray(), ImportReport()
        self.doubtful, self._problems, self._only_doubtful = set(), Problems(), 0
        rows = self._file.length
        columns = (
            *(TextColumn(translate("reading")), BarColumn(), MofNCompleteColumn()),
            *(TextColumn(translate("rows, left")), TimeRemainingColumn()),
        )
        with ProgressDisplay(*columns, total=rows, quiet=self._quiet) as display:
            for row in self._file.rows():
                for problem in row.problems:
                    self._problems.add(problem)
                self.told.append(_TOLD if _is_told(row) else bool(row.problems))
                self.numbers.append(NO_LEAD if row.lead_number is None else row.lead_number)
                if len(self.numbers) % _STRIDE == 0:
                    read = len(self.numbers)
                    line = translate("{}/{} rows read", number(read), number(rows))
                    display.show(read, line)
                if row.lead is not None and not row.is_repetition:
                    self.leads += 1
                    yield row
        self.is_complete = True

    def known_person(self, row: LeadRow) -> RowProblem:
        """Return the warning that the lead of *row* may be a person who was known already."""
        contact = None if row.lead is None else row.lead.contact
        return self._file.sheet.known_person(row.number, contact)

    def note(self, rows: Sequence[LeadRow], imported: Imported) -> None:
        """Count what the leads of *rows* have become; those in doubt get a warning."""
        self.imported += imported.report
        for row, lead_id in zip(rows, imported.ids, strict=True):
            if lead_id in imported.doubtful:
                self.doubtful.add(row.lead_number)
                self._only_doubtful += not _is_told(row)
                self._problems.add(self.known_person(row))

    def show_problems(self) -> None:
        """Print what is wrong with the file, after it was read."""
        for phrase in self._file.left_out:
            headline = translate("{}, not read as rows:", self._file.path)
            notice(headline, f"{phrase.in_language(language())}.")
        sentences = list(self._problems.sentences(language()))
        for level, sentence in sentences[:SHOWN]:
            err.print(sentence, style=_STYLE[level])
        if len(sentences) > SHOWN:
            more = len(sentences) - SHOWN
            err.print(translate("... and {} more kinds of problems.", number(more)))


#: Of a row with errors or warnings.
_TOLD: Final = 2


def _is_told(row: LeadRow) -> bool:
    return any(each.level is not Level.NOTE for each in row.problems)


def run_file(batch: Batch, outputs: Outputs, *, items: str, dry_run: bool, as_json: bool) -> None:
    """Do *batch*, print its outcome, and exit; in a dry run, print what it would buy."""

    async def look(runtime: Runtime) -> Estimate:
        if not as_json:
            show_reading(lead_file)
        return await look_at(runtime, batch, quiet=as_json)

    async def work(runtime: Runtime) -> Outcome:
        return await run_batch(runtime, batch, outputs, quiet=as_json)

    lead_file = batch.lead_file
    if dry_run:
        show_estimate(with_runtime(look), as_json=as_json)
        return
    outputs = outputs.checked(lead_file)
    finish(with_runtime(work, workers=WORKERS), items=items, as_json=as_json)


async def look_at(runtime: Runtime, batch: Batch, *, quiet: bool) -> Estimate:
    """Return what doing *batch* would buy; print what is wrong with its file."""
    reading = Reading(batch.lead_file, quiet=quiet)
    found = await preview(runtime, batch, reading, max_cost_micros=batch.terms.max_cost_micros)
    reading.show_problems()
    return found


async def preview(
    runtime: Runtime, batch: Batch, reading: Reading, *, max_cost_micros: int | None
) -> Estimate:
    """Return what doing *batch* would buy, and what it would change of stored leads."""

    async def asked() -> AsyncIterator[list[WantedCompany]]:
        for some in in_parts(reading.read()):
            fields = [row.lead for row in some if row.lead is not None]
            if batch.leads is None:
                yield [(mention_of(each), wants_profile) for each in fields]
                continue
            leads, imported = await batch.leads.preview(runtime, fields)
            reading.note(some, imported)
            yield [*leads_asked(runtime.leads.pipeline, leads, runtime.clock())]

    rows = batch.lead_file.length
    found = await estimate(runtime, asked(), rows=rows, max_cost_micros=max_cost_micros)
    return found if batch.leads is None else replace(found, imported=reading.imported)


async def run_batch(runtime: Runtime, batch: Batch, outputs: Outputs, *, quiet: bool) -> Outcome:
    """Have the workers do *batch*, and write the files with its results.

    After Ctrl-C the file is written too, with the results so far; the other rows are `pending`,
    and the same command continues them.
    """
    patience, reading = Patience(), Reading(batch.lead_file, quiet=quiet)
    try:
        # Submitting again finds the same job, unless that is finished.
        job = await patiently(lambda: _submit(runtime, batch, reading), patience)
    except asyncio.CancelledError:
        err.print(translate(_MAYBE_ACCEPTED if reading.is_complete else _NOT_ACCEPTED))
        raise
    if job is not None:
        job = await follow(runtime, job, quiet=quiet)
    # Starts anew where a backend becomes unavailable in the middle.
    summary = await patiently(lambda: _write_back(runtime, batch, reading, job, outputs), patience)
    context = None if job is None else job.context
    budgets = await patiently(lambda: read_budgets(runtime, context), patience)
    return Outcome(job, summary, budgets, outputs)


async def _submit(runtime: Runtime, batch: Batch, reading: Reading) -> Job | None:
    """Submit the leads of the file as a job; None without any."""
    items = _items(runtime, batch, reading)
    first = await anext(items, None)
    if first is None:
        return None

    async def all_items() -> AsyncIterator[list[str]]:
        yield first
        async for some in items:
            yield some

    return await submit_stream(runtime, batch.new_job(runtime), all_items())


async def _items(runtime: Runtime, batch: Batch, reading: Reading) -> AsyncIterator[list[str]]:
    for rows in in_parts(reading.read()):
        leads = [row.lead for row in rows if row.lead is not None]
        if batch.leads is None:
            yield [mention_of(lead).text for lead in leads]
        else:
            imported = await batch.leads.store(runtime, leads)
            reading.note(rows, imported)
            yield list(map(str, imported.ids))
        raise_if_cancelled()
    reading.show_problems()


async def _write_back(
    runtime: Runtime, batch: Batch, reading: Reading, job: Job | None, outputs: Outputs
) -> Summary:
    """Write the file with the results of *job*, and count them."""
    lead_file = batch.lead_file
    known = KnownCompanies(runtime.jobs.results)
    imported = None if batch.leads is None else reading.imported
    summary = Summary(
        len(reading.numbers), reading.invalid_rows, reading.leads, imported, reading.warned_rows
    )
    leads = 0
    with ExitStack() as files:
        results = files.enter_context(
            open_results(outputs.output or output_path(lead_file), lead_file, language())
        )
        rejected = None
        if outputs.errors is not None:
            opened = open_results(outputs.errors, lead_file, language(), (REASON_COLUMN,))
            rejected = files.enter_context(opened)
        rows = zip(lead_file.records(), reading.numbers, reading.told, strict=True)
        for some in in_parts(rows):
            found = await _results(runtime, batch, job, {number for _, number, _ in some})
            await known.read(found.values())
            for record, number, told in some:
                result = found.get(number)
                is_first = number == leads
                leads += is_first
                is_doubtful = is_first and number in reading.doubtful
                is_read = bool(told) or is_doubtful or result is None
                row = lead_file.read(record) if is_read else None
                if row is not None and is_doubtful:
                    row = replace(row, problems=(*row.problems, reading.known_person(row)))
                if result is None:
                    cells = without_result(row or lead_file.read(record), language())
                else:
                    cells = cells_of(result, known.of(result))
                    if is_first:
                        summary.add(result)
                    else:
                        cells = shared(cells)
                if row is not None:
                    warnings = said_of(row, Level.WARNING, language())
                    cells = replace(cells, warnings=warnings)
                    for problem in row.problems:
                        results.problem(problem)
                    if rejected is not None and row.lead is None:
                        rejected.row(record, (cells.reason,))
                results.row(record, cells.cells())
        lines = summary_lines(summary, _ITEMS[batch.kind])
        results.summary((translate(name), count, remark) for name, count, remark in lines)
    return summary


async def _results(
    runtime: Runtime, batch: Batch, job: Job | None, numbers: set[int]
) -> dict[int, ItemResult]:
    if job is None:
        return {}
    found = await runtime.jobs.results.some(job, sorted(numbers - {NO_LEAD}), with_evidence=False)
    return {number: batch.model.model_validate(result) for number, result in found.items()}


class KnownCompanies:
    """What is known of the companies of results, read once for each while there is room."""

    def __init__(self, reader: ResultReader) -> None:
        self._reader = reader
        self._columns: dict[EvidenceKey, CompanyColumns] = {}

    async def read(self, results: Iterable[ItemResult]) -> None:
        """Read about the companies of *results*, so that `of` knows them."""
        if len(self._columns) > KNOWN:
            self._columns.clear()
        missing = [each for each in results if evidence_key(each) not in self._columns]
        self._columns |= await self._reader.columns(missing)

    def of(self, result: ItemResult) -> CompanyColumns:
        """Return what is known of the company of *result*, nothing where there is no evidence."""
        return self._columns.get(evidence_key(result), _NOTHING)


_NOTHING: Final = CompanyColumns()
_KNOWN: Final = tuple(field.name for field in fields(CompanyColumns))


def cells_of(result: ItemResult, known: CompanyColumns = _NOTHING) -> ResultCells:
    """Return the cells of the lead file for *result* and what is *known* of its company."""
    lead = result if isinstance(result, LeadResult) else None
    draft = None if lead is None else lead.draft
    viable = None if lead is None else lead.viable
    return ResultCells(
        status=result.status,
        company_key=result.company_key or "",
        viable="" if viable is None else translate("yes" if viable else "no"),
        score="" if lead is None or lead.score is None else str(lead.score),
        value="" if draft is None else str(draft.value.amount),
        currency="" if draft is None else draft.value.currency,
        next_step="" if draft is None else draft.next_step.in_language(language()),
        reason="" if result.reason is None else result.reason.in_language(language()),
        outcome_source=_source_of(result),
        as_of="" if result.as_of is None else result.as_of.isoformat(timespec="seconds"),
        cost_usd=f"{result.cost_micros / MICROS_PER_USD:.6f}",
        uncertain_usd=f"{result.uncertain_micros / MICROS_PER_USD:.6f}",
        **{name: getattr(known, name) for name in _KNOWN},
    )


def _source_of(result: ItemResult) -> str:
    """Return where the evidence came from; for a company without any, what became of the search."""
    if result.found is None and result.source is not None:
        return "unknown"
    if result.found is False and result.status is not ItemStatus.AMBIGUOUS:
        return "not_found"
    return result.source or ""


def finish(outcome: Outcome, *, items: str, as_json: bool, about: str = "") -> None:
    """Print the outcome of a job, and exit with its exit code.

    *items* is the word for its items, *about* its subject.
    """
    if as_json:
        print_json(outcome.as_json())
    else:
        show_outcome(outcome, items=items, about=about)
    if pending := outcome.summary.pending:
        notice(translate("{} are not finished.", number(pending)), translate(_PENDING))
    raise typer.Exit(outcome.summary.exit_code)


def show_outcome(outcome: Outcome, *, items: str, about: str = "") -> None:
    """Print the outcome of a job for people."""
    job, summary, outputs = outcome.job, outcome.summary, outcome.outputs
    out.print(figures(summary_lines(summary, items)))
    if outputs.output is not None:
        print_sentence("Results are in {}.", outputs.output)
    if outputs.errors is not None:
        unusable = number(summary.invalid_rows)
        print_sentence("Rows that could not be used ({}) are in {}.", unusable, outputs.errors)
    if about and job is not None:
        print_sentence("Job {}: {}.", job.job_id, translate(about))
    if sentence := verdict(summary):
        out.print(sentence, style="green")
    show_warnings(outcome.budgets)


def in_parts(things: Iterable[T], size: int = PART) -> Iterator[list[T]]:
    """Yield *things* some at a time."""
    iterator = iter(things)
    while part := list(islice(iterator, size)):
        yield part


def show_reading(lead_file: LeadFile) -> None:
    """Print which columns hold what, which are not read, and the first leads."""
    columns = table("field", "column")
    for field, names in lead_file.mapping.items():
        known = translate(" (by its cells)") if field in lead_file.by_cells else ""
        columns.add_row(field, translate(", else ").join(names) + known)
    out.print(columns)
    if ignored := [name for name in lead_file.ignored if name]:
        print_sentence("Not read: {}.", ", ".join(ignored))
    fields = [field for field in LeadField if field in lead_file.mapping]
    leads = table("row")
    for field in fields:  # as `--column` has their names
        leads.add_column(field)
    rows = (row for row in lead_file.rows() if row.lead is not None)
    for row in islice(rows, _FIRST):
        leads.add_row(str(row.number), *(getattr(row.lead, field) or "" for field in fields))
    out.print(leads)

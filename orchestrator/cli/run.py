"""`emasai run`: leads of files, or stored leads, go through the whole pipeline.

Several files, or those of a folder, are done one after another, each with results of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from orchestrator.app import Runtime
from orchestrator.dispatch import Terms, spent_by
from orchestrator.handlers import LeadResult
from orchestrator.jobs import JobKind
from orchestrator.leadfile import FOR_PIPELINE, LeadField, LeadFileError, file_flaws, read_lead_file
from orchestrator.leads import OnConflict

from .batch import Batch, LeadImport, Outcome, Outputs, look_at, run_batch, run_file, show_outcome
from .console import Exit, notice, out, print_error, print_json
from .installation import WORKERS
from .options import (
    AsJson,
    BuyAgain,
    ColumnNames,
    Deadline,
    DryRun,
    EncodingName,
    ErrorsFile,
    MappingFile,
    MaxCost,
    OnConflictRule,
    Output,
    Required,
    Tenant,
    parse_columns,
    parse_terms,
)
from .sample import run_sample
from .session import with_runtime
from .spanish import language, translate
from .stored import CONDITIONS, Selection, estimate_stored, rejudge, run_stored
from .summary import Estimate, show_estimate


def run(  # noqa: PLR0913 - each is an option
    leads: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LEADS.csv",
            help="Lead files, or folders with such; with --rejudge one file or a job id.",
        ),
    ] = None,
    output: Output = None,
    errors: ErrorsFile = None,
    *,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    encoding: EncodingName = None,
    required: Required = None,
    on_conflict: OnConflictRule = OnConflict.REPLACE,
    max_cost: MaxCost = None,
    deadline: Deadline = None,
    tenant: Tenant = None,
    buy_again: BuyAgain = False,
    lead_ids: Annotated[
        list[UUID] | None,
        typer.Option("--lead-id", metavar="ID", help="A stored lead; may be given repeatedly."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help=f"Stored leads that meet all of: {CONDITIONS}."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--rejudge", help="Judge stored leads by the current rules; buys nothing."),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=1000,
            help="Buy for N leads, spread over the file, and say what the whole file would come "
            "to: price, yield, time.",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Enrich and judge leads: opportunities and discards, with their reasons."""
    terms = parse_terms(max_cost, deadline, tenant, buy_again=buy_again)
    if again and (max_cost or deadline or buy_again or output or errors):
        raise typer.BadParameter(
            "--rejudge buys nothing and writes no file: leave out --max-cost, --deadline, "
            "--buy-again, --output and --errors"
        )
    if sample is not None and (again or lead_ids or where or output or errors or dry_run):
        raise typer.BadParameter(
            "--sample is for a lead file and writes none: leave out --rejudge, --lead-id, "
            "--where, --output, --errors and --dry-run"
        )
    if not (again or lead_ids or where):
        if not leads:
            raise typer.BadParameter("give a lead file, --lead-id, --where or --rejudge")
        needs = FOR_PIPELINE.union(required or ())
        named = parse_columns(columns, mapping)
        opener = _Opener(terms, needs, named, encoding, LeadImport(on_conflict))
        outputs = Outputs(output, errors)
        _run_files(leads, opener, outputs, sample, dry_run=dry_run, as_json=as_json)
        return
    if output is not None or errors is not None or columns or mapping or encoding or required:
        raise typer.BadParameter(
            "--output, --errors, --column, --mapping, --encoding and --require belong to a file"
        )
    selection = Selection.of(leads or (), lead_ids or (), where or ())
    if again:
        rejudge(selection, terms, dry_run=dry_run, as_json=as_json)
    elif dry_run:
        estimate_stored(selection, terms, as_json=as_json)
    else:
        run_stored(selection, terms, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Opener:
    """How lead files are read, and what is done with their leads."""

    terms: Terms
    needs: frozenset[LeadField]
    columns: Mapping[LeadField, Sequence[str]]
    encoding: str | None
    leads: LeadImport

    def __call__(self, path: Path, cap_micros: int | None) -> Batch:
        """Return the batch of a file, which may cost this much.

        Raises:
            LeadFileError: The file cannot be used.
        """
        lead_file = read_lead_file(
            path, needs=self.needs, columns=self.columns, encoding=self.encoding
        )
        terms = replace(self.terms, max_cost_micros=cap_micros)
        return Batch(lead_file, JobKind.PIPELINE, LeadResult, terms, self.leads)


def _run_files(
    names: Sequence[str],
    opener: _Opener,
    outputs: Outputs,
    sample: int | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    paths, cap = lead_files(names), opener.terms.max_cost_micros
    if len(paths) == 1:
        batch = opener(paths[0], cap)
        if sample is not None:
            run_sample(batch, sample, as_json=as_json)
        run_file(batch, outputs, items="leads", dry_run=dry_run, as_json=as_json)
    elif sample is not None:
        raise typer.BadParameter("--sample is for one file")
    elif dry_run:
        estimate_files(paths, opener, cap_micros=cap, as_json=as_json)
    else:
        run_files(paths, opener, outputs, cap_micros=cap, items="leads", as_json=as_json)


#: Suffixes of what may be a lead file.
SUFFIXES: Final = (
    *(".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xls", ".ods"),
    *(".json", ".ndjson", ".jsonl", ".gz", ".zip"),
)
#: From the worst on.
_WORST_FIRST: Final = (Exit.FAILED, Exit.BUDGET, Exit.PARTLY, Exit.DONE)
#: A file, and what may still be spent on it, None without a limit.
OpenBatch = Callable[[Path, int | None], Batch]


def lead_files(names: Sequence[str]) -> list[Path]:
    """Return the files of *names*, those of a folder in the order of their names.

    Hidden files of a folder, and results of earlier runs, are none of them.

    Raises:
        typer.BadParameter: A folder has no lead file.
    """
    paths: list[Path] = []
    for path in map(Path, names):
        if not path.is_dir():
            paths.append(path)
            continue
        found = sorted(each for each in path.iterdir() if _is_lead_file(each))
        if not found:
            raise typer.BadParameter(f"the folder {path} has no lead file")
        paths += found
    return list(dict.fromkeys(paths))


def _is_lead_file(path: Path) -> bool:
    is_own = path.name.startswith((".", "~$")) or ".out" in path.suffixes
    return not is_own and path.suffix.lower() in SUFFIXES and path.is_file()


@dataclass(slots=True)
class _Work:
    """The batches of several files, and what has become of each."""

    open_batch: OpenBatch
    outputs: Outputs
    cap_micros: int | None
    items: str
    as_json: bool
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    unusable: dict[Path, LeadFileError] = field(default_factory=dict)
    left: Sequence[Path] = ()

    async def do(self, runtime: Runtime, paths: Sequence[Path]) -> None:
        """Do the batch of each file, until the money is spent or after Ctrl-C."""
        cap = self.cap_micros
        for number, path in enumerate(paths):
            if cap is not None and cap <= 0:
                self.left = paths[number:]
                return
            try:
                batch, outputs = self._open(path, cap)
            except LeadFileError as error:
                self.unusable[path] = error
                print_error(error.sentence(language()))
                continue
            outcome = await run_batch(runtime, batch, outputs, quiet=self.as_json)
            self.outcomes[path] = outcome
            if cap is not None and outcome.job is not None:
                cap -= await spent_by(runtime, outcome.job.job_id)
            if not self.as_json:
                out.print(f"{path}:", style="bold")
                show_outcome(outcome, items=self.items)
            if outcome.summary.pending:
                self.left = paths[number + 1 :]
                return

    def _open(self, path: Path, cap: int | None) -> tuple[Batch, Outputs]:
        batch = self.open_batch(path, cap)
        outputs = self.outputs.checked(batch.lead_file)
        taken = {each.outputs.output for each in self.outcomes.values()}
        if outputs.output is not None and outputs.output in taken:
            raise LeadFileError.of(outputs.output, file_flaws.TAKEN, file=path)
        return batch, outputs

    @property
    def exit_code(self) -> Exit:
        """The exit code of the command: that of the worst file."""
        codes = {outcome.summary.exit_code for outcome in self.outcomes.values()}
        if self.unusable:
            codes.add(Exit.PARTLY if self.outcomes else Exit.FAILED)
        if self.left:
            is_stopped = any(outcome.summary.pending for outcome in self.outcomes.values())
            codes.add(Exit.PARTLY if is_stopped else Exit.BUDGET)
        return next(code for code in _WORST_FIRST if code in codes)


def run_files(
    paths: Sequence[Path],
    open_batch: OpenBatch,
    outputs: Outputs,
    *,
    cap_micros: int | None,
    items: str,
    as_json: bool,
) -> None:
    """Do the batch of each file, print the outcomes, and exit.

    A file that cannot be used is told of, and the others are done. *cap_micros* is for all of them
    together.
    """
    if outputs.errors is not None or (outputs.output is not None and not outputs.output.is_dir()):
        raise typer.BadParameter(
            "for several files --output is a folder that exists; --errors is for one file"
        )
    work = _Work(open_batch, outputs, cap_micros, items, as_json)
    with_runtime(lambda runtime: work.do(runtime, paths), workers=WORKERS)
    if as_json:
        done = [{"file": str(path), **each.as_json()} for path, each in work.outcomes.items()]
        unusable = _as_json(work.unusable)
        print_json({"files": done, "unusable": unusable, "left": list(map(str, work.left))})
    if work.left:
        left = translate("Not begun: {}.", ", ".join(map(str, work.left)))
        notice(left, translate("Run the same command again."))
    raise typer.Exit(work.exit_code)


def _as_json(unusable: Mapping[Path, LeadFileError]) -> list[dict[str, str]]:
    return [{"file": str(path), "reason": str(error)} for path, error in unusable.items()]


def estimate_files(
    paths: Sequence[Path], open_batch: OpenBatch, *, cap_micros: int | None, as_json: bool
) -> None:
    """Print what the batch of each file would buy, each as if it were the only one.

    A file that cannot be used is told of; the exit code says so.
    """
    estimates: dict[Path, Estimate] = {}
    unusable: dict[Path, LeadFileError] = {}

    async def work(runtime: Runtime) -> None:
        for path in paths:
            try:
                batch = open_batch(path, cap_micros)
                estimates[path] = await look_at(runtime, batch, quiet=as_json)
            except LeadFileError as error:
                unusable[path] = error
                print_error(error.sentence(language()))

    with_runtime(work)
    if as_json:
        found = [{"file": str(path), **each.as_json()} for path, each in estimates.items()]
        print_json({"files": found, "unusable": _as_json(unusable)})
    else:
        for path, estimate in estimates.items():
            out.print(f"{path}:", style="bold")
            show_estimate(estimate, as_json=False)
    if unusable:
        raise typer.Exit(Exit.PARTLY if estimates else Exit.FAILED)

"""Several lead files, or those of a folder: one after another, each with results of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import typer

from orchestrator.app import Runtime
from orchestrator.cli.batch import Batch, Outcome, Outputs, look_at, run_batch, show_outcome
from orchestrator.cli.console import Exit, err, notice, out, print_json
from orchestrator.cli.installation import WORKERS
from orchestrator.cli.session import with_runtime
from orchestrator.cli.summary import Estimate, show_estimate
from orchestrator.dispatch import spent_by
from orchestrator.leadfile import LeadFileError, file_flaws

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
                batch, outputs = self._opened(path, cap)
            except LeadFileError as error:
                self.unusable[path] = error
                _tell(runtime, error)
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

    def _opened(self, path: Path, cap: int | None) -> tuple[Batch, Outputs]:
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
        notice(f"Not begun: {', '.join(map(str, work.left))}.", "Run the same command again.")
    raise typer.Exit(work.exit_code)


def _tell(runtime: Runtime, error: LeadFileError) -> None:
    sentence = error.sentence(runtime.settings.language)
    err.print(f"emasai: {sentence}", style="red", soft_wrap=True)


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
                _tell(runtime, error)

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

"""A lead file as a job: submitted, followed, and written back with its results."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bootstrap import Runtime
from orchestrator.cli.budget import States, read_states
from orchestrator.cli.cells import cells_of
from orchestrator.cli.follow import follow
from orchestrator.cli.summary import Summary, summarize
from orchestrator.dispatch import submit
from orchestrator.identity import Mention
from orchestrator.jobs import Job, JobKind, NewJob, Origin
from orchestrator.leadfile import LeadFields, LeadFile, LeadRow, write_results
from orchestrator.pipeline import ItemResult


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of a file that are worked on: the first of each lead, none of the bad ones."""

    lead_file: LeadFile
    kind: JobKind
    rows: tuple[LeadRow, ...]
    items: tuple[str, ...]
    max_cost_micros: int | None

    @classmethod
    def of(
        cls,
        lead_file: LeadFile,
        kind: JobKind,
        item_of: Callable[[LeadFields], str],
        max_cost_micros: int | None,
    ) -> "Batch":
        """Return the batch of *lead_file* whose items *item_of* names."""
        rows = tuple(row for row in lead_file.rows if row.lead and row.duplicate_of is None)
        items = tuple(item_of(row.lead) for row in rows if row.lead)
        return cls(lead_file, kind, rows, items, max_cost_micros)

    @property
    def mentions(self) -> list[Mention]:
        """How each item names its company."""
        return [row.lead.mention for row in self.rows if row.lead]

    @property
    def invalid_rows(self) -> int:
        """How many rows make no lead."""
        return sum(row.lead is None for row in self.lead_file.rows)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch, and what it has left of the budgets. No job if no row was usable."""

    job: Job | None
    summary: Summary
    budgets: States


async def work_through(
    parts: Runtime, batch: Batch, target: Path, model: type[ItemResult], *, quiet: bool
) -> Outcome:
    """Have the workers do *batch*, and write the file with its results to *target*.

    After Ctrl-C the file is written too, with what is there; the rest is `pending` and goes on
    when the same command runs again.
    """
    job: Job | None = None
    results: dict[int, ItemResult] = {}
    if batch.items:
        tenant = parts.settings.tenant
        new = NewJob(
            *(batch.kind, batch.items, tenant, batch.max_cost_micros),
            origin=Origin.CLI,
            about=batch.lead_file.path.name,
            policy=parts.policy_version if batch.kind is JobKind.PIPELINE else None,
        )
        job = await follow(parts, await submit(parts, new), quiet=quiet)
        async for number, result in parts.results.rows(job, with_evidence=False):
            results[batch.rows[number].number] = model.model_validate(result)
    cells = {row: cells_of(r, parts.settings.language) for row, r in results.items()}
    write_results(batch.lead_file, cells, target)
    summary = summarize(
        results.values(),
        rows=len(batch.lead_file.rows),
        invalid_rows=batch.invalid_rows,
        items=len(batch.items),
    )
    context = None if job is None else job.context
    return Outcome(job, summary, await read_states(parts, context))

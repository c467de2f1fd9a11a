"""A lead file as a job: submitted, followed, and written back with its results.

Of the file a few thousand rows are in memory at a time, on the way in and on the way out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from orchestrator.app import Runtime
from orchestrator.cli.budget import States, read_states
from orchestrator.cli.cells import cells_of
from orchestrator.cli.console import err
from orchestrator.cli.follow import follow
from orchestrator.cli.patience import Patience, patiently
from orchestrator.cli.reading import NO_LEAD, Reading
from orchestrator.cli.summary import Counting, Summary
from orchestrator.cli.terms import Terms
from orchestrator.dispatch import submit_stream
from orchestrator.handlers import ItemResult
from orchestrator.infra.background import raise_if_cancelled
from orchestrator.jobs import Job, JobKind, Order, Origin
from orchestrator.leadfile import (
    LeadFields,
    LeadFile,
    ResultCells,
    ResultTable,
    replacing,
    shared,
    without_result,
)

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

    def order(self, parts: Runtime) -> Order:
        """Return what is asked for, but for its items."""
        return Order(
            self.kind,
            self.terms.tenant_of(parts),
            self.terms.max_cost_micros,
            origin=Origin.CLI,
            deadline=self.terms.deadline,
            about=self.lead_file.path.name,
            policy=parts.policy_version if self.kind is JobKind.PIPELINE else None,
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
    return await submit_stream(parts, batch.order(parts), _behind(first, items))


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
    found = await parts.results.some(job, rows, with_evidence=False)
    return {number: batch.model.model_validate(result) for number, result in found.items()}


def _cells(result: ItemResult, parts: Runtime, *, is_first: bool) -> ResultCells:
    cells = cells_of(result, parts.settings.language)
    return cells if is_first else shared(cells)


def in_parts(things: Iterable[T], size: int = PART) -> Iterator[list[T]]:
    """Yield *things* some at a time."""
    iterator = iter(things)
    while part := list(islice(iterator, size)):
        yield part

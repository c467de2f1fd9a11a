"""`emasai jobs failed`: dead letters, and why each of them failed."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import json_text, out, write_json
from orchestrator.cli.instants import parse_instant
from orchestrator.cli.jobs import unknown
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.handlers import FailedItem, FailureCount, list_failed_items, retry_of
from orchestrator.jobs import FailureFilter, Lane

#: Dead letters in a table, unless another number is asked for.
SHOWN = 20

OfJob = Annotated[str | None, typer.Option("--job", metavar="JOB_ID", help="Only of this job.")]
Reasons = Annotated[
    list[str] | None,
    typer.Option(
        *("--reason", "--code"),
        metavar="CODE",
        help="Only with this reason, as the summary names it; may be given repeatedly.",
    ),
]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant's jobs.")]
OfLane = Annotated[Lane | None, typer.Option("--lane", help="Only of jobs of this lane.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only what failed since: 2h, 7d, or 2026-11-30T18:00."),
]


def failed(
    *,
    job_id: OfJob = None,
    reasons: Reasons = None,
    tenant: OfTenant = None,
    lane: OfLane = None,
    since: Since = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"How many to list: {SHOWN}, as JSON all, if not said."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List items that have failed, why and when, and whether they are worth another try.

    Their numbers come first, by reason; `emasai jobs requeue` tries them again.
    """

    async def work(parts: Runtime) -> None:
        wanted = await wanted_of(parts, job_id, reasons, tenant, lane, since)
        if as_json:
            await _print_json(parts, wanted, limit)
            return
        counts = await count(parts, wanted)
        if not counts:
            out.print("Nothing has failed.")
            return
        out.print(_summary(counts))
        listed: list[FailedItem] = []
        async for _, failed_items in list_failed_items(parts.failures, wanted):
            listed += failed_items
            if len(listed) >= (SHOWN if limit is None else limit):
                break
        shown = listed[: SHOWN if limit is None else limit]
        if shown:
            out.print()
            out.print(_table(shown, parts.settings.language))

    with_runtime(work)


async def wanted_of(
    parts: Runtime,
    job_id: str | None,
    reasons: list[str] | None,
    tenant: str | None,
    lane: Lane | None,
    since: str | None,
) -> FailureFilter:
    """Return which dead letters the options mean.

    Raises:
        typer.BadParameter: There is no such job, or no such instant.
    """
    if job_id is not None and await parts.records.job(job_id) is None:
        raise unknown(job_id)
    at = None if since is None else parse_instant(since, parts.clock(), ago=True)
    return FailureFilter(job_id, frozenset(reasons or ()), tenant, lane, at)


async def count(parts: Runtime, wanted: FailureFilter) -> dict[str, FailureCount]:
    """Count the dead letters that are *wanted*, by reason."""
    counts: dict[str, FailureCount] = {}
    async for job in parts.failures.jobs(wanted):
        async for items in parts.failures.items(job, wanted):
            by_code = defaultdict(list)
            for item in items:
                by_code[item.code].append(item)
            for code, some in by_code.items():
                counts.setdefault(code, FailureCount(retry_of(job.kind, code))).add(some)
    return dict(sorted(counts.items()))


async def _print_json(parts: Runtime, wanted: FailureFilter, limit: int | None) -> None:
    """Print one object, its list some items at a time: there may be a million."""
    counts = {code: each.as_json() for code, each in (await count(parts, wanted)).items()}
    write_json(f'{{"counts": {json_text(counts)},\n"failed": [')
    printed = 0
    async for _, failed_items in list_failed_items(parts.failures, wanted):
        some = failed_items if limit is None else failed_items[: limit - printed]
        lines = [json_text(item.as_json()) for item in some]
        if lines:
            write_json(",\n" if printed else "\n")
            write_json(",\n".join(lines))
            printed += len(lines)
        if printed == limit:
            break
    write_json("\n]}\n")


def _summary(counts: Mapping[str, FailureCount]) -> Table:
    table = Table("reason", box=None, padding=(0, 3, 0, 0))
    for column in ("items", "queued again"):
        table.add_column(column, justify="right")
    for column in ("retry", "last (UTC)"):
        table.add_column(column)
    for code, each in counts.items():
        last = "" if each.last_at is None else f"{each.last_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(code, str(each.items), str(each.requeued), each.retry, last)
    return table


def _table(failed_items: list[FailedItem], language: Language) -> Table:
    table = Table("job", box=None, padding=(0, 3, 0, 0))
    table.add_column("no.", justify="right")
    table.add_column("company")
    table.add_column("tries", justify="right")
    for column in ("failed (UTC)", "reason"):
        table.add_column(column)
    for each in failed_items:
        reason = "" if each.reason is None else each.reason.in_language(language)
        table.add_row(
            each.job_id,
            str(each.number),
            each.company or each.item,
            str(each.attempts),
            f"{each.failed_at:%Y-%m-%d %H:%M:%S}",
            f"{each.code}: {reason}",
        )
    return table

"""`emasai jobs failed` and `emasai jobs requeue`: failed items, their reasons, and retries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, json_text, out, print_json, write_json
from orchestrator.cli.jobs import unknown
from orchestrator.cli.options import AsJson, Deadline, Terms, parse_instant
from orchestrator.cli.session import with_runtime
from orchestrator.handlers import FailedItem, FailureCount, list_failed_items, retry_of
from orchestrator.jobs import FailureFilter, Lane
from orchestrator.requeue import Sweep, foresee, requeue, requeued_as

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
        async for _, failed_items in list_failed_items(parts.jobs.failures, wanted):
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
    if job_id is not None and await parts.jobs.records.job(job_id) is None:
        raise unknown(job_id)
    at = None if since is None else parse_instant(since, parts.clock(), ago=True)
    return FailureFilter(job_id, frozenset(reasons or ()), tenant, lane, at)


async def count(parts: Runtime, wanted: FailureFilter) -> dict[str, FailureCount]:
    """Count the dead letters that are *wanted*, by reason."""
    counts: dict[str, FailureCount] = {}
    async for job in parts.jobs.failures.jobs(wanted):
        async for items in parts.jobs.failures.items(job, wanted):
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
    async for _, failed_items in list_failed_items(parts.jobs.failures, wanted):
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


def requeue_failed(  # noqa: PLR0913 - each is an option
    *,
    job_id: OfJob = None,
    reasons: Reasons = None,
    tenant: OfTenant = None,
    lane: OfLane = None,
    since: Since = None,
    max_cost: Annotated[
        str | None,
        typer.Option(
            metavar="USD", help="What each new job may spend; what its old one has left if unsaid."
        ),
    ] = None,
    deadline: Deadline = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many, why, and at what cost; do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try again what has failed: a new job for each old one, and each item once.

    Where something must be mended first, or the item may have been charged, only with its --reason:
    --reason answer_lost buys once more. What was bought meanwhile is known, and not bought again.
    """
    if not any((job_id, reasons, tenant, lane, since)):
        raise typer.BadParameter(
            "say which: --job, --reason, --tenant, --lane or --since; --dry-run shows them"
        )
    terms = Terms.parse(max_cost, deadline)

    async def work(parts: Runtime) -> tuple[Sweep, Sequence[str]]:
        wanted = await wanted_of(parts, job_id, reasons, tenant, lane, since)
        cap = terms.max_cost_micros
        found = (
            foresee(parts, wanted, max_cost_micros=cap)
            if dry_run
            else requeue(parts, wanted, max_cost_micros=cap, deadline=terms.deadline)
        )
        sweep = await Sweep.of(found)
        earlier = await requeued_as(parts, job_id) if job_id and sweep.before else ()
        return sweep, earlier

    sweep, earlier = with_runtime(work)
    if as_json:
        print_json(sweep.as_json(dry_run=dry_run))
    else:
        _show(sweep, earlier, dry_run=dry_run)


def _show(sweep: Sweep, earlier: Sequence[str], *, dry_run: bool) -> None:
    if sweep.jobs:
        out.print(_sweep_table(sweep, dry_run=dry_run))
    say = [_verdict(sweep, dry_run=dry_run)]
    if sweep.left:
        names = ", ".join(f"{n} {code}" for code, n in sorted(sweep.left.items()))
        say.append(
            f"Left alone: {names}. Name a reason with --reason where it is mended; what a schedule "
            "has asked for is tried again by itself."
        )
    if sweep.before:
        as_jobs = f", as job {', '.join(earlier)}" if earlier else ""
        say.append(f"Queued again before: {sweep.before.total()}{as_jobs}.")
    for sentence in say:
        out.print(sentence, soft_wrap=True)


def _verdict(sweep: Sweep, *, dry_run: bool) -> str:
    items = sweep.codes.total()
    if not items:
        return "There is nothing to queue again."
    reasons = ", ".join(f"{n} {code}" for code, n in sorted(sweep.codes.items()))
    if dry_run:
        cost = dollars(sweep.cost_micros_at_most)
        return f"Would queue {items} again ({reasons}), for {cost} at most."
    return f"Queued {items} again ({reasons})."


def _sweep_table(sweep: Sweep, *, dry_run: bool) -> Table:
    table = Table("job", box=None, padding=(0, 3, 0, 0))
    if not dry_run:
        table.add_column("queued again as")
    table.add_column("items", justify="right")
    table.add_column("may spend", justify="right")
    table.add_column("tenant")
    for each in sweep.jobs:
        may_spend = each.cost_micros_at_most if dry_run else each.max_cost_micros
        table.add_row(
            each.parent.job_id,
            *(() if dry_run or each.job is None else (each.job.job_id,)),
            str(each.items),
            "" if may_spend is None else dollars(may_spend),
            each.parent.tenant,
        )
    return table

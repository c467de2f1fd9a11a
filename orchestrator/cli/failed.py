"""`emasai jobs failed` and `emasai jobs requeue`: failed items, their reasons, and retries."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer
from rich.table import Table

from agents.case import Language
from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, json_text, out, print_json, table, write_json
from orchestrator.cli.options import AsJson, Deadline, OfLane, OfTenant, parse_instant, parse_terms
from orchestrator.cli.session import with_runtime
from orchestrator.dispatch import RequeueReport, requeue_all, requeued_as
from orchestrator.handlers import FailedItem, FailureCount, list_failed_items, retry_of
from orchestrator.jobs import FailureFilter, Lane

#: Failed items in a table by default.
SHOWN: Final = 20

OfJob = Annotated[str | None, typer.Option("--job", metavar="JOB_ID", help="Only of this job.")]
Reasons = Annotated[
    list[str] | None,
    typer.Option(
        *("--reason", "--code"),
        metavar="CODE",
        help="Only with this reason code; may be given repeatedly.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only failures since: 2h, 7d, or 2026-11-30T18:00."),
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
        typer.Option(
            min=0, metavar="N", help=f"How many to list; {SHOWN} by default, all as JSON."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List failed items: their numbers by reason, and whether a retry may help; then each item.

    `emasai jobs requeue` tries them again.
    """

    async def work(runtime: Runtime) -> None:
        wanted = await _filter_of(runtime, job_id, reasons, tenant, lane, since)
        if as_json:
            await _print_json(runtime, wanted, limit)
            return
        counts = await _count(runtime, wanted)
        if not counts:
            out.print("Nothing has failed.")
            return
        out.print(_summary(counts))
        most, listed = SHOWN if limit is None else limit, list[FailedItem]()
        async for _, failed_items in list_failed_items(runtime.jobs.failures, wanted):
            listed += failed_items
            if len(listed) >= most:
                break
        if shown := listed[:most]:
            out.print()
            out.print(_table(shown, runtime.settings.language))

    with_runtime(work)


async def _filter_of(
    runtime: Runtime,
    job_id: str | None,
    reasons: list[str] | None,
    tenant: str | None,
    lane: Lane | None,
    since: str | None,
) -> FailureFilter:
    """Return the filter that the options describe.

    Raises:
        typer.BadParameter: The job is unknown, or the instant is not valid.
    """
    if job_id is not None and await runtime.jobs.records.job(job_id) is None:
        raise unknown_job(job_id)
    at = None if since is None else parse_instant(since, runtime.clock(), ago=True)
    return FailureFilter(job_id, frozenset(reasons or ()), tenant, lane, at)


async def _count(runtime: Runtime, wanted: FailureFilter) -> dict[str, FailureCount]:
    """Count the failed items that are *wanted*, by reason."""
    counts: dict[str, FailureCount] = {}
    async for job in runtime.jobs.failures.jobs(wanted):
        async for items in runtime.jobs.failures.items(job, wanted):
            for item in items:
                new = FailureCount(retry_of(job.kind, item.code))
                counts.setdefault(item.code, new).add([item])
    return dict(sorted(counts.items()))


async def _print_json(runtime: Runtime, wanted: FailureFilter, limit: int | None) -> None:
    """Print one object, its list some items at a time: there may be a million."""
    counts = {code: each.as_json() for code, each in (await _count(runtime, wanted)).items()}
    write_json(f'{{"counts": {json_text(counts)},\n"failed": [')
    printed = 0
    async for _, failed_items in list_failed_items(runtime.jobs.failures, wanted):
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
    numbers = ("items", "queued again")
    found = table("reason", *numbers, "retry", "last (UTC)", right=numbers)
    for code, each in counts.items():
        last = "" if each.last_at is None else f"{each.last_at:%Y-%m-%d %H:%M:%S}"
        found.add_row(code, str(each.items), str(each.requeued), each.retry, last)
    return found


def _table(failed_items: list[FailedItem], language: Language) -> Table:
    columns = ("job", "no.", "company", "tries", "failed (UTC)", "reason")
    found = table(*columns, right=("no.", "tries"))
    for each in failed_items:
        reason = "" if each.reason is None else each.reason.in_language(language)
        found.add_row(
            each.job_id,
            str(each.number),
            each.company or each.item,
            str(each.attempts),
            f"{each.failed_at:%Y-%m-%d %H:%M:%S}",
            f"{each.code}: {reason}",
        )
    return found


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
            metavar="USD",
            help="Cap of each new job; by default what its old job has not spent.",
        ),
    ] = None,
    deadline: Deadline = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how many, why, and at what cost; do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try failed items again: a new job for each old one, and each item once.

    Items that need a fix first, or that may have been charged, need their --reason: --reason
    answer_lost buys them once more. Companies that were bought meanwhile are not bought again.
    """
    if not any((job_id, reasons, tenant, lane, since)):
        raise typer.BadParameter(
            "give at least one of --job, --reason, --tenant, --lane or --since"
        )
    terms = parse_terms(max_cost, deadline)

    async def work(runtime: Runtime) -> tuple[RequeueReport, Sequence[str]]:
        wanted = await _filter_of(runtime, job_id, reasons, tenant, lane, since)
        report = await requeue_all(runtime, wanted, terms, dry_run=dry_run)
        earlier = await requeued_as(runtime, job_id) if job_id and report.before else ()
        return report, earlier

    report, earlier = with_runtime(work)
    if as_json:
        print_json(report.as_json(dry_run=dry_run))
    else:
        _show(report, earlier, dry_run=dry_run)


def _show(report: RequeueReport, earlier: Sequence[str], *, dry_run: bool) -> None:
    if report.jobs:
        out.print(_report_table(report, dry_run=dry_run))
    sentences = [_verdict(report, dry_run=dry_run)]
    if report.left:
        names = ", ".join(f"{n} {code}" for code, n in sorted(report.left.items()))
        sentences.append(
            f"Left out: {names}. Give the --reason of those whose cause is fixed; what a schedule "
            "has added is tried again by itself."
        )
    if report.before:
        as_jobs = f", as job {', '.join(earlier)}" if earlier else ""
        sentences.append(f"Queued again before: {report.before.total()}{as_jobs}.")
    for sentence in sentences:
        out.print(sentence, soft_wrap=True)


def _verdict(report: RequeueReport, *, dry_run: bool) -> str:
    items = report.codes.total()
    if not items:
        return "There is nothing to queue again."
    reasons = ", ".join(f"{n} {code}" for code, n in sorted(report.codes.items()))
    if dry_run:
        cost = dollars(report.cost_micros_at_most)
        return f"Would queue {items} again ({reasons}), for {cost} at most."
    return f"Queued {items} again ({reasons})."


def _report_table(report: RequeueReport, *, dry_run: bool) -> Table:
    new_job = () if dry_run else ("queued again as",)
    found = table("job", *new_job, "items", "may spend", "tenant", right=("items", "may spend"))
    for each in report.jobs:
        may_spend = each.cost_micros_at_most if dry_run else each.max_cost_micros
        found.add_row(
            each.parent.job_id,
            *(() if dry_run or each.job is None else (each.job.job_id,)),
            str(each.items),
            "" if may_spend is None else dollars(may_spend),
            each.parent.tenant,
        )
    return found


def unknown_job(job_id: str) -> typer.BadParameter:
    """Return the error for an unknown job."""
    return typer.BadParameter(f"there is no job {job_id}; `emasai jobs list` shows all jobs")

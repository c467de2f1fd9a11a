"""`emasai jobs`: lists, shows and steers jobs; failed items, their reasons, and retries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.dispatch import RequeueReport, command, requeue_all, requeued_as
from orchestrator.handlers import FailedItem, FailureCount, list_failed_items, retry_of
from orchestrator.jobs import (
    Command,
    FailureFilter,
    Job,
    JobFilter,
    JobKind,
    JobState,
    Lane,
    RemovedJob,
    TimelineEvent,
    UnreadableJob,
)

from .console import (
    dollars,
    instant,
    json_text,
    number,
    out,
    print_json,
    print_sentence,
    span,
    table,
    write_json,
)
from .options import AsJson, Deadline, OfLane, OfTenant, parse_instant, parse_terms
from .session import with_runtime
from .spanish import language, translate, translate_message

jobs = typer.Typer(
    name="jobs",
    help="List, pause, resume and cancel jobs; requeue failed items.",
    no_args_is_help=True,
)

JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="As `emasai jobs list` shows it.")]


@dataclass(frozen=True, slots=True)
class _Seen:
    job: Job
    timeline: Sequence[TimelineEvent]
    now: datetime


@jobs.command("list")
def list_jobs(
    *,
    state: Annotated[
        JobState | None, typer.Option(metavar="|".join(JobState), help="Only in this state.")
    ] = None,
    lane: OfLane = None,
    tenant: OfTenant = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    wanted = JobFilter(state, lane, tenant)

    async def work(runtime: Runtime) -> tuple[list[Job | UnreadableJob], datetime]:
        found: list[Job | UnreadableJob] = []
        async for _, job in runtime.jobs.job_list.walk(wanted):
            found.append(job)
            if len(found) == limit:
                break
        return found, runtime.clock()

    found, now = with_runtime(work)
    if as_json:
        print_json([_list_entry(job, now) for job in found])
    else:
        out.print(_table(found, now))


@jobs.command()
def show(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show one job: its request, its progress and its events."""

    async def work(runtime: Runtime) -> _Seen:
        job = await runtime.jobs.records.job(job_id)
        if job is None:
            raise unknown_job(job_id)
        return _Seen(job, await runtime.jobs.job_list.timeline(job_id), runtime.clock())

    seen = with_runtime(work)
    if as_json:
        events = [{"at": each.at, "event": each.event} for each in seen.timeline]
        print_json({**_as_json(seen.job, seen.now), "tally": seen.job.tally, "timeline": events})
    else:
        out.print(_details(seen))


@jobs.command()
def pause(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Start no further item of a job; items in flight are completed and count."""
    _command(job_id, Command.PAUSE, as_json=as_json)


@jobs.command()
def resume(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Continue a paused job."""
    _command(job_id, Command.RESUME, as_json=as_json)


@jobs.command()
def cancel(job_id: JobId, *, as_json: AsJson = False) -> None:
    """End a job for good: items without a result get none, and purchases for it alone are stopped.

    Companies that a schedule has added stay watched; `emasai schedule pause` stops that.
    """
    _command(job_id, Command.CANCEL, as_json=as_json)


def _command(job_id: str, wanted: Command, *, as_json: bool) -> None:
    async def work(runtime: Runtime) -> tuple[Job | RemovedJob, datetime]:
        try:
            job = await command(runtime, job_id, wanted)
        except RemovedJob as removed:
            return removed, runtime.clock()
        if job is None:
            raise unknown_job(job_id)
        return job, runtime.clock()

    job, now = with_runtime(work)
    if isinstance(job, RemovedJob):
        if as_json:
            print_json({"job_id": job_id, "removed": True, "problem": job.problem})
        else:
            out.print(translate_message(f"{job}."), soft_wrap=True)
    elif as_json:
        print_json(_as_json(job, now))
    else:
        done, total = number(job.done), number(job.total)
        print_sentence("{} is {}: {} of {} done.", job.job_id, job.state, done, total)
        if wanted is Command.CANCEL and job.kind is JobKind.REFRESH and job.done < job.total:
            print_sentence(_STILL_WATCHED)


_STILL_WATCHED = (
    "Its companies stay watched, and are looked up again after their period; "
    "`emasai schedule pause` or `remove` stops that."
)


def _list_entry(job: Job | UnreadableJob, now: datetime) -> dict[str, Any]:
    if isinstance(job, UnreadableJob):
        return {"job_id": job.job_id, "unreadable": job.problem}
    return _as_json(job, now)


def _as_json(job: Job, now: datetime) -> dict[str, Any]:
    left = job.time_left(now)
    return {
        **{name: getattr(job, name) for name in _JSON},
        "spent_micros": job.tally.get("spent_micros", 0),
        "saved_micros": job.tally.get("saved_micros", 0),
        "left_s": None if left is None else round(left.total_seconds()),
    }


_JSON: Final = (
    *("job_id", "kind", "state", "lane", "tenant", "origin", "total", "done", "max_cost_micros"),
    *("accepted_at", "started_at", "finished_at", "deadline", "parent", "buy_again"),
)


def _table(found: Sequence[Job | UnreadableJob], now: datetime) -> Table:
    columns = ("job", "kind", "state", "lane", "tenant", "done", "spent", "age")
    listed = table(*columns, right=("done", "spent", "age"))
    for job in found:
        if isinstance(job, UnreadableJob):
            listed.add_row(job.job_id, translate("cannot be read"), job.problem)
            continue
        listed.add_row(
            job.job_id,
            job.kind,
            job.state,
            job.lane,
            job.tenant,
            f"{number(job.done)}/{number(job.total)}",
            dollars(job.tally.get("spent_micros", 0)),
            span(now - job.accepted_at),
        )
    return listed


def _details(seen: _Seen) -> Table:
    job, left = seen.job, seen.job.time_left(seen.now)
    spent = dollars(job.tally.get("spent_micros", 0))
    if job.max_cost_micros is not None:
        spent = translate("{} of {} at most", spent, dollars(job.max_cost_micros))
    request = job.kind, number(job.total), job.lane, job.origin
    pace = "about {}, at the present pace"
    counts = {name: count for name, count in sorted(job.tally.items()) if ":" in name}
    details = [
        ("job", job.job_id),
        ("request", translate("{}, {} rows, lane {}, by {}", *request)),
        ("tenant", job.tenant),
        ("state", job.state),
        ("done", translate("{} of {}", number(job.done), number(job.total))),
        *([] if left is None else [("left", translate(pace, span(left)))]),
        *([] if job.deadline is None else [("deadline", f"{instant(job.deadline)} UTC")]),
        ("spent", spent),
        ("saved", dollars(job.tally.get("saved_micros", 0))),
        *((name.replace(":", " "), number(count)) for name, count in counts.items()),
        *((instant(each.at), each.event.replace("_", " ")) for each in seen.timeline),
    ]
    shown = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for name, value in details:
        shown.add_row(translate(name), value)
    return shown


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


@jobs.command()
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
            print_sentence("Nothing has failed.")
            return
        out.print(_summary(counts))
        most, listed = SHOWN if limit is None else limit, list[FailedItem]()
        async for _, failed_items in list_failed_items(runtime.jobs.failures, wanted):
            listed += failed_items
            if len(listed) >= most:
                break
        if shown := listed[:most]:
            out.print()
            out.print(_failed_table(shown))

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
        last = "" if each.last_at is None else instant(each.last_at)
        retry = translate(each.retry)
        found.add_row(code, number(each.items), number(each.requeued), retry, last)
    return found


def _failed_table(failed_items: list[FailedItem]) -> Table:
    columns = ("job", "no.", "company", "tries", "failed (UTC)", "reason")
    found = table(*columns, right=("no.", "tries"))
    for each in failed_items:
        reason = "" if each.reason is None else each.reason.in_language(language())
        found.add_row(
            each.job_id,
            str(each.number),
            each.company or each.item,
            str(each.attempts),
            instant(each.failed_at),
            f"{each.code}: {reason}",
        )
    return found


@jobs.command("requeue")
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
    out.print(_verdict(report, dry_run=dry_run), soft_wrap=True)
    if report.left:
        names = ", ".join(f"{n} {code}" for code, n in sorted(report.left.items()))
        print_sentence(
            "Left out: {}. Give the --reason of those whose cause is fixed; what a schedule "
            "has added is tried again by itself.",
            names,
        )
    if report.before:
        as_jobs = translate(", as job {}", ", ".join(earlier)) if earlier else ""
        print_sentence("Queued again before: {}{}.", number(report.before.total()), as_jobs)


def _verdict(report: RequeueReport, *, dry_run: bool) -> str:
    items = report.codes.total()
    if not items:
        return translate("There is nothing to queue again.")
    reasons = ", ".join(f"{n} {code}" for code, n in sorted(report.codes.items()))
    if dry_run:
        cost = dollars(report.cost_micros_at_most)
        would = "Would queue {} again ({}), for {} at most."
        return translate(would, number(items), reasons, cost)
    return translate("Queued {} again ({}).", number(items), reasons)


def _report_table(report: RequeueReport, *, dry_run: bool) -> Table:
    new_job = () if dry_run else ("queued again as",)
    found = table("job", *new_job, "items", "may spend", "tenant", right=("items", "may spend"))
    for each in report.jobs:
        may_spend = each.cost_micros_at_most if dry_run else each.max_cost_micros
        found.add_row(
            each.parent.job_id,
            *(() if dry_run or each.job is None else (each.job.job_id,)),
            number(each.items),
            "" if may_spend is None else dollars(may_spend),
            each.parent.tenant,
        )
    return found


def unknown_job(job_id: str) -> typer.BadParameter:
    """Return the error for an unknown job."""
    return typer.BadParameter(f"there is no job {job_id}; `emasai jobs list` shows all jobs")

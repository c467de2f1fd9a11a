"""`emasai jobs`: lists jobs and shows their progress; pauses, resumes and cancels them.

The commands about failed items are in `failed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, out, print_json, span, table
from orchestrator.cli.failed import failed, requeue_failed, unknown_job
from orchestrator.cli.options import AsJson, OfLane, OfTenant
from orchestrator.cli.session import with_runtime
from orchestrator.dispatch import command
from orchestrator.jobs import (
    Command,
    Job,
    JobFilter,
    JobKind,
    JobState,
    RemovedJob,
    TimelineEvent,
    UnreadableJob,
)

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
        print_json([_listed(job, now) for job in found])
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
            out.print(f"{job}.", soft_wrap=True)
    elif as_json:
        print_json(_as_json(job, now))
    else:
        out.print(f"{job.job_id} is {job.state}: {job.done} of {job.total} done.")
        if wanted is Command.CANCEL and job.kind is JobKind.REFRESH and job.done < job.total:
            out.print(_STILL_WATCHED, soft_wrap=True)


_STILL_WATCHED = (
    "Its companies stay watched, and are looked up again after their period; "
    "`emasai schedule pause` or `remove` stops that."
)


def _listed(job: Job | UnreadableJob, now: datetime) -> dict[str, Any]:
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
            listed.add_row(job.job_id, "cannot be read", job.problem)
            continue
        listed.add_row(
            job.job_id,
            job.kind,
            job.state,
            job.lane,
            job.tenant,
            f"{job.done}/{job.total}",
            dollars(job.tally.get("spent_micros", 0)),
            span(now - job.accepted_at),
        )
    return listed


def _details(seen: _Seen) -> Table:
    job, left = seen.job, seen.job.time_left(seen.now)
    cap = "" if job.max_cost_micros is None else f" of {dollars(job.max_cost_micros)} at most"
    details = [
        ("job", job.job_id),
        ("request", f"{job.kind}, {job.total} rows, lane {job.lane}, by {job.origin}"),
        ("tenant", job.tenant),
        ("state", job.state),
        ("done", f"{job.done} of {job.total}"),
        *([] if left is None else [("left", f"about {span(left)}, at the present pace")]),
        *([] if job.deadline is None else [("deadline", f"{job.deadline:%Y-%m-%d %H:%M:%S} UTC")]),
        ("spent", f"{dollars(job.tally.get('spent_micros', 0))}{cap}"),
        ("saved", dollars(job.tally.get("saved_micros", 0))),
        *((name.replace(":", " "), str(n)) for name, n in sorted(job.tally.items()) if ":" in name),
        *((f"{e.at:%Y-%m-%d %H:%M:%S}", e.event.replace("_", " ")) for e in seen.timeline),
    ]
    shown = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for row in details:
        shown.add_row(*row)
    return shown


jobs.command()(failed)
jobs.command("requeue")(requeue_failed)

"""`emasai jobs requeue`: dead letters are tried again, each once."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, out, print_json
from orchestrator.cli.failed import OfJob, OfLane, OfTenant, Reasons, Since, wanted_of
from orchestrator.cli.options import AsJson
from orchestrator.cli.session import with_runtime
from orchestrator.cli.terms import Deadline, Terms
from orchestrator.requeue import Sweep, foresee, requeue, requeued_as


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
        out.print(_table(sweep, dry_run=dry_run))
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


def _table(sweep: Sweep, *, dry_run: bool) -> Table:
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

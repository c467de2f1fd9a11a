"""`emasai jobs requeue`: dead letters are tried again, each once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from orchestrator.bootstrap import Runtime
from orchestrator.cli.console import dollars, out, print_json
from orchestrator.cli.failed import OfJob, OfLane, OfTenant, Reasons, Since, wanted_of
from orchestrator.cli.jobs import AsJson
from orchestrator.cli.money import parse_usd
from orchestrator.cli.session import with_runtime
from orchestrator.requeue import Requeue, foresee, requeue, requeued_as


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was queued again, job by job, and what was not. `earlier` has what was queued before."""

    dry_run: bool
    jobs: Sequence[Requeue]
    left: Counter[str]
    before: Counter[str]
    earlier: Sequence[str]

    @property
    def codes(self) -> Counter[str]:
        return sum((each.codes for each in self.jobs), Counter[str]())

    @property
    def cost_micros_at_most(self) -> int:
        return sum(each.cost_micros_at_most or 0 for each in self.jobs)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        about = {
            "dry_run": self.dry_run,
            "items": self.codes.total(),
            "codes": dict(sorted(self.codes.items())),
            "left": dict(sorted(self.left.items())),
            "requeued_before": dict(sorted(self.before.items())),
            "jobs": [each.as_json() for each in self.jobs],
        }
        return about | ({"cost_micros_at_most": self.cost_micros_at_most} if self.dry_run else {})


def requeue_failed(
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many, why, and at what cost; do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try again what has failed: a new job for each old one, and each item once.

    Where something must be mended first, or the item may have been charged, only with its --reason.
    Nothing is bought twice: what was bought meanwhile is known.
    """
    if not any((job_id, reasons, tenant, lane, since)):
        raise typer.BadParameter(
            "say which: --job, --reason, --tenant, --lane or --since; --dry-run shows them"
        )
    cap_micros = parse_usd(max_cost)

    async def work(parts: Runtime) -> _Outcome:
        wanted = await wanted_of(parts, job_id, reasons, tenant, lane, since)
        act = foresee if dry_run else requeue
        jobs, left, before = [], Counter[str](), Counter[str]()
        async for each in act(parts, wanted, max_cost_micros=cap_micros):
            left += each.left
            before += each.before
            if each.items:
                jobs.append(each)
        earlier = await requeued_as(parts, job_id) if job_id and before else ()
        return _Outcome(dry_run, jobs, left, before, earlier)

    outcome = with_runtime(work)
    if as_json:
        print_json(outcome.as_json())
    else:
        _show(outcome)


def _show(outcome: _Outcome) -> None:
    if outcome.jobs:
        out.print(_table(outcome))
    say = [_verdict(outcome)]
    if outcome.left:
        names = ", ".join(f"{n} {code}" for code, n in sorted(outcome.left.items()))
        say.append(
            f"Left alone: {names}. Name a reason with --reason where it is mended; what a schedule "
            "has asked for is tried again by itself."
        )
    if outcome.before:
        as_jobs = f", as job {', '.join(outcome.earlier)}" if outcome.earlier else ""
        say.append(f"Queued again before: {outcome.before.total()}{as_jobs}.")
    for sentence in say:
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _verdict(outcome: _Outcome) -> str:
    items = outcome.codes.total()
    if not items:
        return "There is nothing to queue again."
    reasons = ", ".join(f"{n} {code}" for code, n in sorted(outcome.codes.items()))
    if outcome.dry_run:
        cost = dollars(outcome.cost_micros_at_most)
        return f"Would queue {items} again ({reasons}), for {cost} at most."
    return f"Queued {items} again ({reasons})."


def _table(outcome: _Outcome) -> Table:
    table = Table("job", box=None, padding=(0, 3, 0, 0))
    if not outcome.dry_run:
        table.add_column("queued again as")
    table.add_column("items", justify="right")
    table.add_column("may spend", justify="right")
    table.add_column("tenant")
    for each in outcome.jobs:
        may_spend = each.cost_micros_at_most if outcome.dry_run else each.max_cost_micros
        table.add_row(
            each.parent.job_id,
            *(() if outcome.dry_run or each.job is None else (each.job.job_id,)),
            str(each.items),
            "" if may_spend is None else dollars(may_spend),
            escape(each.parent.tenant),
        )
    return table

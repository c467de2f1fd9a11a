"""Queues dead letters again: each once, in a new job whose parent is the old one.

What has been bought meanwhile is served from the memo. Only what was, or may have been, charged
without an answer is bought once more, where its reason is named.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.app import Runtime
from orchestrator.dispatch import submit_stream
from orchestrator.handlers import BOUGHT_AGAIN, FailedItem, Retry, read_failed_items, retry_of
from orchestrator.infra.distinct import Distinct
from orchestrator.jobs import (
    AlreadyRequeued,
    Failure,
    FailureFilter,
    Job,
    JobKind,
    NewJob,
    Numbers,
    Origin,
)
from orchestrator.purchasing import run_account


@dataclass(frozen=True, slots=True)
class Requeue:
    """What is queued again of one job, counted by reason.

    `left` has what is not: those with a reason that must be named, and those that the schedule
    looks after. `before` has what other jobs got earlier. `job` is the new one; None where there
    is nothing to queue, and in a dry run, which says what it would cost at most instead.
    """

    parent: Job
    job: Job | None
    codes: Counter[str]
    left: Counter[str]
    before: Counter[str]
    max_cost_micros: int | None
    cost_micros_at_most: int | None = None

    @property
    def items(self) -> int:
        """How many items are queued again."""
        return self.codes.total()

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "parent": self.parent.job_id,
            "job_id": None if self.job is None else self.job.job_id,
            "items": self.items,
            "codes": dict(sorted(self.codes.items())),
            "left": dict(sorted(self.left.items())),
            "requeued_before": dict(sorted(self.before.items())),
            "max_cost_micros": self.max_cost_micros,
            "cost_micros_at_most": self.cost_micros_at_most,
        }


@dataclass(frozen=True, slots=True)
class Sweep:
    """What became of all the jobs that a filter has found; `jobs` has those with something."""

    jobs: Sequence[Requeue]
    left: Counter[str]
    before: Counter[str]

    @classmethod
    async def of(cls, found: AsyncIterator[Requeue]) -> "Sweep":
        """Carry *found* through to its end."""
        jobs, left, before = [], Counter[str](), Counter[str]()
        async for each in found:
            left += each.left
            before += each.before
            if each.items:
                jobs.append(each)
        return cls(jobs, left, before)

    @property
    def codes(self) -> Counter[str]:
        """How many items are queued again, by reason."""
        return sum((each.codes for each in self.jobs), Counter[str]())

    @property
    def cost_micros_at_most(self) -> int:
        """What a dry run says of the cost."""
        return sum(each.cost_micros_at_most or 0 for each in self.jobs)

    def as_json(self, *, dry_run: bool) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "dry_run": dry_run,
            "items": self.codes.total(),
            "codes": dict(sorted(self.codes.items())),
            "left": dict(sorted(self.left.items())),
            "requeued_before": dict(sorted(self.before.items())),
            "cost_micros_at_most": self.cost_micros_at_most if dry_run else None,
            "jobs": [each.as_json() for each in self.jobs],
        }


async def foresee(
    runtime: Runtime, wanted: FailureFilter, *, max_cost_micros: int | None = None
) -> AsyncIterator[Requeue]:
    """Yield, job by job, what `requeue` would do; nothing changes and nothing is bought.

    Raises:
        StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable.
    """
    async for job in runtime.jobs.failures.jobs(wanted):
        chosen = _Chosen(runtime, job, wanted)
        # Of this job alone: the cap of another one may keep it from buying what they share.
        to_buy, companies = 0, Distinct()
        async for failed_items in chosen.failed_items():
            to_buy += await _to_buy(runtime, job, failed_items, companies)
        cap = await _cap(runtime, job, max_cost_micros)
        cost = to_buy * runtime.purchasing.seller.price_micros
        yield chosen.told(None, cap, cost if cap is None else min(cost, cap))


async def requeue(
    runtime: Runtime,
    wanted: FailureFilter,
    *,
    max_cost_micros: int | None = None,
    deadline: datetime | None = None,
) -> AsyncIterator[Requeue]:
    """Queue the dead letters that are *wanted* again, one new job for each old one.

    Those whose reason says that something must be mended first, or that they may have been charged,
    only if *wanted* names it: the latter are bought once more then. A dead letter is queued again
    once, however often and by however many callers it is asked for. A new job may spend
    *max_cost_micros*, or what is left of the cap of the old one; what has not begun by *deadline*
    fails.

    Raises:
        StoreUnavailable, DatabaseUnavailable: Redis or the database is unavailable. What was
            yielded is accepted; asking again is safe.
        StoreFull: Redis has hardly any memory left.
    """
    async for job in runtime.jobs.failures.jobs(wanted):
        cap = await _cap(runtime, job, max_cost_micros)
        yield await _requeue(runtime, job, wanted, cap, deadline)


async def requeued_as(runtime: Runtime, job_id: str) -> list[str]:
    """Return the jobs that have got dead letters of a job, as far as its timeline goes back."""
    events = [each.event.split() for each in await runtime.jobs.job_list.timeline(job_id)]
    return [event[1] for event in events if event[0] == "requeued"]


async def _requeue(
    runtime: Runtime,
    job: Job,
    wanted: FailureFilter,
    cap_micros: int | None,
    deadline: datetime | None,
) -> Requeue:
    is_judged = job.kind in {JobKind.PIPELINE, JobKind.REJUDGE}
    retry = NewJob(
        job.kind,
        (),
        job.tenant,
        max_cost_micros=cap_micros,
        lane=job.lane,
        origin=Origin.REQUEUE,
        deadline=deadline,
        parent=job.job_id,
        about=job.about,
        policy=runtime.leads.policy_version if is_judged else None,
        # Whoever names such a reason asks for another purchase.
        buy_again=not BOUGHT_AGAIN.isdisjoint(wanted.codes),
    )
    while True:
        chosen = _Chosen(runtime, job, wanted)
        if not await chosen.is_any():
            return chosen.told(None, cap_micros)
        try:
            new = await submit_stream(runtime, retry, chosen.items(), failed_items=chosen.numbers)
        except AlreadyRequeued:
            # Somebody else was quicker with some of them; what is left is read anew.
            continue
        return chosen.told(new, cap_micros)


class _Chosen:
    """Which dead letters of *job* are queued again; complete when `failed_items` has been read."""

    def __init__(self, runtime: Runtime, job: Job, wanted: FailureFilter) -> None:
        self._failures = runtime.jobs.failures
        self._job = job
        self._wanted = wanted
        self.numbers = Numbers()
        self._codes, self._left, self._before = Counter[str](), Counter[str](), Counter[str]()

    async def is_any(self) -> bool:
        """Say whether there is one to queue; if not, all others are counted."""
        async for items in self._failures.items(self._job, self._wanted):
            if any(self._is_chosen(item) for item in items):
                self._left.clear()
                self._before.clear()
                return True
            self._count(items)
        return False

    async def failed_items(self) -> AsyncIterator[list[FailedItem]]:
        """Yield them, some at a time."""
        async for items in self._failures.items(self._job, self._wanted):
            self._count(items)
            chosen = [item for item in items if self._is_chosen(item)]
            self.numbers.add(item.number for item in chosen)
            self._codes.update(item.code for item in chosen)
            async for failed_items in read_failed_items(self._failures, self._job, chosen):
                yield failed_items

    async def items(self) -> AsyncIterator[Sequence[str]]:
        """Yield what the new job works on.

        Raises:
            AlreadyRequeued: Nothing is left of what there was.
        """
        async for failed_items in self.failed_items():
            yield [item.item for item in failed_items]
        if not self._codes:
            raise AlreadyRequeued

    def told(self, job: Job | None, cap: int | None, cost: int | None = None) -> Requeue:
        """Return what was chosen, and what became of it."""
        return Requeue(self._job, job, self._codes, self._left, self._before, cap, cost)

    def _is_chosen(self, item: Failure) -> bool:
        return not item.requeued and self._is_worth_it(item.code)

    def _is_worth_it(self, code: str) -> bool:
        match retry_of(self._job.kind, code):
            case Retry.NOW:
                return True
            case Retry.NAMED:
                return code in self._wanted.codes
            case Retry.SCHEDULE:
                return False

    def _count(self, items: Sequence[Failure]) -> None:
        self._before.update(item.code for item in items if item.requeued)
        self._left.update(
            item.code for item in items if not (item.requeued or self._is_worth_it(item.code))
        )


async def _cap(runtime: Runtime, job: Job, max_cost_micros: int | None) -> int | None:
    if max_cost_micros is not None or job.max_cost_micros is None:
        return max_cost_micros
    # Not from the tally: it has nothing of purchases whose answer was lost.
    spent_micros = (await runtime.purchasing.budget.account(run_account(job.job_id))).spent_micros
    return max(0, job.max_cost_micros - spent_micros)


async def _to_buy(
    runtime: Runtime, job: Job, failed_items: Sequence[FailedItem], companies: Distinct
) -> int:
    """Return how many companies of *failed_items* would be bought, but for those of *companies*."""
    if job.kind is JobKind.REJUDGE:
        return 0
    named = [item.mention for item in failed_items if item.company_key is not None]
    # A lead that was not there may be by now, with any company.
    to_buy = sum(not item.company for item in failed_items)
    for glance in await runtime.purchasing.enricher.glance(named):
        known = len(companies)
        is_new = companies.number(glance.company_key) == known
        to_buy += is_new and not glance.is_ambiguous and not glance.fresh
    return to_buy

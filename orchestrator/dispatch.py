"""The one way in for work: jobs are submitted, awaited, steered and queued again here.

Every entry point (commands, HTTP, tasks, schedules, `orchestrator.Orchestrator`) calls these
functions.
"""

import asyncio
import contextlib
import math
import uuid
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog

from orchestrator.app import Runtime
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers import (
    BOUGHT_AGAIN,
    CompanyIntake,
    FailedItem,
    Retry,
    read_failed_items,
    retry_of,
)
from orchestrator.handlers.lead import WantedCompany, leads_asked
from orchestrator.handlers.result import own_key
from orchestrator.identity import mention_of
from orchestrator.infra.background import Loop
from orchestrator.infra.distinct import Distinct
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreRefused, StoreUnavailable
from orchestrator.jobs import (
    IDEMPOTENCY_TTL,
    AlreadyRequeued,
    Command,
    Failure,
    FailureFilter,
    Item,
    Job,
    JobGone,
    JobKind,
    JobState,
    Lane,
    NewJob,
    Numbers,
    Origin,
    RemovedJob,
    RequestKey,
    UnreadableJob,
    UnsealedJob,
    idempotency_name,
    lane_of,
)
from orchestrator.purchasing import run_account
from orchestrator.surfsense.account import KEEP

#: Pause between two comparisons of a worker's clock with the server's.
CLOCK_PERIOD: Final = timedelta(seconds=15)
#: Wake-ups for a job, if it has as many chunks. A worker that takes work of a lane that has more
#: wakes the next worker, so these only have to reach one.
FIRST_WAKE_UPS: Final = 4
#: Items in hand that are stored at a time; between two of them other work has its turn.
TOGETHER: Final = 1_000
#: Seconds between two looks at a job: short where its answer is known already.
FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.5
#: How long a caller whose job is accepted waits for them.
NOTIFY_PATIENCE: Final = timedelta(seconds=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of work; None for no limit, and for the tenant of the settings.

    `buy_again`: companies whose earlier purchase has lost its answer may be bought once more.
    """

    max_cost_micros: int | None = None
    deadline: datetime | None = None
    tenant: str | None = None
    buy_again: bool = False

    def tenant_of(self, runtime: Runtime) -> str:
        """Return the tenant on whose behalf the work is done."""
        return self.tenant or runtime.settings.tenant

    def new_job(
        self,
        runtime: Runtime,
        kind: JobKind,
        items: tuple[Item, ...] = (),
        *,
        origin: Origin,
        lane: Lane | None = None,
        about: str | None = None,
    ) -> NewJob:
        """Return a job of *items*, none of them where they are submitted part by part.

        Its *lane* is that of the number of its items, unless it is given.
        """
        return NewJob(
            kind,
            items,
            self.tenant_of(runtime),
            self.max_cost_micros,
            lane=lane or (lane_of(len(items)) if items else Lane.PIPELINE),
            origin=origin,
            deadline=self.deadline,
            about=about,
            policy=runtime.leads.policy_version if kind in _JUDGED else None,
            buy_again=self.buy_again,
        )


_JUDGED: Final = frozenset({JobKind.PIPELINE, JobKind.REJUDGE})


async def submit(
    runtime: Runtime,
    new: NewJob,
    *,
    job_id: str | None = None,
    idempotency_key: str | RequestKey | None = None,
) -> Job:
    """Accept *new* durably and announce it; as `submit_stream`, for items in hand."""

    async def items() -> AsyncIterator[Sequence[Item]]:
        for start in range(0, len(new.items), TOGETHER):
            yield new.items[start : start + TOGETHER]

    return await submit_stream(
        runtime, new, items(), job_id=job_id, idempotency_key=idempotency_key
    )


async def submit_stream(
    runtime: Runtime,
    new: NewJob,
    items: AsyncIterable[Sequence[Item]],
    *,
    job_id: str | None = None,
    idempotency_key: str | RequestKey | None = None,
    failed_items: Numbers | None = None,
) -> Job:
    """Accept a job whose *items* come some at a time; equal unfinished work is returned instead.

    Nothing of it is visible before the last item has come. If *items* raises, or the caller is
    cancelled, nothing was accepted. Companies that are known already are answered here.

    A caller that has to tell a new job from an existing one chooses *job_id* (`uuid4().hex`)
    and compares. For a day (`IDEMPOTENCY_TTL`) an *idempotency_key* leads to the same job,
    finished or not; a caller that has begun a request with it (`IdempotencyKeys`) gives its `key`.
    *failed_items* are the numbers of the parent's dead letters that this job works on, complete
    when the last item has come: no other job gets them.

    An accepted job completes or fails visibly, even if workers crash: where a wake-up is lost,
    workers look by themselves.

    Raises:
        StoreFull: Redis has hardly any memory left; nothing was accepted.
        KeyReused: The key led to a job for other work.
        KeyInFlight: Another request has the key.
        AlreadyRequeued: Another job has one of *failed_items*; nothing was accepted.
        StoreUnavailable: Redis is unavailable. Asking again is safe: if the work was accepted after
            all, it is found.
    """
    job_id = job_id or uuid.uuid4().hex
    unsealed = runtime.jobs.intake.begin(job_id, new)
    async with _discarded_on_failure(unsealed):
        companies = await _fill(runtime, new, unsealed, items)
    if new.max_cost_micros is not None:
        # Before the job can be seen: a worker may take it up at once.
        await runtime.purchasing.budget.set_cap(run_account(job_id), new.max_cost_micros)
    key = _request_key(new.tenant, idempotency_key)
    try:
        accepted = await unsealed.seal(key, failed_items=failed_items)
    except StoreRefused:
        # What was stored lives as long as a job by now. Only a refusal says that there is none.
        with contextlib.suppress(StoreUnavailable):
            await unsealed.discard()
        raise
    job = await runtime.jobs.records.job(accepted)
    if job is None:
        raise JobGone(accepted)
    if job.job_id != job_id and new.max_cost_micros is not None:
        # Equal work was there: the cap of a job that is none.
        with contextlib.suppress(StoreUnavailable):
            await runtime.purchasing.budget.drop_cap(run_account(job_id))
    if companies is not None and job.job_id == job_id:
        await companies.count_served()
    if job.job_id == job_id:
        await _announce(runtime, job)
    return job


@contextlib.asynccontextmanager
async def _discarded_on_failure(unsealed: UnsealedJob) -> AsyncIterator[None]:
    """Drop what was stored of a job that was not accepted.

    Not where the server does not answer: what was stored expires.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, StoreUnavailable) or isinstance(error, StoreRefused):
            with contextlib.suppress(StoreUnavailable):
                await unsealed.discard()
        raise


async def _fill(
    runtime: Runtime, new: NewJob, unsealed: UnsealedJob, items: AsyncIterable[Sequence[Item]]
) -> CompanyIntake | None:
    if new.kind is not JobKind.ENRICH:
        async for some in items:
            await unsealed.add(some)
        return None
    companies = CompanyIntake(runtime.purchasing.enricher, runtime.identity.index, unsealed)
    async for some in items:
        await companies.add(some)
    await companies.end()
    return companies


async def wait_for(runtime: Runtime, job: Job, patience: timedelta | None = None) -> Job | None:
    """Return *job* as it is when it has ended; None if *patience* ended first.

    To give up, or to be cancelled, changes nothing for the job.

    Raises:
        JobGone: Redis has lost its record, so no worker continues it.
        UnreadableJob: Its record cannot be read, with the same effect.
        StoreUnavailable: Redis is unavailable.
    """
    loop = asyncio.get_running_loop()
    pause_s = FIRST_PAUSE_S
    deadline = math.inf if patience is None else loop.time() + patience.total_seconds()
    while (left_s := deadline - loop.time()) > 0:
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        seen = await runtime.jobs.records.job(job.job_id)
        if seen is None:
            raise JobGone(job.job_id)
        if seen.state.is_final:
            return seen
    return None


async def command(runtime: Runtime, job_id: str, wanted: Command) -> Job | None:
    """Pause, resume or cancel a job; return it as it is after that, None if there is none.

    Durable: workers release its items within seconds, or when they are reachable again. A job
    that has ended does not change.

    Raises:
        UnreadableJob: Its record cannot be read.
        RemovedJob: It could not be read, was to be cancelled, and was removed.
        StoreUnavailable: Redis is unavailable. Asking again is safe.
    """
    try:
        state = await runtime.jobs.records.command(job_id, wanted)
    except UnreadableJob as unreadable:
        if wanted is not Command.CANCEL:
            raise
        await runtime.jobs.records.discard(job_id)
        raise RemovedJob(job_id, unreadable.problem) from None
    if state is None:
        return None
    job = await runtime.jobs.records.job(job_id)
    if job is not None and state is JobState.RUNNING:
        await _announce(runtime, job)
    return job


def worker_loops(runtime: Runtime) -> tuple[Loop, ...]:
    """Return the background loops of a worker, all but its heartbeat."""
    account = runtime.worker.account
    return (
        runtime.worker.runner.reconciler(),
        runtime.worker.sweeper.loop,
        runtime.gateway.repairs.loop,
        *(pruner.loop for pruner in runtime.worker.pruners),
        *(() if runtime.worker.relay is None else (runtime.worker.relay.loop,)),
        runtime.worker.scheduler.loop(partial(submit, runtime)),
        Loop("clock", runtime.follow_clock, CLOCK_PERIOD),
        *(() if account is None else (Loop("surfsense", account.refresh, KEEP),)),
    )


async def _announce(runtime: Runtime, job: Job) -> None:
    """Wake workers for *job*. If that fails they find it by themselves."""
    if not job.state.is_workable:
        return
    try:
        async with asyncio.timeout(NOTIFY_PATIENCE.total_seconds()):
            await runtime.jobs.notifier.notify(job.lane, min(job.chunks, FIRST_WAKE_UPS))
    except Exception as error:  # noqa: BLE001 - the job is stored, and is found without
        log.warning("wake_up.not_sent", job_id=job.job_id, lane=job.lane, error=error_class(error))


def _request_key(tenant: str, key: str | RequestKey | None) -> RequestKey | None:
    if key is None or isinstance(key, RequestKey):
        return key
    return RequestKey(idempotency_name(tenant, key), IDEMPOTENCY_TTL)


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
class RequeueReport:
    """What is queued again of all jobs that a filter has found; `jobs` has those with something."""

    jobs: Sequence[Requeue]
    left: Counter[str]
    before: Counter[str]

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


async def requeue_all(
    runtime: Runtime, wanted: FailureFilter, terms: Terms, *, dry_run: bool = False
) -> RequeueReport:
    """Queue the failed items that are *wanted* again, within *terms*; return what became of them.

    With *dry_run* nothing changes. Otherwise, and for the errors, see `requeue`.
    """
    cap, jobs = terms.max_cost_micros, list[Requeue]()
    left, before = Counter[str](), Counter[str]()
    if dry_run:
        found = preview_requeue(runtime, wanted, max_cost_micros=cap)
    else:
        found = requeue(runtime, wanted, max_cost_micros=cap, deadline=terms.deadline)
    async for each in found:
        left += each.left
        before += each.before
        if each.items:
            jobs.append(each)
    return RequeueReport(jobs, left, before)


async def preview_requeue(
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
        cost = to_buy * runtime.purchasing.price_micros
        yield chosen.as_requeue(None, cap, cost if cap is None else min(cost, cap))


async def requeue(
    runtime: Runtime,
    wanted: FailureFilter,
    *,
    max_cost_micros: int | None = None,
    deadline: datetime | None = None,
) -> AsyncIterator[Requeue]:
    """Queue the dead letters that are *wanted* again, one new job for each old one.

    Those whose reason says that something must be fixed first, or that they may have been charged,
    only if *wanted* names the reason: the latter are bought once more then. A dead letter is queued
    again once, however often and by however many callers. A new job may spend *max_cost_micros*,
    or what is left of the cap of the old one; what has not begun by *deadline* fails.

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
        policy=runtime.leads.policy_version if job.kind in _JUDGED else None,
        # To name such a reason is to ask for another purchase.
        buy_again=not BOUGHT_AGAIN.isdisjoint(wanted.codes),
    )
    while True:
        chosen = _Chosen(runtime, job, wanted)
        if not await chosen.is_any():
            return chosen.as_requeue(None, cap_micros)
        try:
            new = await submit_stream(runtime, retry, chosen.items(), failed_items=chosen.numbers)
        except AlreadyRequeued:
            # Another caller was quicker with some of them; what is left is read anew.
            continue
        return chosen.as_requeue(new, cap_micros)


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

    def as_requeue(self, job: Job | None, cap: int | None, cost: int | None = None) -> Requeue:
        """Return the chosen items as a `Requeue`."""
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
    return max(0, job.max_cost_micros - await spent_by(runtime, job.job_id))


async def spent_by(runtime: Runtime, job_id: str) -> int:
    """Return what a job has spent, in micro-USD, and may have spent on answers that were lost.

    It is more than the costs of its results add up to: an item that failed has none, whatever was
    bought for it before.

    Raises:
        StoreUnavailable, DatabaseUnavailable: The job's account cannot be read.
    """
    return (await runtime.purchasing.budget.account(run_account(job_id))).spent_micros


async def _to_buy(
    runtime: Runtime, job: Job, failed_items: Sequence[FailedItem], companies: Distinct
) -> int:
    """Return how many prices the companies of *failed_items* would cost at most.

    Those of *companies* are not counted; they are noted, price by price.
    """
    if job.kind is JobKind.REJUDGE:
        return 0
    named = [item for item in failed_items if item.company_key is not None]
    asked: list[WantedCompany] = [
        (each.mention, wants_profile) for each in named if each.lead_id is None
    ]
    ids = [UUID(item.lead_id) for item in failed_items if item.lead_id is not None]
    stored = (await runtime.leads.store.leads(ids)).values()
    leads = [each for each in stored if own_key(mention_of(each)) is not None]
    asked += leads_asked(runtime.leads.pipeline, leads, runtime.clock())
    # A lead that is not there may be soon, with any company.
    enricher = runtime.purchasing.enricher
    to_buy = (len(set(ids)) - len(stored)) * enricher.most_prices
    for preview in await enricher.preview(asked):
        for price in range(preview.most_prices if preview.buys else 0):
            known = len(companies)
            to_buy += companies.number(f"{preview.company_key}\0{price}") == known
    return to_buy

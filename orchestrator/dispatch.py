"""Accepts work and what is asked of it later. One way in for every door."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from orchestrator.app import Runtime
from orchestrator.handlers import CompanyIntake
from orchestrator.infra.background import Loop
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreRefused, StoreUnavailable
from orchestrator.jobs import (
    IDEMPOTENCY_TTL,
    Command,
    Item,
    Job,
    JobGone,
    JobKind,
    JobState,
    NewJob,
    Numbers,
    RemovedJob,
    RequestKey,
    UnreadableJob,
    UnsealedJob,
    idempotency_name,
)
from orchestrator.purchasing import run_account

#: Pause between two comparisons of a worker's clock with the server's.
CLOCK_PERIOD: Final = timedelta(seconds=15)
#: Wake-ups for a job, if it has as many chunks. A worker that takes work of a lane that has more
#: wakes the next worker, so these only have to reach one.
FIRST_WAKE_UPS: Final = 4
#: Items in hand that are stored at a time; between two of them other work has its turn.
TOGETHER: Final = 1_000
#: How long a caller whose job is accepted waits for them.
NOTIFY_PATIENCE: Final = timedelta(seconds=1)

log = structlog.get_logger(__name__)


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

    Nothing of it can be seen before the last item has come. If *items* raises, or the caller is
    cancelled, nothing was accepted. Companies that are known already are answered here.

    A caller who must tell a new job from one that was there chooses *job_id* (`uuid4().hex`)
    and compares. For a day (`IDEMPOTENCY_TTL`) an *idempotency_key* leads to the same job,
    finished or not; a caller that has begun a request with it (`IdempotencyKeys`) gives its `key`.
    *failed_items* are the numbers of the parent's dead letters that this job works on, complete
    when the last item has come: no other job gets them.

    When this returns the work is done or visibly failed some day, whatever is killed: where a
    wake-up is lost, some worker looks by itself.

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
    """Drop what was stored of a job that does not come in, whatever ends the block.

    Where the server does not answer, nobody waits for it once more: what was stored expires.
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
    companies = CompanyIntake(runtime.purchasing.enricher, unsealed)
    async for some in items:
        await companies.add(some)
    await companies.end()
    return companies


async def command(runtime: Runtime, job_id: str, wanted: Command) -> Job | None:
    """Pause, resume or cancel a job; return it as it is after that, None if there is none.

    Durable: what is in a worker's hands is let go within seconds, also of one that is unavailable.
    Where the job is beyond what was asked, nothing changes.

    Raises:
        UnreadableJob: Its record cannot be read.
        RemovedJob: So it was, and it was to be cancelled: it was removed.
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
    return (
        runtime.worker.reconciler.loop,
        runtime.worker.sweeper.loop,
        *(pruner.loop for pruner in runtime.worker.pruners),
        *(() if runtime.worker.relay is None else (runtime.worker.relay.loop,)),
        runtime.worker.scheduler.loop(partial(submit, runtime)),
        Loop("clock", runtime.follow_clock, CLOCK_PERIOD),
    )


async def _announce(runtime: Runtime, job: Job) -> None:
    """Wake workers for *job*, which is accepted whether or not that works: they look, too."""
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

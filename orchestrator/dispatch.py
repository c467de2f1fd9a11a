"""Accepts work: stores the job, caps it, rings for its chunks. One way in for every door."""

import contextlib
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Sequence

from orchestrator.bootstrap import Runtime
from orchestrator.jobs import Item, Job, JobKind, NewJob, Order, UnsealedJob
from orchestrator.memo import StoreUnavailable
from orchestrator.pipeline import CompanyIntake
from orchestrator.spend import run_account


async def submit(runtime: Runtime, new: NewJob, *, job_id: str | None = None) -> Job:
    """Accept *new* durably and announce it; as `submit_stream`, for items in hand."""

    async def items() -> AsyncIterator[Sequence[Item]]:
        yield new.items

    return await submit_stream(runtime, new.order, items(), job_id=job_id)


async def submit_stream(
    runtime: Runtime,
    order: Order,
    items: AsyncIterable[Sequence[Item]],
    *,
    job_id: str | None = None,
) -> Job:
    """Accept a job whose *items* come some at a time; equal unfinished work is returned instead.

    Nothing of it can be seen before the last item has come. If *items* raises, or the caller is
    cancelled, nothing was accepted. Companies that are known already are answered here.

    A caller who must tell a new job from one that was there chooses *job_id* (`uuid4().hex`)
    and compares.

    When this returns the work is done or visibly failed some day, whatever is killed: a
    doorbell that is lost is rung again by the reconciler of any worker.

    Raises:
        StoreFull: Redis has hardly any memory left; nothing was accepted.
        StoreUnavailable: Redis is away. Asking again is safe: if the work was accepted after
            all, it is found.
    """
    job_id = job_id or uuid.uuid4().hex
    unsealed = runtime.intake.begin(job_id, order, chunk_size=runtime.settings.chunk_size)
    try:
        companies = await _fill(runtime, order, unsealed, items)
    except BaseException:
        # By a server that is away, too: then what was stored expires.
        with contextlib.suppress(StoreUnavailable):
            await unsealed.discard()
        raise
    if order.max_cost_micros is not None:
        # Before the job can be seen: a worker may take it up at once.
        await runtime.budget.set_cap(run_account(job_id), order.max_cost_micros)
    job = await runtime.records.job(await unsealed.seal())
    if job is None:
        raise StoreUnavailable("accept")
    if companies is not None and job.job_id == job_id:
        await companies.count_served()
    await _announce(runtime, job)
    return job


async def _fill(
    runtime: Runtime, order: Order, unsealed: UnsealedJob, items: AsyncIterable[Sequence[Item]]
) -> CompanyIntake | None:
    if order.kind is not JobKind.ENRICH:
        async for some in items:
            await unsealed.add(some)
        return None
    companies = CompanyIntake(runtime.enricher, unsealed)
    async for some in items:
        await companies.add(some)
    await companies.end()
    return companies


async def _announce(runtime: Runtime, job: Job) -> None:
    for chunk in await runtime.records.silent_chunks(job.job_id):
        if await runtime.records.may_ring(job.job_id, chunk):
            await runtime.doorbell.ring(job.job_id, chunk)

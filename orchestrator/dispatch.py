"""Accepts work: stores the job, caps it, rings for its chunks. One way in for every door."""

import uuid

from orchestrator.bootstrap import Runtime
from orchestrator.jobs import Job, NewJob
from orchestrator.spend import run_account


async def submit(runtime: Runtime, new: NewJob, *, job_id: str | None = None) -> Job:
    """Accept *new* durably and announce it; equal unfinished work is returned instead.

    A caller who must tell the two apart chooses *job_id* (`uuid4().hex`) and compares.

    When this returns the work is done or visibly failed some day, whatever is killed: a
    doorbell that is lost is rung again by the reconciler of any worker.

    Raises:
        StoreUnavailable: Redis is away. Asking again is safe: if the work was accepted after
            all, it is found.
    """
    job_id = job_id or uuid.uuid4().hex
    if new.max_cost_micros is not None:
        # Before the job can be seen: a worker may take it up at once.
        await runtime.budget.set_cap(run_account(job_id), new.max_cost_micros)
    job = await runtime.records.accept(job_id, new, chunk_size=runtime.settings.chunk_size)
    for chunk in await runtime.records.silent_chunks(job.job_id):
        if await runtime.records.may_ring(job.job_id, chunk):
            await runtime.doorbell.ring(job.job_id, chunk)
    return job

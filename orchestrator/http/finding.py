"""Finds the job that an address names."""

import re

from orchestrator.app import Runtime
from orchestrator.jobs import Job, UnreadableJob

from .errors import not_found
from .security import Caller

# Anything else is nobody's job, and might be the name of another key of the same database.
_JOB_ID = re.compile(r"[0-9a-f]{32}")


async def found_job(runtime: Runtime, caller: Caller, job_id: str) -> Job:
    """Return the job; answer 404 if there is none that *caller* may see.

    Raises:
        UnreadableJob: Its record cannot be read, and the caller may see every job.
    """
    try:
        job = await runtime.jobs.records.job(job_id) if _JOB_ID.fullmatch(job_id) else None
    except UnreadableJob:
        if caller.tenant is None:
            raise
        job = None  # whose it is cannot be read either
    if job is None or not caller.sees(job.tenant):
        days = runtime.settings.job_ttl.days
        raise not_found(
            "unknown_job",
            f"There is no such job; jobs are remembered for {days} days after their acceptance.",
        )
    return job

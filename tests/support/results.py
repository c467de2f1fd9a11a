"""What was reported of a job, read as the product reads it."""

from typing import Any

from redis.asyncio import Redis

from orchestrator.jobs import Job, JobResults


async def reported_results(redis: Redis, job: Job) -> list[tuple[int, dict[str, Any]]]:
    """Return (number, result) of all rows of *job* that have one."""
    pages = JobResults(redis).pages(job, 0, job.total)
    return [(row.number, row.result) async for page in pages for row in page]

"""Repairs what something else has written over the keys of jobs, so that no lane or list stops.

An index of another type is set aside and built anew from the records; a job that is damaged itself
is set aside alone. Both are logged, and `emasai doctor` names them.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import structlog
from redis.asyncio import Redis

from orchestrator.infra.redis_client import (
    DAMAGE,
    StoreRefused,
    load_script,
    scan_batches,
    store_errors,
)
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.keys import ROOT

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: How long what was set aside can be looked at.
KEPT: Final = timedelta(days=7)
_MS: Final = timedelta(milliseconds=1)
#: Ids of jobs have so many characters.
_ANY_JOB: Final = ROOT + "?" * 32


async def with_repair(
    redis: Redis,
    operation: str,
    step: Callable[[], Awaitable[T]],
    *,
    job_id: str | None = None,
    ttl: timedelta = KEPT,
) -> T:
    """Return what *step* returns; where an index of jobs is damaged, repair that first.

    Raises:
        UnreadableJob: *job_id* itself is damaged; it is set aside.
        StoreUnavailable: Redis is unavailable, or refuses *operation* for another reason.
    """
    try:
        with store_errors(operation):
            return await step()
    except StoreRefused as refused:
        if refused.reason not in DAMAGE:
            raise
    await fix(redis, ttl=ttl)
    try:
        with store_errors(operation):
            return await step()
    except StoreRefused as refused:
        if refused.reason not in DAMAGE or job_id is None:
            raise
        await set_aside(redis, job_id, ttl=ttl)
        raise UnreadableJob(job_id, "a part of another type") from None


async def fix(redis: Redis, *, ttl: timedelta = KEPT) -> None:
    """Set aside all indexes of jobs that are damaged, and build them anew."""
    script = load_script(redis, "orchestrator.jobs", "job", "fix")
    with store_errors("job fix"):
        moved = await script(keys=[ROOT], args=[ttl // _MS])
        if moved:
            async for batch in scan_batches(redis, _ANY_JOB):
                job_ids = [key.removeprefix(ROOT.encode()) for key in batch]
                await script(keys=[ROOT], args=[ttl // _MS, *job_ids])
            names = sorted(name.decode("utf-8", "backslashreplace") for name in moved)
            log.error("jobs.index_set_aside", keys=names)


async def set_aside(redis: Redis, job_id: str, *, ttl: timedelta = KEPT) -> None:
    """Keep a job that is damaged from being worked on."""
    script = load_script(redis, "orchestrator.jobs", "job", "aside")
    with store_errors("job set aside"):
        await script(keys=[ROOT], args=[ttl // _MS, job_id])
    log.error("job.set_aside", job_id=job_id)

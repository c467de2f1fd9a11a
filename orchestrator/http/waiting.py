"""Waits for a job on behalf of a caller that would rather not ask again."""

import asyncio
from datetime import timedelta
from typing import Final

from orchestrator.app import Runtime
from orchestrator.jobs import Job, JobGone

#: Seconds between two looks: short where the answer is known already, longer where it is bought.
FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.5


async def ended_within(runtime: Runtime, job: Job, patience: timedelta) -> Job | None:
    """Return *job* as it is when it has ended; None if *patience* ended first.

    To give up, or to be cancelled, changes nothing for the job.

    Raises:
        JobGone: Redis has lost its record, so nobody works on it any more.
        UnreadableJob: Its record cannot be read, with the same effect.
        StoreUnavailable: Redis is unavailable.
    """
    loop = asyncio.get_running_loop()
    deadline, pause_s = loop.time() + patience.total_seconds(), FIRST_PAUSE_S
    while (left_s := deadline - loop.time()) > 0:
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        seen = await runtime.jobs.records.job(job.job_id)
        if seen is None:
            raise JobGone(job.job_id)
        if seen.state.is_final:
            return seen
    return None

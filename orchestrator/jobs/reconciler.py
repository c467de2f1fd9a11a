"""Rings again for accepted work that nobody holds: lost messages, dead workers.

Runs in every worker and is harmless in any number: marking a chunk as rung is a
compare-and-set, and a doorbell too many is a no-op at the claim.
"""

import asyncio
from datetime import timedelta

import structlog

from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.runner import Doorbell
from orchestrator.memo import StoreUnavailable

log = structlog.get_logger(__name__)


class Reconciler:
    """Looks for silent chunks every *period*."""

    def __init__(
        self,
        records: JobRecords,
        doorbell: Doorbell,
        *,
        period: timedelta = timedelta(seconds=1),
    ) -> None:
        self._records = records
        self._doorbell = doorbell
        self._period = period

    async def run(self) -> None:
        """Reconcile until cancelled; a Redis that is away is waited out."""
        while True:
            try:
                await self.reconcile()
            except StoreUnavailable as away:
                log.warning("reconciler.store_away", operation=away.operation)
            except Exception:
                # One job's trouble must not end the watch over all others.
                log.exception("reconciler.failed")
            await asyncio.sleep(self._period.total_seconds())

    async def reconcile(self) -> int:
        """Ring for every silent chunk once; return how many.

        While doorbells wait no worker is idle, and ringing more would only lengthen the queue.
        """
        if await self._doorbell.waiting():
            return 0
        rung = 0
        for job_id in await self._records.active():
            if await self._records.job(job_id) is None:
                await self._records.forget(job_id)
                continue
            for chunk in await self._records.silent_chunks(job_id):
                if await self._records.may_ring(job_id, chunk):
                    await self._doorbell.ring(job_id, chunk)
                    rung += 1
        return rung

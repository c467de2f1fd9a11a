"""Drops evidence that has been kept long enough. Runs in every worker, harmless in any number."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from orchestrator.clock import Clock
from orchestrator.database import DatabaseUnavailable

from .archive import CHUNK, EvidenceArchive

log = structlog.get_logger(__name__)

#: How often each worker looks. What is kept for months is not dropped to the minute.
PERIOD: Final = timedelta(hours=1)


class ArchivePruner:
    """Drops what was archived longer ago than *keep*."""

    def __init__(
        self,
        archive: EvidenceArchive,
        clock: Clock,
        *,
        keep: timedelta,
        period: timedelta = PERIOD,
        batch: int = CHUNK,
    ) -> None:
        self._archive = archive
        self._clock = clock
        self._keep = keep
        self._period = period
        self._batch = batch

    async def run(self) -> None:
        """Prune until cancelled; a database that is away is waited out."""
        while True:
            try:
                await self.prune()
            except DatabaseUnavailable as away:
                log.warning("archive.pruning_postponed", error=str(away))
            await asyncio.sleep(self._period.total_seconds())

    async def prune(self) -> int:
        """Drop all that is due, a short transaction at a time; return how many answers."""
        before = self._clock() - self._keep
        dropped = 0
        while True:
            batch = await self._archive.prune(before, limit=self._batch)
            dropped += batch
            if batch < self._batch:
                break
        if dropped:
            log.info("archive.pruned", answers=dropped)
        return dropped

"""Drops what has been kept long enough. Runs in every worker, harmless in any number."""

from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from orchestrator.infra.background import Loop
from orchestrator.infra.clock import Clock

log = structlog.get_logger(__name__)

#: How often each worker looks. What is kept for months is not dropped to the minute.
PERIOD: Final = timedelta(hours=1)
#: Rows of one transaction.
BATCH: Final = 500


class Prunable(Protocol):
    """What keeps rows that grow old."""

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Drop up to *limit* rows from before *before*; fewer say that none is left."""


class Pruner:
    """Drops what *kept*, which logs call *what*, has had for longer than *keep*."""

    def __init__(
        self,
        what: str,
        kept: Prunable,
        clock: Clock,
        *,
        keep: timedelta,
        batch: int = BATCH,
    ) -> None:
        self.what = what
        self._kept = kept
        self._clock = clock
        self._keep = keep
        self._batch = batch

    @property
    def loop(self) -> Loop:
        """The loop that every worker runs."""
        return Loop(f"pruner of {self.what}", self.prune, PERIOD)

    async def prune(self) -> int:
        """Drop all that is due, a short transaction at a time; return how many rows."""
        before = self._clock() - self._keep
        dropped = 0
        while True:
            batch = await self._kept.prune(before, limit=self._batch)
            dropped += batch
            if batch < self._batch:
                break
        if dropped:
            log.info("pruner.pruned", what=self.what, rows=dropped)
        return dropped

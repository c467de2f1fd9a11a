"""Compares a share of what the cache has answered with the database, while the system runs.

The promise that no read is stale is proved beforehand (docs/protocol.md); this checks it at run
time. Divergences are counted for `/metrics` and `emasai doctor`, and their copies are dropped.
"""

from datetime import timedelta
from typing import Final

import structlog

from orchestrator.infra.background import Loop
from orchestrator.infra.counters import Counters

from .records import Records

log = structlog.get_logger(__name__)

#: Names of the counts.
COMPARED: Final = "comparisons.all"
DIVERGED: Final = "comparisons.diverged"
PERIOD: Final = timedelta(seconds=1)


class Comparison:
    """Compares the reads that `Records` has sampled. One per process that reads for others."""

    def __init__(self, records: Records, counters: Counters) -> None:
        self._records = records
        self._counters = counters

    @property
    def loop(self) -> Loop:
        """The loop that every API process runs."""
        return Loop("cache comparison", self.compare, PERIOD)

    async def compare(self) -> None:
        """Compare all that was sampled since the last time.

        Raises:
            DatabaseUnavailable: It does not answer; the rest of the sample is compared later.
        """
        async for compared in self._records.compare_sampled():
            self._counters.add(COMPARED)
            if compared.is_divergent:
                self._counters.add(DIVERGED)
                # No id: it is a person's.
                log.error(
                    "cache.diverged",
                    kind=compared.kind,
                    cached=compared.cached,
                    stored=compared.stored,
                )

"""Looks for accepted work that nobody holds: lost messages, dead workers.

Runs in every worker and is harmless in any number: taking a chunk is a compare-and-set, and
a worker without a free place does not look.
"""

from datetime import timedelta

from orchestrator.infra.background import Loop
from orchestrator.infra.slots import Lane
from orchestrator.jobs.runner import ChunkRunner, Notifier


class Reconciler:
    """Wakes one place of every lane that this process listens to, every *period*."""

    def __init__(
        self,
        runner: ChunkRunner,
        notifier: Notifier,
        *,
        period: timedelta = timedelta(seconds=1),
    ) -> None:
        self._runner = runner
        self._notifier = notifier
        self._period = period

    @property
    def loop(self) -> Loop:
        """The loop that every worker runs."""

        async def work() -> None:
            self.reconcile()

        return Loop("reconciler", work, self._period)

    def reconcile(self) -> None:
        """Have each lane looked into once; where there is more, that wakes others."""
        for lane in self._notifier.lanes():
            self._runner.wake(Lane(lane))

"""A notifier for tests that only records which lanes it was asked to wake."""

from collections.abc import Collection

from orchestrator.jobs import Lane


class FakeNotifier:
    """Records the lanes it was asked to wake."""

    def __init__(self, lanes: Collection[str] = tuple(Lane)) -> None:
        self.notified: list[str] = []
        self._lanes = lanes

    async def notify(self, lane: str, times: int = 1) -> None:
        """Record the wake-ups."""
        self.notified += [lane] * times

    def lanes(self) -> Collection[str]:
        """Return the lanes that this process is said to listen to."""
        return self._lanes

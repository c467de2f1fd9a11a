"""Doorbells for tests: one that only remembers which lanes were rung for."""

from collections.abc import Collection

from orchestrator.jobs import Lane


class FakeDoorbell:
    """Remembers its rings; tests answer them, or leave them lost."""

    def __init__(self, lanes: Collection[str] = tuple(Lane)) -> None:
        self.rings: list[str] = []
        self.lanes = lanes

    async def ring(self, lane: str, times: int = 1) -> None:
        """Remember the rings."""
        self.rings += [lane] * times

    def heard(self) -> Collection[str]:
        """Return the lanes that this process is said to listen to."""
        return self.lanes

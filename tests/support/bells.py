"""Doorbells for tests: one that only remembers who was rung for."""


class FakeDoorbell:
    """Remembers its rings; tests answer them, or leave them lost."""

    def __init__(self, *, waits: int = 0) -> None:
        self.rings: list[tuple[str, int]] = []
        self.waits = waits

    async def ring(self, job_id: str, chunk: int) -> None:
        """Remember the ring."""
        self.rings.append((job_id, chunk))

    async def waiting(self) -> int:
        """Return how many rings are said to wait."""
        return self.waits

    def taken(self) -> list[tuple[str, int]]:
        """Return the rings so far, and forget them."""
        rings, self.rings = self.rings, []
        return rings

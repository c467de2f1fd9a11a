"""The one place where the process reads the time; tests pass a clock of their own."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]

#: By how much two clocks may differ before it counts.
TOLERANCE: Final = timedelta(seconds=2)


def utc_now() -> datetime:
    """Return the current instant as an aware UTC datetime."""
    return datetime.now(UTC)


def instant(at_ms: int) -> datetime:
    """Return the aware UTC instant so many milliseconds after the epoch."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


class ServerClock:
    """The time of a server, so that all processes decide by the same clock.

    `ahead` is by how much this machine's own clock is ahead of it; zero before the first
    comparison, and while the difference is within the error of a comparison.
    """

    def __init__(self, own: Clock = utc_now) -> None:
        self._own = own
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the server's current instant."""
        return self._own() - self.ahead

    async def follow(self, server: Callable[[], Awaitable[datetime]]) -> timedelta:
        """Compare with the *server*'s clock; return by how much `ahead` has changed."""
        before = self.ahead
        self.ahead = await ahead_of(server, self._own)
        return self.ahead - before


async def ahead_of(server: Callable[[], Awaitable[datetime]], own: Clock = utc_now) -> timedelta:
    """Return by how much *own* is ahead of the *server*'s clock; zero within the error."""
    asked_at = own()
    server_time = await server()
    half = (own() - asked_at) / 2  # the server read its clock somewhere between both
    ahead = asked_at + half - server_time
    return ahead if abs(ahead) > TOLERANCE + half else timedelta(0)

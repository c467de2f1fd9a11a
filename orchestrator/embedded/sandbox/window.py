"""SurfSense's rate limit: so many requests in a minute that begins with the first of them."""

from collections.abc import Callable
from math import ceil, inf

#: Length of a window in seconds.
WINDOW_S = 60.0


class FixedWindow:
    """Counts the requests of one window. Refused requests do not extend it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.forget()

    def forget(self) -> None:
        """Begin anew, as if nothing had been asked."""
        self._began = -inf
        self._admitted = 0

    def seconds_to_wait(self, limit: int | None) -> int:
        """Admit a request, returning 0, or refuse it and say when the window ends."""
        now = self._monotonic()
        if now - self._began >= WINDOW_S:
            self._began, self._admitted = now, 0
        if limit is not None and self._admitted >= limit:
            return ceil(self._began + WINDOW_S - now)
        self._admitted += 1
        return 0

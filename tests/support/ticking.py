"""A clock that tests set."""

from datetime import datetime, timedelta


class SetClock:
    """Stands still until time is made to pass."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Return the instant."""
        return self._now

    def pass_by(self, duration: timedelta) -> None:
        """Let *duration* pass."""
        self._now += duration

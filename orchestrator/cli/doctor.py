"""`emasai doctor`: is everything as it must be, and if not, what mends it."""


def doctor() -> None:
    """Check."""

"""Waiting for something to become true, instead of sleeping and hoping."""

from collections.abc import Callable
from threading import Event
from time import monotonic

#: Seconds between two looks.
LOOK_S = 0.05


def wait_until(predicate: Callable[[], bool], *, description: str, timeout_s: float = 100) -> None:
    """Return once *predicate* holds; fail with *description* if it does not in time."""
    deadline, pause = monotonic() + timeout_s, Event()
    while not predicate():
        if monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {description}")
        pause.wait(LOOK_S)

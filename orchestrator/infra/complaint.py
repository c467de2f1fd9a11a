"""Says in the log that something stays wrong, without a line for each time it is met."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

#: At most one line in this time for each event.
INTERVAL = timedelta(minutes=1)


class Log(Protocol):
    """What a complaint needs of a structlog logger."""

    def warning(self, event: str, /, **fields: object) -> object:
        """Write one line."""


@dataclass(slots=True)
class _Silence:
    until: float
    left_out: int = 0


class Complaint:
    """Writes the first occurrence of an event, then one line a minute with the count between."""

    def __init__(self, log: Log, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic
        self._silences: dict[str, _Silence] = {}

    def make(self, event: str, **fields: object) -> None:
        """Log *event* with *fields*, or count it for the next line about the same event."""
        silence = self._silences.get(event)
        now = self._monotonic()
        if silence is not None and now < silence.until:
            silence.left_out += 1
            return
        left_out = 0 if silence is None else silence.left_out
        self._silences[event] = _Silence(now + INTERVAL.total_seconds())
        self._log.warning(event, left_out=left_out, **fields)


def error_class(error: BaseException) -> str:
    """Return the class of *error* with that of its first cause; never its message.

    Messages of foreign errors may quote data or a password. `StoreUnavailable(TimeoutError)` tells
    a server that does not answer from `StoreUnavailable(OutOfMemoryError)`, one that is full.
    """
    name, first, seen = type(error).__name__, error, {id(error)}
    while first.__cause__ is not None and id(first.__cause__) not in seen:
        if isinstance(first.__cause__, asyncio.CancelledError):
            break  # how a timeout is made
        first = first.__cause__
        seen.add(id(first))
    return name if first is error else f"{name}({type(first).__name__})"

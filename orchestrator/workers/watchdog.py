"""Watches its own process from a thread, and ends it when it is stalled.

A thread, because whatever is stalled may be the main thread or the event loop.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Protocol

import structlog

from orchestrator.complaint import Complaint
from orchestrator.workers.stall import Look, Stall, StallClock

log = structlog.get_logger(__name__)

#: Time between two looks; shorter where patience is.
PERIOD = timedelta(seconds=1)
#: Looks within what patience allows, at least: one alone proves little.
LOOKS = 5


class Watched(Protocol):
    """What is asked about the process. Called by the watchdog's thread only."""

    def pulse(self, answer: Callable[[], None]) -> None:
        """Have the event loop call *answer* when it takes a turn; never waits."""

    def waiting(self) -> frozenset[str] | None:
        """Return which of the process's queues have messages; None: the broker is away."""

    def received(self) -> int:
        """Return how many messages the process has ever received."""

    def has_room(self) -> bool:
        """Say whether it could work on one more message."""


class Watchdog:
    """Calls *bite* once with what is stalled, and with the queues concerned."""

    def __init__(
        self,
        watched: Watched,
        bite: Callable[[Stall, frozenset[str]], None],
        *,
        patience: timedelta,
    ) -> None:
        self._watched = watched
        self._bite = bite
        self._period = min(PERIOD, patience / LOOKS)
        # Looking takes its time, too, where the broker is slow to answer.
        self._clock = StallClock(patience, most=2 * self._period)
        self._complaint = Complaint(log)
        self._over = threading.Event()
        self._turned = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="emasai-watchdog", daemon=True)

    @property
    def unheard_for(self) -> timedelta:
        """For how long messages have waited that the process could have received."""
        return self._clock.unheard_for

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer: a process that is shutting down receives nothing, and is right."""
        self._over.set()

    def _watch(self) -> None:
        at = monotonic()
        self._turned.set()
        while True:
            turned = self._turned.is_set()
            if turned:
                self._turned.clear()
                self._watched.pulse(self._turned.set)
            if self._over.wait(self._period.total_seconds()):
                return
            waiting = self._waiting()
            now = monotonic()
            look = Look(
                timedelta(seconds=now - at),
                self._turned.is_set(),
                waiting,
                self._watched.received(),
                self._watched.has_room(),
            )
            at = now
            stall = self._clock.see(look)
            if stall is not None and not self._over.is_set():
                self._bite(stall, self._clock.unheard)
                return

    def _waiting(self) -> frozenset[str] | None:
        try:
            return self._watched.waiting()
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody must go on watching
            self._complaint.make("watchdog.look_failed", error=type(error).__name__)
            return None

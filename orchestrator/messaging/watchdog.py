"""Watches its own process from a thread, and ends it when it is stalled.

A thread, because whatever is stalled may be the main thread or the event loop.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Protocol

from orchestrator.infra.background import Supervisor
from orchestrator.messaging.stall import Look, Stall, StallClock

#: Time between two looks; shorter where patience is.
PERIOD = timedelta(seconds=1)
#: Looks within what patience allows, at least: one alone proves little.
LOOKS = 5


class Watched(Protocol):
    """What is asked about the process. Called by the watchdog's thread only."""

    def pulse(self, answer: Callable[[], None]) -> None:
        """Have the event loop call *answer* when it takes a turn; never waits."""

    def waiting(self) -> frozenset[str] | None:
        """Return which of the process's queues have messages; None: the broker is unavailable."""

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
        supervisor: Supervisor,
    ) -> None:
        self._watched = watched
        self._bite = bite
        self._supervisor = supervisor
        self._period = min(PERIOD, patience / LOOKS)
        # Looking takes its time, too, where the broker is slow to answer.
        self._clock = StallClock(patience, most=2 * self._period)
        self._over = threading.Event()
        self._turned = threading.Event()
        self._turned.set()
        self._looked_at = monotonic()
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
        self._looked_at = monotonic()
        self._supervisor.run_in_thread("watchdog", self._look, every=self._period, over=self._over)

    def _look(self) -> None:
        """Look once at the process, and end it if it is stalled."""
        waiting: frozenset[str] | None = None
        try:
            waiting = self._watched.waiting()
        finally:
            # A broker that cannot be asked, for whatever reason, does not excuse the event loop.
            stall = self._clock.see(self._seen(waiting))
            if stall is not None and not self._over.is_set():
                self._over.set()
                self._bite(stall, self._clock.unheard)
        if self._turned.is_set():
            self._turned.clear()
            self._watched.pulse(self._turned.set)

    def _seen(self, waiting: frozenset[str] | None) -> Look:
        before, self._looked_at = self._looked_at, monotonic()
        return Look(
            timedelta(seconds=self._looked_at - before),
            self._turned.is_set(),
            waiting,
            self._watched.received(),
            self._watched.has_room(),
        )

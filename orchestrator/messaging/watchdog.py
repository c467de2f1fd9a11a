"""Ends a worker process that has stopped working although it could.

Celery on Redis may lose its connection without an error and wait on it without end, most of all
after a restart of the broker; seen from outside, the process looks alive. A worker is stalled when

- messages have waited in one of its queues at every check for `STALL_PATIENCE`, while it had a free
  thread and received no message of any kind; or
- its event loop, on which all work runs, has not turned for as long.

A broker that does not answer the watchdog is unavailable to all workers, which is no stall: time
begins anew once it is back, since Celery needs some to connect again.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from time import monotonic
from typing import Final, Protocol

from orchestrator.infra.background import Supervisor

#: How long something may stand still. Celery connects again well within it after a restart of the
#: broker, and a worker that is merely starved of processor time catches up.
STALL_PATIENCE: Final = timedelta(seconds=60)
#: Exit code of a worker that has ended itself since it was stalled.
EXIT_STALLED: Final = os.EX_TEMPFAIL
#: Time between two checks; shorter where patience is.
PERIOD: Final = timedelta(seconds=1)
#: Looks within what patience allows, at least: one alone proves little.
LOOKS: Final = 5


class Stall(StrEnum):
    """What has stopped."""

    CONSUMER = "consumer"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the process has found.

    Attributes:
        passed: Time since the look before.
        turned: The event loop has taken a turn since the look before.
        waiting: Its queues that have messages; None if the broker did not answer.
        received: How many messages the process has ever received.
        has_room: It could work on one more message.
    """

    passed: timedelta
    turned: bool
    waiting: frozenset[str] | None
    received: int
    has_room: bool


class StallClock:
    """Accumulates looks into a stall verdict. Pure."""

    def __init__(self, patience: timedelta, *, most: timedelta) -> None:
        """Allow for *patience*.

        Args:
            patience: How long something may stand still.
            most: What counts between two looks at most: a process that was suspended, or
                starved, was not watching meanwhile, and gets its time to catch up.
        """
        self._patience = patience
        self._most = most
        self._received = 0
        self._still_for = timedelta(0)
        #: The queues in which messages wait that the process could have received.
        self.unheard: frozenset[str] = frozenset()
        #: How long they have waited.
        self.unheard_for = timedelta(0)

    def see(self, look: Look) -> Stall | None:
        """Take *look* into account; return what is stalled by now."""
        passed = min(look.passed, self._most)
        self._still_for = timedelta(0) if look.turned else self._still_for + passed
        self._listen(look, passed)
        if self._still_for >= self._patience:
            return Stall.LOOP
        if self.unheard_for >= self._patience:
            return Stall.CONSUMER
        return None

    def _listen(self, look: Look, passed: timedelta) -> None:
        has_received = look.received != self._received
        self._received = look.received
        if has_received or not look.has_room or not look.waiting:
            self.unheard, self.unheard_for = frozenset(), timedelta(0)
            return
        waited = self.unheard & look.waiting
        # Messages that are seen for the first time have not provably waited.
        self.unheard_for = self.unheard_for + passed if waited else timedelta(0)
        self.unheard = waited or look.waiting


class Watched(Protocol):
    """What the watchdog asks about the process, from its own thread."""

    def pulse(self, answer: Callable[[], None]) -> None:
        """Have the event loop call *answer* when it takes a turn; never waits."""

    def waiting(self) -> frozenset[str] | None:
        """Return which of the process's queues have messages; None without the broker."""

    def received(self) -> int:
        """Return how many messages the process has ever received."""

    def has_room(self) -> bool:
        """Say whether it could work on one more message."""


class Watchdog:
    """Calls *on_stall* once with what is stalled, and with the queues concerned.

    It watches from a thread, because the main thread or the event loop may be what is stalled.
    """

    def __init__(
        self,
        watched: Watched,
        on_stall: Callable[[Stall, frozenset[str]], None],
        *,
        patience: timedelta,
        supervisor: Supervisor,
    ) -> None:
        self._watched = watched
        self._on_stall = on_stall
        self._supervisor = supervisor
        self._period = min(PERIOD, patience / LOOKS)
        # A look takes time, too, where the broker is slow to answer.
        self._clock = StallClock(patience, most=2 * self._period)
        self._over = threading.Event()
        self._turned = threading.Event()
        self._turned.set()
        self._looked_at = monotonic()
        self._thread = threading.Thread(target=self._watch, name="emasai-watchdog", daemon=True)

    @property
    def unheard_for(self) -> timedelta:
        """How long messages have waited that the process could have received."""
        return self._clock.unheard_for

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching: a process that is shutting down receives nothing, as it should."""
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
                self._on_stall(stall, self._clock.unheard)
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

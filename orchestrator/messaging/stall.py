"""Decides whether a worker has stopped working although it could. Pure.

Celery on Redis may lose its connection without a word and wait on it for ever, most of all
after a restart of the broker; from outside the process looks alive. A worker is stalled when

- messages have waited in one of its queues at every look for as long as is allowed, and it had
  room for one, and received none of any kind; or
- its event loop, on which all work runs, has not taken a turn for as long.

A broker that does not answer whoever looks is unavailable for all workers, which is no stall: time
begins anew once it is back, since Celery needs some to connect again.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

#: How long something may stand still. Celery connects again well within it after a restart of the
#: broker, and a worker that is merely starved of processor time catches up.
STALL_PATIENCE: Final = timedelta(seconds=60)


class Stall(StrEnum):
    """What has stopped."""

    CONSUMER = "consumer"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the process has seen.

    Attributes:
        passed: Time since the look before.
        turned: The event loop has taken a turn since the look before.
        waiting: Its queues that have messages; None if the broker did not say.
        received: How many messages the process has ever received.
        has_room: It could work on one more message.
    """

    passed: timedelta
    turned: bool
    waiting: frozenset[str] | None
    received: int
    has_room: bool


class StallClock:
    """Adds looks up."""

    def __init__(self, patience: timedelta, *, most: timedelta) -> None:
        """Allow for *patience*.

        Args:
            patience: How long something may stand still.
            most: What counts between two looks at most: a process that was suspended, or
                starved, has not been watching meanwhile, and gets its time to catch up.
        """
        self._patience = patience
        self._most = most
        self._received = 0
        self._unheard: frozenset[str] = frozenset()
        self._unheard_for = timedelta(0)
        self._still_for = timedelta(0)

    @property
    def unheard_for(self) -> timedelta:
        """For how long messages have waited that the process could have received."""
        return self._unheard_for

    @property
    def unheard(self) -> frozenset[str]:
        """The queues in which they wait."""
        return self._unheard

    def see(self, look: Look) -> Stall | None:
        """Take *look* into account; return what is stalled by now."""
        passed = min(look.passed, self._most)
        self._still_for = timedelta(0) if look.turned else self._still_for + passed
        self._listen(look, passed)
        if self._still_for >= self._patience:
            return Stall.LOOP
        if self._unheard_for >= self._patience:
            return Stall.CONSUMER
        return None

    def _listen(self, look: Look, passed: timedelta) -> None:
        heard = look.received != self._received
        self._received = look.received
        if heard or not look.has_room or not look.waiting:
            self._unheard, self._unheard_for = frozenset(), timedelta(0)
            return
        waited = self._unheard & look.waiting
        # Messages that are seen for the first time have not waited for as long as can be proven.
        self._unheard_for = self._unheard_for + passed if waited else timedelta(0)
        self._unheard = waited or look.waiting

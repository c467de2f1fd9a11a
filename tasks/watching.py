"""What the watchdog asks of a Celery worker."""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Sized
from typing import Final, Protocol

from celery import Celery, signals
from celery.concurrency import get_implementation
from celery.concurrency.thread import TaskPool
from celery.worker import state

from orchestrator.messaging import ETA_TASKS, PROFILE, BrokerAway, Queues

#: What a worker ends with that has ended itself, since it was stalled.
EXIT_STALLED: Final = os.EX_TEMPFAIL
#: What an operator may decide for one worker: `--concurrency`, and `-E`.
MAY_DIFFER: Final = frozenset({"worker_concurrency", "worker_send_task_events"})
#: Innermost frames of a thread that are told.
FRAMES: Final = 8


class CeleryWorker(Protocol):
    """What is used of Celery's own object for a worker."""

    hostname: str
    concurrency: int
    prefetch_multiplier: int
    pool_cls: str | type[object]


class WatchedWorker:
    """A Celery worker as the watchdog sees it; it counts every message that Celery takes."""

    def __init__(
        self,
        app: Celery,
        worker: CeleryWorker,
        heard: Callable[[], frozenset[str]],
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        """Watch *worker*.

        Args:
            app: Its application.
            worker: Tells how many messages it answers at a time.
            heard: Returns the queues that it consumes.
            soon: Has the event loop make a call.
        """
        self._queues = Queues(app)
        self._worker = worker
        self._heard = heard
        self._soon = soon
        self._received = 0
        for signal in (signals.task_received, signals.task_rejected, signals.task_unknown):
            signal.connect(self._receive)

    def pulse(self, answer: Callable[[], None]) -> None:
        """Have the event loop call *answer* when it takes a turn."""
        self._soon(answer)

    def waiting(self) -> frozenset[str] | None:
        """Return which of the worker's queues have messages; None: the broker is unavailable."""
        try:
            depths = self._queues.depths(self._heard())
        except BrokerAway:
            return None
        return frozenset(name for name, depth in depths.items() if depth)

    def received(self) -> int:
        """Return how many messages Celery has taken, those of no use among them."""
        return self._received

    def has_room(self) -> bool:
        """Say whether a thread is free. Not what Celery thinks of it: that may be what is wrong."""
        is_free = len(state.active_requests) < self._worker.concurrency
        # Celery 5.5 does not tell; with so many tasks for later, no more are taken.
        later: Sized = getattr(state, "scheduled_requests", ())
        return is_free and len(later) < ETA_TASKS

    def _receive(self, **_: object) -> None:
        self._received += 1


def has_threads(worker: CeleryWorker) -> bool:
    """Say whether *worker* answers messages in threads of the process that has the runtime."""
    return get_implementation(worker.pool_cls) is TaskPool


def overruled(app: Celery, worker: CeleryWorker) -> tuple[str, ...]:
    """Return the settings of the profile that do not hold in *worker*, though they should."""
    held = {rule.name: app.conf[rule.name] for rule in PROFILE if rule.name not in MAY_DIFFER}
    held["worker_prefetch_multiplier"] = worker.prefetch_multiplier
    wanted = {rule.name: rule.value for rule in PROFILE}
    return tuple(name for name, value in held.items() if value != wanted[name])


def where(thread: threading.Thread) -> list[str]:
    """Return where *thread* is, innermost last: files, lines and functions, and no values."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - documented, if oddly named
    stack = traceback.extract_stack(frame)[-FRAMES:] if frame is not None else []
    return [f"{each.filename}:{each.lineno} {each.name}" for each in stack]

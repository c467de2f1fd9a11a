"""The worker process's one runtime, on one long-lived event loop in a thread of its own.

Clients are made after the process has started and on the loop that uses them; a task hands
its coroutine over and waits. Bound to the worker's start and stop by Celery's signals.
"""

import asyncio
import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Sized
from importlib.metadata import version
from typing import Any, Final, NoReturn, Protocol, TypeVar

import structlog
import uvloop
from celery import Celery, signals
from celery.concurrency import get_implementation
from celery.concurrency.thread import TaskPool
from celery.platforms import EX_FAILURE
from celery.worker import state

from orchestrator.app import Runtime, build
from orchestrator.celery_app import app, settings
from orchestrator.database import DatabaseUnavailable, SchemaMismatch
from orchestrator.dispatch import worker_loops
from orchestrator.infra.background import Loop, Supervisor, end_task, keep_responsive
from orchestrator.infra.counters import REFUSED
from orchestrator.infra.logs import configure_logging
from orchestrator.memo import MemoOptions
from orchestrator.messaging import (
    ETA_TASKS,
    PROFILE,
    STALL_PATIENCE,
    BrokerAway,
    CeleryNotifier,
    Heartbeat,
    Queues,
    Stall,
    Watchdog,
    WorkerSelf,
    WorkerState,
    fingerprint,
    message_refused,
    quote_nothing,
)
from orchestrator.messaging.liveness import EXIT_STALLED
from orchestrator.purchasing import RECONCILE_GRACE
from orchestrator.settings import ConfigurationError, warn_of_removed_settings
from orchestrator.surfsense import RunTimeouts

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: What an operator may decide for one worker: `--concurrency`, and `-E`.
MAY_DIFFER: Final = frozenset({"worker_concurrency", "worker_send_task_events"})
#: Innermost frames of a thread that are logged.
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
            worker: Knows how many messages it answers at a time.
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


def overruled_settings(app: Celery, worker: CeleryWorker) -> tuple[str, ...]:
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


#: How long purchases under way may take to end: as long as a stop may take.
GRACE = (
    settings.surfsense_timeout
    + RECONCILE_GRACE
    + RunTimeouts().interrupted
    + MemoOptions().commit_patience
)


class WorkerRuntime:
    """A runtime with its loop and its watchdog. `start` is called once, by the main thread."""

    def __init__(self, worker: CeleryWorker) -> None:
        self._worker = worker
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="emasai-loop", daemon=True
        )
        self._stack = contextlib.AsyncExitStack()
        self._stopping = threading.Lock()
        self._stopped = False
        self._notifier = CeleryNotifier(app)
        self._self: WorkerSelf | None = None
        watched = WatchedWorker(app, worker, self._notifier.lanes, self.soon)
        self._supervisor = Supervisor()
        self._watchdog = Watchdog(
            watched, self._end_stalled, patience=STALL_PATIENCE, supervisor=self._supervisor
        )
        self.parts: Runtime | None = None

    def start(self) -> None:
        """Start the loop, build the runtime on it, begin to reconcile, and watch all of it."""
        self._thread.start()
        self.call(self._open())
        self._watchdog.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* on the loop and wait for it, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def soon(self, call: Callable[..., object], *values: object) -> None:
        """Have the loop make *call* with *values*, and do not wait for it."""
        self._loop.call_soon_threadsafe(call, *values)

    def count(self, name: str) -> None:
        """Count *name* once more for the fleet, from any thread."""
        if self.parts is not None:
            self.soon(self.parts.purchasing.counters.add, name)

    def drain(self, state: WorkerState = WorkerState.STOPPING) -> None:
        """Let running items end and start no further ones; say that this is so."""
        self._watchdog.stop()
        if self.parts is not None:
            self.soon(self.parts.worker.drain)
        if self._self is not None:
            self.soon(self._self.become, state)

    def stop(self, state: WorkerState = WorkerState.STOPPING) -> None:
        """Close everything, then end the loop. A second call waits until that is done."""
        with self._stopping:
            if self._stopped:
                return
            self.drain(state)
            self.call(self._stack.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._stopped = True

    async def _open(self) -> None:
        self._stack.push_async_callback(self._notifier.aclose)
        self.parts = parts = await self._stack.enter_async_context(
            build(settings, notifier=self._notifier, supervisor=self._supervisor)
        )
        self._self = WorkerSelf(
            parts.jobs.workers,
            self._first_heartbeat(parts),
            lanes=self._notifier.lanes,
            unheard_for=lambda: self._watchdog.unheard_for,
            clock_ahead=lambda: parts.clock_ahead,
            supervisor=self._supervisor,
        )
        self._stack.push_async_callback(self._self.leave)
        self._run(self._self.loop)
        # Waited for here, so that the process gives signs of life until its work has ended.
        self._stack.push_async_callback(parts.worker.runner.aclose)
        for loop in worker_loops(parts):
            self._run(loop)

    def _run(self, loop: Loop) -> None:
        """Run *loop* until the process ends."""
        self._stack.push_async_callback(end_task, self._supervisor.start(loop))

    def _first_heartbeat(self, parts: Runtime) -> Heartbeat:
        return Heartbeat.of_this_process(
            self._worker.hostname,
            parts.clock(),
            version=version("emasai-orchestrator"),
            profile=fingerprint(),
            policy=parts.leads.policy_version,
            overruled=overruled_settings(app, self._worker),
        )

    def _end_stalled(self, stall: Stall, queues: frozenset[str]) -> None:
        """End the process, whatever its main thread does. Called by the watchdog's thread.

        Nothing is lost, since nothing rests on this process: its chunks are handed back, or
        their claims lapse within seconds; what it had bought is in the journal. Purchases under
        way are seen through first where the loop still turns, since by `enrich` each may be paid
        for twice otherwise. Not by a signal to itself: a warm shutdown goes through the very
        connection that may be stuck, and ends with 0, which no supervisor takes for a fault.
        """
        stuck = self._thread if stall is Stall.LOOP else threading.main_thread()
        log.critical(
            "worker.stalled",
            stalled=stall,
            queues=sorted(queues),
            after_s=STALL_PATIENCE.total_seconds(),
            exit_code=EXIT_STALLED,
            at=where(stuck),
        )
        try:
            if stall is Stall.CONSUMER:
                end = threading.Thread(target=self.stop, args=(WorkerState.STALLED,), daemon=True)
                end.start()
                end.join(GRACE.total_seconds())
        finally:
            os._exit(EXIT_STALLED)


_worker: WorkerRuntime | None = None


def worker() -> WorkerRuntime:
    """Return the process's runtime.

    Raises:
        RuntimeError: The process is not a Celery worker that has started.
    """
    if _worker is None:
        raise RuntimeError("tasks run inside a Celery worker with --pool threads only")
    return _worker


@signals.worker_init.connect
def _start(sender: CeleryWorker, **_: object) -> None:
    global _worker  # noqa: PLW0603 - one of the two permitted globals, see docs/architecture.md
    # Celery has it done later, and what keeps a worker from starting is to be read, too.
    configure_logging(settings.log_level)
    warn_of_removed_settings()
    quote_nothing()
    keep_responsive()
    if not has_threads(sender):
        _refuse("this worker has another pool; start it with --pool threads")
    _worker = WorkerRuntime(sender)
    try:
        _worker.start()
    except (ConfigurationError, DatabaseUnavailable, SchemaMismatch) as error:
        _refuse(str(error))
    except Exception:
        log.exception("worker.start_failed")
        _refuse("a fault of ours, see above")


def _refuse(reason: str) -> NoReturn:
    """End the process.

    Celery takes no notice of an error in a signal: it would still listen, and answer
    every message, with nothing behind it.
    """
    log.critical("worker.not_started", reason=reason)
    sys.exit(EX_FAILURE)


@message_refused.connect
def _count_refused(**_: object) -> None:
    worker().count(f"{REFUSED}message")


@signals.worker_shutting_down.connect
def _drain(**_: object) -> None:
    worker().drain()


@signals.worker_shutdown.connect
def _stop(**_: object) -> None:
    worker().stop()
    log.info("worker.stopped")

"""The worker process's one runtime, on one long-lived event loop in a thread of its own.

Clients are made after the process has started and on the loop that uses them; a task hands
its coroutine over and waits. Bound to the worker's start and stop by Celery's signals.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import structlog
import uvloop
from celery import signals

from orchestrator.background import end_task
from orchestrator.bootstrap import Runtime, build
from orchestrator.celery_app import app, settings
from orchestrator.dispatch import submit
from orchestrator.garbage import collect_rarely
from orchestrator.messaging import CeleryDoorbell

log = structlog.get_logger(__name__)
T = TypeVar("T")


class WorkerRuntime:
    """A runtime with its loop. `start` and `stop` are called once, by the main thread."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="emasai-loop", daemon=True
        )
        self._stack = contextlib.AsyncExitStack()
        self.parts: Runtime | None = None

    def start(self) -> None:
        """Start the loop, build the runtime on it, and begin to reconcile."""
        self._thread.start()
        self.call(self._open())

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* on the loop and wait for it, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def soon(self, call: Callable[[T], None], value: T) -> None:
        """Have the loop make *call* with *value*, and do not wait for it."""
        self._loop.call_soon_threadsafe(call, value)

    def drain(self) -> None:
        """Let running items end and start no further ones."""
        if self.parts is not None:
            self._loop.call_soon_threadsafe(self.parts.drain)

    def stop(self) -> None:
        """Close everything, then end the loop."""
        self.drain()
        self.call(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _open(self) -> None:
        doorbell = CeleryDoorbell(app)
        self._stack.push_async_callback(doorbell.aclose)
        self.parts = await self._stack.enter_async_context(build(settings, doorbell=doorbell))
        courier = self.parts.courier
        for name, work in (
            ("reconciler", self.parts.reconciler.run()),
            ("sweeper", self.parts.sweeper.run()),
            ("pruner", self.parts.pruner.run()),
            *(() if courier is None else (("courier", courier.run()),)),
            ("scheduler", self.parts.scheduler.run(partial(submit, self.parts))),
        ):
            task = asyncio.create_task(work, name=name)
            self._stack.push_async_callback(end_task, task)


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
def _start(**_: object) -> None:
    global _worker  # noqa: PLW0603 - one of the two permitted globals, see docs/architecture.md
    collect_rarely()
    _worker = WorkerRuntime()
    _worker.start()


@signals.worker_shutting_down.connect
def _drain(**_: object) -> None:
    worker().drain()


@signals.worker_shutdown.connect
def _stop(**_: object) -> None:
    worker().stop()
    log.info("worker.stopped")

"""The worker of `bench throughput`: tasks that do nothing, Celery's and ours, in one process.

`celery -A bench.noop_worker worker` has our profile, `-A bench.noop_worker:plain` Celery's own.
"""

import asyncio
import threading
from typing import Any

import uvloop
from celery import signals

from bench.noop import NOTHING, TTL, Nothing, open_plain_app
from orchestrator.infra.background import Supervisor, keep_responsive
from orchestrator.infra.logs import configure_logging
from orchestrator.infra.redis_client import open_redis
from orchestrator.infra.slots import Slots
from orchestrator.jobs import (
    ChunkRunner,
    JobKind,
    JobRecords,
    Lane,
    PoisonTracker,
)
from orchestrator.messaging import CeleryNotifier, create_app
from orchestrator.messaging.app import TASK_WORK
from orchestrator.settings import load

settings = load()
app = create_app(settings)
# Only what is defined here: the product's tasks would bring its whole runtime with them.
app.conf.include = []
plain = open_plain_app(settings)


@app.task(name=NOTHING, shared=False)
def nothing() -> None:
    """Do nothing, by our profile."""


@plain.task(name=NOTHING, shared=False, ignore_result=True)
def plain_nothing() -> None:
    """Do nothing, by Celery's own."""


class _Loop:
    """The runner on a loop of its own, as in the product's workers."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._runner: ChunkRunner | None = None
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def wake(self, lane: str) -> None:
        """Answer a wake-up of *lane*."""
        if self._runner is not None:
            self._loop.call_soon_threadsafe(self._runner.wake, Lane(lane))

    async def _open(self) -> None:
        redis, notifier = open_redis(settings.redis_jobs_url), CeleryNotifier(app)
        self._runner = ChunkRunner(
            JobRecords(redis, ttl=TTL),
            PoisonTracker(redis, ttl=TTL),
            {JobKind.ENRICH: Nothing()},
            notifier,
            purchases=Slots(settings.max_in_flight),
        )
        self._reconciling = Supervisor().start(self._runner.reconciler())


_loop: _Loop | None = None


@app.task(name=TASK_WORK, shared=False)
def work(lane: str) -> None:
    """Have work of *lane* taken up, as the product's task does."""
    if _loop is not None:
        _loop.wake(lane)


@signals.setup_logging.connect
def _log_our_way(**_: object) -> None:
    configure_logging("error")


@signals.worker_init.connect
def _start(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's worker has no type
    global _loop  # noqa: PLW0603 - as in tasks/runtime.py
    if sender.app is app:
        keep_responsive()
        _loop = _Loop()

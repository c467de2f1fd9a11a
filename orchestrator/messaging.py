"""Celery, set up once: the hardened profile, and the doorbell that rings through it.

Job state lives in our own records, so Celery needs no result backend, no canvas and no ETA:
these are where Celery on Redis hurts its users.
"""

import asyncio

import structlog
from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator.connections import (
    CONNECT_TIMEOUT_S,
    HEALTH_CHECK_S,
    SOCKET_TIMEOUT_S,
)
from orchestrator.names import QUEUE_PIPELINE, QUEUE_REFRESH, QUEUES, TASK_TICK, TASK_WORK
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

#: Threads that answer messages. None waits for work: that runs on the process's one loop.
WORKER_THREADS = 8
#: Seconds after which Redis hands an unacknowledged doorbell to another worker. Long, since
#: the reconciler is what notices dead workers, within seconds.
VISIBILITY_TIMEOUT_S = 3600
#: Seconds between two ticks of `celery beat`.
BEAT_S = 10.0
#: Seconds that a cold shutdown leaves to tasks under way.
SOFT_SHUTDOWN_S = 10.0
#: Tasks with an ETA that a worker keeps in memory.
ETA_TASKS = 1000


def create_app(settings: Settings) -> Celery:
    """Return a Celery application for *settings*. Opens no connection."""
    app = Celery("emasai", set_as_current=False, autofinalize=True)
    app.conf.update(
        broker_url=settings.broker_url,
        broker_connection_retry_on_startup=True,
        # For ever: by default a worker gives up after 100 tries, and then nobody consumes.
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            # Without timeouts a worker waits for ever on a broker that vanished (celery#8030).
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": HEALTH_CHECK_S,
            # A ring is not worth waiting for: without a limit each takes six seconds to fail.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
        },
        include=["tasks.work", "tasks.enqueue", "tasks.tick"],
        # The message is acknowledged when its work is done: a killed worker's comes back.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # Time limits do not exist in the threads pool; deadlines are asyncio.timeout.
        worker_pool="threads",
        worker_concurrency=WORKER_THREADS,
        # Said outright, since the default will change: threads cannot be terminated, and a
        # message that comes twice is harmless.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # A cold shutdown still lets what is being enqueued end (celery#9213).
        worker_soft_shutdown_timeout=SOFT_SHUTDOWN_S,
        # We send no task for later; a foreign sender must not fill memory (celery#9849).
        worker_eta_task_limit=ETA_TASKS,
        worker_hijack_root_logger=False,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=QUEUE_PIPELINE,
        task_queues=[Queue(name) for name in QUEUES],
        task_create_missing_queues=False,
        timezone="UTC",
        # For whoever runs `celery beat`, which nothing needs: every worker ticks by itself. Two
        # beats, or none, change nothing (celery#1495). A tick that comes late is dropped.
        beat_schedule={
            TASK_TICK: {
                "task": TASK_TICK,
                "schedule": BEAT_S,
                "options": {"queue": QUEUE_REFRESH, "expires": BEAT_S},
            }
        },
    )
    return app


class CeleryDoorbell:
    """Rings through a Celery broker: one queue for each lane."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def ring(self, lane: str, times: int = 1) -> None:
        """Send *times* doorbells of *lane*; a broker that is away is logged, not raised."""
        try:
            await asyncio.to_thread(self._send, lane, times)
        except (OperationalError, OSError, RedisError) as error:
            log.warning("doorbell.not_sent", lane=lane, error=type(error).__name__)

    def heard(self) -> frozenset[str]:
        """Return the lanes whose doorbells this process answers: all, or those of its `-Q`."""
        return frozenset(QUEUES) & frozenset(self._app.amqp.queues.consume_from)

    async def aclose(self) -> None:
        """Close the connections to the broker."""
        await asyncio.to_thread(self._app.close)

    def _send(self, lane: str, times: int) -> None:
        for _ in range(times):
            self._app.send_task(TASK_WORK, kwargs={"lane": lane}, queue=lane, retry=False)

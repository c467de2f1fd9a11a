"""Celery, set up once: the hardened profile, and the doorbell that rings through it.

Job state lives in our own records, so Celery needs no result backend, no canvas and no ETA:
these are where Celery on Redis hurts its users.
"""

import asyncio

import structlog
from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.connections import (
    CONNECT_TIMEOUT_S,
    HEALTH_CHECK_S,
    SOCKET_TIMEOUT_S,
    open_redis,
)
from orchestrator.names import QUEUE_PIPELINE, TASK_WORK
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

#: Chunks that one worker process has in hand; each runs its items on the process's one loop.
WORKER_THREADS = 8
#: Seconds after which Redis hands an unacknowledged doorbell to another worker. Long, since
#: the reconciler is what notices dead workers, within seconds.
VISIBILITY_TIMEOUT_S = 3600


def create_app(settings: Settings) -> Celery:
    """Return a Celery application for *settings*. Opens no connection."""
    app = Celery("emasai", set_as_current=False, autofinalize=True)
    app.conf.update(
        broker_url=settings.broker_url,
        broker_connection_retry_on_startup=True,
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
        include=["tasks.work", "tasks.enqueue"],
        # The message is acknowledged when its work is done: a killed worker's comes back.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # Time limits do not exist in the threads pool; deadlines are asyncio.timeout.
        worker_pool="threads",
        worker_concurrency=WORKER_THREADS,
        worker_hijack_root_logger=False,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=QUEUE_PIPELINE,
        task_queues=[Queue(QUEUE_PIPELINE)],
        task_create_missing_queues=False,
        timezone="UTC",
    )
    return app


class CeleryDoorbell:
    """Rings through a Celery broker."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        url = settings.broker_url
        self._redis: Redis | None = open_redis(url) if url.startswith("redis") else None

    async def ring(self, job_id: str, chunk: int) -> None:
        """Send the doorbell of one chunk; a broker that is away is logged, not raised."""
        try:
            await asyncio.to_thread(
                self._app.send_task,
                TASK_WORK,
                kwargs={"job_id": job_id, "chunk": chunk},
                queue=QUEUE_PIPELINE,
                retry=False,
            )
        except (OperationalError, OSError, RedisError) as error:
            log.warning("doorbell.not_sent", job_id=job_id, chunk=chunk, error=type(error).__name__)

    async def waiting(self) -> int:
        """Return how many doorbells wait in the queue; 0 where the broker cannot say."""
        if self._redis is None:
            return 0
        try:
            return int(await self._redis.llen(QUEUE_PIPELINE))
        except (RedisError, OSError) as error:
            log.warning("doorbell.queue_unknown", error=type(error).__name__)
            return 0

    async def aclose(self) -> None:
        """Close the connections to the broker."""
        if self._redis is not None:
            await self._redis.aclose()
        await asyncio.to_thread(self._app.close)

"""The doorbell that rings through Celery: says that a lane has work, and nothing else."""

import asyncio

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator.names import QUEUES, TASK_WORK

log = structlog.get_logger(__name__)


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

"""Wakes workers through Celery: one message says that a lane has work, and nothing else."""

import asyncio

import structlog
from celery import Celery

from orchestrator.infra.logs import error_class
from orchestrator.messaging.app import QUEUES, TASK_WORK

log = structlog.get_logger(__name__)


class CeleryNotifier:
    """Rings through a Celery broker: one queue for each lane."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def notify(self, lane: str, times: int = 1) -> None:
        """Send *times* wake-ups of *lane*; whatever keeps them from leaving is logged."""
        try:
            await asyncio.to_thread(self._send, lane, times)
        except Exception as error:  # noqa: BLE001 - workers find the work by themselves
            log.warning("wake_up.not_sent", lane=lane, error=error_class(error))

    def lanes(self) -> frozenset[str]:
        """Return the lanes whose wake-ups this process answers: all, or those of its `-Q`."""
        return frozenset(QUEUES) & frozenset(self._app.amqp.queues.consume_from)

    async def aclose(self) -> None:
        """Close the connections to the broker."""
        await asyncio.to_thread(self._app.close)

    def _send(self, lane: str, times: int) -> None:
        for _ in range(times):
            self._app.send_task(TASK_WORK, kwargs={"lane": lane}, queue=lane, retry=False)

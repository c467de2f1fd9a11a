"""The Celery application: its tasks and queues, how workers are woken, what waits in the broker.

Renaming one of them needs a deployment plan: messages under the old name may be on their way.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Final

import structlog
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from orchestrator.infra.logs import error_class
from orchestrator.messaging.profile import PROFILE, broker_settings
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

#: Documented tasks: other services enqueue by these.
TASK_ENRICH: Final = "emasai.enrich"
TASK_RUN_PIPELINE: Final = "emasai.run_pipeline"
#: Has whatever worker gets it look at the due set: what `celery beat` sends.
TASK_TICK: Final = "emasai.tick"
#: The wake-up: the name of a lane that has work.
TASK_WORK: Final = "emasai.work"

QUEUE_INTERACTIVE: Final = "interactive"
QUEUE_PIPELINE: Final = "pipeline"
QUEUE_REFRESH: Final = "refresh"
#: One queue for each lane of jobs, under the lane's own name.
QUEUES: Final = (QUEUE_INTERACTIVE, QUEUE_PIPELINE, QUEUE_REFRESH)

#: Seconds between two ticks of `celery beat`.
BEAT_S = 10.0


def create_app(settings: Settings) -> Celery:
    """Return a Celery application for *settings*. Opens no connection."""
    app = Celery(
        "emasai",
        set_as_current=False,
        autofinalize=True,
        amqp="orchestrator.messaging.consumer:CheckingAmqp",
    )
    app.conf.update({rule.name: rule.value for rule in PROFILE})
    app.conf.update(
        **broker_settings(settings.broker_url),
        worker_consumer="orchestrator.messaging.consumer:CheckingConsumer",
        include=["tasks.work", "tasks.enqueue"],
        task_default_queue=QUEUE_PIPELINE,
        # Each with its own exchange: by default they share one and its key, so that a message
        # published to it by name reaches all queues.
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        # For `celery beat`, which is optional: every worker ticks. Two beats, or none, change
        # nothing (celery#1495). A late tick is dropped.
        beat_schedule={
            TASK_TICK: {
                "task": TASK_TICK,
                "schedule": BEAT_S,
                "options": {"queue": QUEUE_REFRESH, "expires": BEAT_S},
            }
        },
    )
    return app


class CeleryNotifier:
    """Wakes workers through Celery: a message says that a lane has work, and nothing else."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def notify(self, lane: str, times: int = 1) -> None:
        """Send *times* wake-ups of *lane*; logs what keeps them from being sent."""
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


class BrokerAway(Exception):
    """The broker did not answer."""


class Queues:
    """Counts the messages in the broker's queues, over its own connection.

    Kombu asks, so that it is right for every broker. For one thread at a time; `close` it.
    """

    def __init__(self, app: Celery) -> None:
        # Not from Celery's pool, whose connections may be what is wrong.
        self._connection = app.connection_for_read()
        self._errors: tuple[type[BaseException], ...] = (
            OperationalError,
            RedisError,
            *self._connection.connection_errors,
        )

    def depths(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many messages wait in each queue.

        Raises:
            BrokerAway: It did not answer in the time that the profile gives it.
        """
        try:
            return {name: self._depth(name) for name in names}
        except self._errors as error:
            self.close()
            raise BrokerAway from error

    def close(self) -> None:
        """Close the connection; the next count opens it again."""
        with contextlib.suppress(*self._errors):
            self._connection.close()

    def _depth(self, name: str) -> int:
        try:
            channel: Any = self._connection.default_channel
            return int(channel.queue_declare(name, passive=True).message_count)
        except ChannelError:
            return 0  # Redis has no empty lists

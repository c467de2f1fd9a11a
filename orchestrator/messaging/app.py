"""The Celery application: its hardened profile, tasks and queues, wake-ups, and waiting messages.

Each setting of the profile has its reason, and the issue that reports the fault it prevents: of
celery/celery, or of celery/kombu where it says so. `docs/operations.md` shows the profile as a
table, which a test compares with this file.

Renaming a task or a queue needs a deployment plan: messages under the old name may be on their way.
"""

import asyncio
import contextlib
import hashlib
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import structlog
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import ChannelError, OperationalError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_address import RedisAddress, host_and_port
from orchestrator.infra.redis_client import CONNECT_TIMEOUT_S, HEALTH_CHECK_S, SOCKET_TIMEOUT_S
from orchestrator.settings import Settings

#: Threads that answer messages. None waits for work: that runs on the process's one loop.
WORKER_THREADS: Final = 8
#: Seconds after which Redis hands an unacknowledged message to another worker. Ours are answered
#: within milliseconds; the longest, a documented task with a million companies, within a minute.
VISIBILITY_TIMEOUT_S: Final = 300
#: Seconds between two looks of a worker at what was not acknowledged in time.
RESTORE_S: Final = 10
#: Seconds that a cold shutdown leaves to tasks under way.
SOFT_SHUTDOWN_S: Final = 10.0
#: Tasks with an ETA that a worker keeps in memory.
ETA_TASKS: Final = 1000

Value = str | int | float | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting. `thread` names the issue in which it was suffered from, if there is one."""

    name: str
    value: Value
    reason: str
    thread: str = ""


#: Options of kombu's Redis transport; other transports ignore those that they do not know.
TRANSPORT: Final = (
    Rule(
        "visibility_timeout",
        VISIBILITY_TIMEOUT_S,
        "what a killed worker had taken and not answered comes back after 5 minutes, not after an "
        "hour; no task of ours takes nearly as long, and one that comes twice is harmless",
        "#4984",
    ),
    Rule("unacked_restore_interval", RESTORE_S, "how often a worker looks for such messages"),
    Rule("unacked_restore_throttle", 1, "at each look, not at every tenth", "#9339"),
    Rule(
        "socket_timeout",
        SOCKET_TIMEOUT_S,
        "without one a worker waits indefinitely on a broker that vanished",
        "#8030",
    ),
    Rule("socket_connect_timeout", CONNECT_TIMEOUT_S, "likewise while it connects", "#8030"),
    Rule("socket_keepalive", True, "the kernel notices a peer that is gone", "#8030"),
    Rule(
        "health_check_interval",
        HEALTH_CHECK_S,
        "a connection that no answer comes from any more is dropped this soon",
        "#9054",
    ),
    Rule(
        "max_retries",
        1,
        "a wake-up is not worth waiting for: without a limit each takes six seconds to fail",
    ),
    Rule("interval_start", 0, "likewise"),
    Rule("interval_step", 0, "likewise"),
)

PROFILE: Final = (
    Rule("worker_pool", "threads", "work runs on one event loop; threads only answer messages"),
    Rule("worker_concurrency", WORKER_THREADS, "none of them waits for work"),
    Rule("task_acks_late", True, "a message is acknowledged when it is answered", "#4984"),
    Rule("task_reject_on_worker_lost", True, "likewise for a worker that is lost meanwhile"),
    Rule("worker_prefetch_multiplier", 1, "a worker takes no message that it has no thread for"),
    Rule(
        "broker_connection_retry_on_startup",
        True,
        "a worker may start before its broker does",
    ),
    Rule("broker_connection_retry", True, "a connection that is lost is made anew"),
    Rule(
        "broker_connection_max_retries",
        None,
        "without limit: by default a worker gives up after 100 tries, and its queues have no "
        "consumer",
    ),
    Rule(
        "broker_channel_error_retry",
        True,
        "a broker that has become a replica, or is full, answers with errors; by default the "
        "worker ends on the first",
        "#7946",
    ),
    Rule(
        "worker_cancel_long_running_tasks_on_connection_loss",
        False,
        "threads cannot be terminated, and a message that comes twice is harmless",
    ),
    Rule(
        "worker_soft_shutdown_timeout",
        SOFT_SHUTDOWN_S,
        "a cold shutdown lets what is being answered end; a warm one waits anyhow",
        "#9213",
    ),
    Rule(
        "worker_eta_task_limit",
        ETA_TASKS,
        "tasks for later wait in a worker's memory; we send none",
        "#9849",
    ),
    Rule(
        "task_publish_retry",
        True,
        "only `celery beat` uses it: wake-ups say `retry=False`, since every worker looks for "
        "work by itself",
    ),
    Rule(
        "worker_enable_remote_control",
        True,
        "`celery inspect`, Flower and the container's health check ask workers by it",
    ),
    Rule(
        "worker_send_task_events",
        False,
        "an event for each wake-up tells nothing that the records do not; Flower turns them on "
        "while it needs them (`celery control enable_events`)",
    ),
    Rule("task_ignore_result", True, "results are in our own records"),
    Rule("task_serializer", "json", "never pickle"),
    Rule("accept_content", ["json"], "likewise for what others send"),
    Rule(
        "task_create_missing_queues",
        False,
        "a misspelt queue is an error, and not a queue without a consumer",
    ),
    Rule("worker_hijack_root_logger", False, "logging is ours: one JSON line an event"),
    Rule("timezone", "UTC", "one for all hosts"),
)


def broker_settings(url: str) -> dict[str, Any]:
    """Return Celery's settings of the broker at *url*, which means what it does everywhere else."""
    transport: dict[str, Any] = {rule.name: rule.value for rule in TRANSPORT}
    if url.startswith(("amqp://", "amqps://")):
        # A host's name that is None is filled in by Celery, and so held against the certificate.
        verified = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
        tls = verified if url.startswith("amqps://") else False
        return {
            "broker_url": url,
            "broker_use_ssl": tls,
            "broker_transport_options": transport,
        }
    address = RedisAddress.parse(url)
    secure = {k: v for k, v in address.options.items() if k.startswith("ssl_")}
    transport |= {k: v for k, v in address.options.items() if k not in secure}
    if address.master:
        transport |= {
            "master_name": address.master,
            "sentinel_kwargs": {
                "socket_timeout": transport["socket_connect_timeout"],
                "socket_connect_timeout": transport["socket_connect_timeout"],
                "retry": Retry(NoBackoff(), retries=0),  # the next Sentinel is asked instead
                **address.sentinel_login,
            },
        }
    return {
        "broker_url": _celery_url(address),
        # Said in full: without, Celery connects to a rediss:// address without looking at the
        # server's certificate.
        "broker_use_ssl": {"ssl_cert_reqs": "required", **secure} if address.tls else False,
        "broker_transport_options": transport,
    }


def _celery_url(address: RedisAddress) -> str:
    """Return *address* in Celery's words, where options are settings of their own."""
    if address.path:
        path = quote(address.path)
        return f"redis+socket://{address.user_info}{path}?virtual_host={address.database}"
    scheme = "sentinel" if address.master else "rediss" if address.tls else "redis"
    return ";".join(
        f"{scheme}://{address.user_info}{host_and_port(*host)}/{address.database}"
        for host in address.hosts
    )


def fingerprint() -> str:
    """Return what two processes have in common only if they have the same profile."""
    rules = [[rule.name, rule.value] for rule in (*PROFILE, *TRANSPORT)]
    return hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:12]


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
        include=["tasks.bodies"],
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

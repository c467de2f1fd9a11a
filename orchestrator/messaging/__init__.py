"""Celery, set up once, and the worker process: profile, queues, wake-ups, heartbeat, watchdog.

Job state lives in our own records, so Celery needs no result backend, no canvas and no ETA:
these are where Celery on Redis hurts its users.
"""

from orchestrator.messaging.app import (
    ETA_TASKS,
    PROFILE,
    TRANSPORT,
    VISIBILITY_TIMEOUT_S,
    WORKER_THREADS,
    BrokerAway,
    CeleryNotifier,
    Queues,
    Rule,
    broker_settings,
    create_app,
    fingerprint,
)
from orchestrator.messaging.inbox import message_refused, quote_nothing, refuse
from orchestrator.messaging.liveness import (
    STALL_PATIENCE,
    Heartbeat,
    Look,
    Stall,
    StallClock,
    Watchdog,
    Workers,
    WorkerSelf,
    WorkerState,
)

__all__ = [
    "ETA_TASKS",
    "PROFILE",
    "STALL_PATIENCE",
    "TRANSPORT",
    "VISIBILITY_TIMEOUT_S",
    "WORKER_THREADS",
    "BrokerAway",
    "CeleryNotifier",
    "Heartbeat",
    "Look",
    "Queues",
    "Rule",
    "Stall",
    "StallClock",
    "Watchdog",
    "WorkerSelf",
    "WorkerState",
    "Workers",
    "broker_settings",
    "create_app",
    "fingerprint",
    "message_refused",
    "quote_nothing",
    "refuse",
]

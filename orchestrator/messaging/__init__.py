"""Celery, set up once, and the worker process: profile, queues, wake-ups, heartbeat, watchdog.

Job state lives in our own records, so Celery needs no result backend, no canvas and no ETA:
these are where Celery on Redis hurts its users.
"""

from orchestrator.messaging.app import ETA_TASKS as ETA_TASKS
from orchestrator.messaging.app import PROFILE as PROFILE
from orchestrator.messaging.app import TRANSPORT as TRANSPORT
from orchestrator.messaging.app import VISIBILITY_TIMEOUT_S as VISIBILITY_TIMEOUT_S
from orchestrator.messaging.app import WORKER_THREADS as WORKER_THREADS
from orchestrator.messaging.app import BrokerAway as BrokerAway
from orchestrator.messaging.app import CeleryNotifier as CeleryNotifier
from orchestrator.messaging.app import Queues as Queues
from orchestrator.messaging.app import Rule as Rule
from orchestrator.messaging.app import broker_settings as broker_settings
from orchestrator.messaging.app import create_app as create_app
from orchestrator.messaging.app import fingerprint as fingerprint
from orchestrator.messaging.inbox import message_refused as message_refused
from orchestrator.messaging.inbox import quote_nothing as quote_nothing
from orchestrator.messaging.inbox import refuse as refuse
from orchestrator.messaging.liveness import STALL_PATIENCE as STALL_PATIENCE
from orchestrator.messaging.liveness import Heartbeat as Heartbeat
from orchestrator.messaging.liveness import Look as Look
from orchestrator.messaging.liveness import Stall as Stall
from orchestrator.messaging.liveness import StallClock as StallClock
from orchestrator.messaging.liveness import Watchdog as Watchdog
from orchestrator.messaging.liveness import Workers as Workers
from orchestrator.messaging.liveness import WorkerSelf as WorkerSelf
from orchestrator.messaging.liveness import WorkerState as WorkerState

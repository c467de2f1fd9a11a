"""Scheduled re-enrichment: what is watched, when each is due, and who takes it up.

Watches are durable in SQL; Redis only says quickly which of them are due. Any worker may
tick, and any number of them: each watch is enqueued once a period.
"""

from .model import (
    EVERY_MAX,
    EVERY_MIN,
    RunEnd,
    Watch,
    WatchKind,
    evidence_digest,
    new_rule,
    new_watch,
    watch_id,
)
from .scheduler import Scheduler
from .watches import DueSet, RefreshPolicy, Watches

__all__ = [
    "EVERY_MAX",
    "EVERY_MIN",
    "DueSet",
    "RefreshPolicy",
    "RunEnd",
    "Scheduler",
    "Watch",
    "WatchKind",
    "Watches",
    "evidence_digest",
    "new_rule",
    "new_watch",
    "watch_id",
]

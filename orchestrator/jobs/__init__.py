"""Asked-for work: records that are the truth, doorbells that announce it, runners that do it.

The Celery message carries a job id and a chunk number, nothing else. Losing it delays the
work until the reconciler rings again; doubling it changes nothing.
"""

from orchestrator.jobs.model import (
    Item,
    Job,
    JobContext,
    JobKind,
    JobState,
    NewJob,
    NotNow,
    Pause,
    Report,
)
from orchestrator.jobs.reconciler import Reconciler
from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.runner import ChunkRunner, Doorbell, Handler

__all__ = [
    "ChunkRunner",
    "Doorbell",
    "Handler",
    "Item",
    "Job",
    "JobContext",
    "JobKind",
    "JobRecords",
    "JobState",
    "NewJob",
    "NotNow",
    "Pause",
    "Reconciler",
    "Report",
]

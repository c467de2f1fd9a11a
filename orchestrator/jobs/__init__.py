"""Asked-for work: records that are the truth, doorbells that announce it, runners that do it.

The Celery message carries a job id and a chunk number, nothing else. Losing it delays the
work until the reconciler rings again; doubling it changes nothing.
"""

from orchestrator.jobs.model import (
    Item,
    Job,
    JobContext,
    JobKind,
    Lane,
    NewJob,
    NotNow,
    Origin,
    Pause,
    Report,
    lane_of,
)
from orchestrator.jobs.reconciler import Reconciler
from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.runner import ChunkRunner, Doorbell, Handler
from orchestrator.jobs.state import Command, JobState

__all__ = [
    "ChunkRunner",
    "Command",
    "Doorbell",
    "Handler",
    "Item",
    "Job",
    "JobContext",
    "JobKind",
    "JobRecords",
    "JobState",
    "Lane",
    "NewJob",
    "NotNow",
    "Origin",
    "Pause",
    "Reconciler",
    "Report",
    "lane_of",
]

"""Asked-for work: records that are the truth, doorbells that announce it, runners that do it.

The Celery message carries a job id and a chunk number, nothing else. Losing it delays the
work until the reconciler rings again; doubling it changes nothing.
"""

from orchestrator.jobs.distinct import Distinct
from orchestrator.jobs.intake import Intake
from orchestrator.jobs.model import (
    Item,
    Job,
    JobContext,
    JobKind,
    Lane,
    NewJob,
    NotNow,
    Order,
    Origin,
    Pause,
    Report,
    lane_of,
)
from orchestrator.jobs.reconciler import Reconciler
from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.results import JobResults, RowResult
from orchestrator.jobs.rowmap import SEGMENT_ROWS, Segment
from orchestrator.jobs.runner import ChunkRunner, Doorbell, Handler
from orchestrator.jobs.state import Command, JobState
from orchestrator.jobs.unsealed import Part, UnsealedJob

__all__ = [
    "SEGMENT_ROWS",
    "ChunkRunner",
    "Command",
    "Distinct",
    "Doorbell",
    "Handler",
    "Intake",
    "Item",
    "Job",
    "JobContext",
    "JobKind",
    "JobRecords",
    "JobResults",
    "JobState",
    "Lane",
    "NewJob",
    "NotNow",
    "Order",
    "Origin",
    "Part",
    "Pause",
    "Reconciler",
    "Report",
    "RowResult",
    "Segment",
    "UnsealedJob",
    "lane_of",
]

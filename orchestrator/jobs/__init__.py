"""Durable jobs: records that are the truth, wake-ups that announce work, runners that do it.

The Celery message names a lane that has work, nothing else. A lost one delays the work until
a worker looks for it, within a second; a doubled one changes nothing.
"""

from orchestrator.infra.slots import Lane
from orchestrator.jobs.chunk import PoisonTracker
from orchestrator.jobs.intake import (
    IDEMPOTENCY_TTL,
    IdempotencyKeys,
    Intake,
    KeyedRequest,
    Part,
    UnsealedJob,
)
from orchestrator.jobs.listing import (
    Backlog,
    JobCursor,
    JobFilter,
    JobList,
    LaneBacklog,
    TimelineEvent,
)
from orchestrator.jobs.model import (
    CHUNK_ITEMS,
    AlreadyRequeued,
    Command,
    DeadLetter,
    GivenUp,
    Item,
    Job,
    JobContext,
    JobGone,
    JobKind,
    JobState,
    KeyInFlight,
    KeyReused,
    NewJob,
    NotNow,
    Origin,
    RemovedJob,
    Report,
    RequestKey,
    Tries,
    UnreadableJob,
    lane_of,
)
from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.results import Failure, FailureFilter, Failures, JobResults, RowResult
from orchestrator.jobs.runner import ChunkRunner, Notifier
from orchestrator.jobs.stored import SEGMENT_ROWS, Numbers, Segment, idempotency_name

__all__ = [
    "CHUNK_ITEMS",
    "IDEMPOTENCY_TTL",
    "SEGMENT_ROWS",
    "AlreadyRequeued",
    "Backlog",
    "ChunkRunner",
    "Command",
    "DeadLetter",
    "Failure",
    "FailureFilter",
    "Failures",
    "GivenUp",
    "IdempotencyKeys",
    "Intake",
    "Item",
    "Job",
    "JobContext",
    "JobCursor",
    "JobFilter",
    "JobGone",
    "JobKind",
    "JobList",
    "JobRecords",
    "JobResults",
    "JobState",
    "KeyInFlight",
    "KeyReused",
    "KeyedRequest",
    "Lane",
    "LaneBacklog",
    "NewJob",
    "NotNow",
    "Notifier",
    "Numbers",
    "Origin",
    "Part",
    "PoisonTracker",
    "RemovedJob",
    "Report",
    "RequestKey",
    "RowResult",
    "Segment",
    "TimelineEvent",
    "Tries",
    "UnreadableJob",
    "UnsealedJob",
    "idempotency_name",
    "lane_of",
]

"""Durable jobs: records that are the truth, wake-ups that announce work, runners that do it.

The Celery message names a lane that has work, nothing else. A lost one delays the work until
a worker looks for it, within a second; a doubled one changes nothing.
"""

from orchestrator.infra.slots import Lane
from orchestrator.jobs.chunk import PoisonTracker
from orchestrator.jobs.errors import (
    AlreadyRequeued,
    JobGone,
    KeyInFlight,
    KeyReused,
    RemovedJob,
    UnreadableJob,
)
from orchestrator.jobs.idempotency import IDEMPOTENCY_TTL, IdempotencyKeys, KeyedRequest
from orchestrator.jobs.intake import Intake, Part, UnsealedJob
from orchestrator.jobs.keys import idempotency_name
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
    Command,
    DeadLetter,
    GivenUp,
    Item,
    Job,
    JobContext,
    JobKind,
    JobState,
    NewJob,
    NotNow,
    Origin,
    Report,
    RequestKey,
    Tries,
    lane_of,
)
from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.results import Failure, FailureFilter, Failures, JobResults, RowResult
from orchestrator.jobs.runner import ChunkRunner, Notifier
from orchestrator.jobs.stored import SEGMENT_ROWS, Numbers, Segment

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

"""Asked-for work: records that are the truth, wake-ups that announce it, runners that do it.

The Celery message names a lane that has work, nothing else. Losing it delays the work until
a worker looks by itself, within a second; doubling it changes nothing.
"""

from orchestrator.infra.slots import Lane
from orchestrator.jobs.backlog import Backlog, LaneBacklog
from orchestrator.jobs.bitmap import Numbers
from orchestrator.jobs.chunkwork import Handler
from orchestrator.jobs.errors import (
    AlreadyRequeued,
    JobGone,
    KeyInFlight,
    KeyReused,
    RemovedJob,
    UnreadableChunk,
    UnreadableJob,
)
from orchestrator.jobs.failures import Failure, FailureFilter, Failures
from orchestrator.jobs.idempotency import IDEMPOTENCY_TTL, IdempotencyKeys, KeyedRequest, Replay
from orchestrator.jobs.intake import Intake, Part, UnsealedJob
from orchestrator.jobs.keys import idempotency_name
from orchestrator.jobs.lines import Lines
from orchestrator.jobs.listing import JobFilter, JobList, TimelineEvent
from orchestrator.jobs.model import (
    CHUNK_ITEMS,
    DeadLetter,
    GivenUp,
    Item,
    Job,
    JobContext,
    JobKind,
    NewJob,
    NotNow,
    Origin,
    Pause,
    Report,
    RequestKey,
    Tries,
    lane_of,
)
from orchestrator.jobs.paging import JobCursor
from orchestrator.jobs.poison import PoisonTracker
from orchestrator.jobs.reconciler import Reconciler
from orchestrator.jobs.records import ChunkLease, JobRecords
from orchestrator.jobs.results import JobResults, RowResult
from orchestrator.jobs.rowmap import SEGMENT_ROWS, Segment
from orchestrator.jobs.runner import ChunkRunner, Notifier
from orchestrator.jobs.state import Command, JobState

__all__ = [
    "CHUNK_ITEMS",
    "IDEMPOTENCY_TTL",
    "SEGMENT_ROWS",
    "AlreadyRequeued",
    "Backlog",
    "ChunkLease",
    "ChunkRunner",
    "Command",
    "DeadLetter",
    "Failure",
    "FailureFilter",
    "Failures",
    "GivenUp",
    "Handler",
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
    "Lines",
    "NewJob",
    "NotNow",
    "Notifier",
    "Numbers",
    "Origin",
    "Part",
    "Pause",
    "PoisonTracker",
    "Reconciler",
    "RemovedJob",
    "Replay",
    "Report",
    "RequestKey",
    "RowResult",
    "Segment",
    "TimelineEvent",
    "Tries",
    "UnreadableChunk",
    "UnreadableJob",
    "UnsealedJob",
    "idempotency_name",
    "lane_of",
]

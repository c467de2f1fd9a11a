"""Durable jobs: records that are the truth, wake-ups that announce work, runners that do it.

The Celery message names a lane that has work, nothing else. A lost one delays the work until
a worker looks for it, within a second; a doubled one changes nothing.
"""

from orchestrator.infra.slots import Lane as Lane
from orchestrator.jobs.chunk import PoisonTracker as PoisonTracker
from orchestrator.jobs.intake import IDEMPOTENCY_TTL as IDEMPOTENCY_TTL
from orchestrator.jobs.intake import IdempotencyKeys as IdempotencyKeys
from orchestrator.jobs.intake import Intake as Intake
from orchestrator.jobs.intake import KeyedRequest as KeyedRequest
from orchestrator.jobs.intake import Part as Part
from orchestrator.jobs.intake import UnsealedJob as UnsealedJob
from orchestrator.jobs.model import CHUNK_ITEMS as CHUNK_ITEMS
from orchestrator.jobs.model import AlreadyRequeued as AlreadyRequeued
from orchestrator.jobs.model import Command as Command
from orchestrator.jobs.model import DeadLetter as DeadLetter
from orchestrator.jobs.model import GivenUp as GivenUp
from orchestrator.jobs.model import Item as Item
from orchestrator.jobs.model import Job as Job
from orchestrator.jobs.model import JobContext as JobContext
from orchestrator.jobs.model import JobGone as JobGone
from orchestrator.jobs.model import JobKind as JobKind
from orchestrator.jobs.model import JobState as JobState
from orchestrator.jobs.model import KeyInFlight as KeyInFlight
from orchestrator.jobs.model import KeyReused as KeyReused
from orchestrator.jobs.model import NewJob as NewJob
from orchestrator.jobs.model import NotNow as NotNow
from orchestrator.jobs.model import Origin as Origin
from orchestrator.jobs.model import RemovedJob as RemovedJob
from orchestrator.jobs.model import Report as Report
from orchestrator.jobs.model import RequestKey as RequestKey
from orchestrator.jobs.model import Tries as Tries
from orchestrator.jobs.model import UnreadableJob as UnreadableJob
from orchestrator.jobs.model import lane_of as lane_of
from orchestrator.jobs.reading import Backlog as Backlog
from orchestrator.jobs.reading import Failure as Failure
from orchestrator.jobs.reading import FailureFilter as FailureFilter
from orchestrator.jobs.reading import Failures as Failures
from orchestrator.jobs.reading import JobCursor as JobCursor
from orchestrator.jobs.reading import JobFilter as JobFilter
from orchestrator.jobs.reading import JobList as JobList
from orchestrator.jobs.reading import JobResults as JobResults
from orchestrator.jobs.reading import LaneBacklog as LaneBacklog
from orchestrator.jobs.reading import RowResult as RowResult
from orchestrator.jobs.reading import TimelineEvent as TimelineEvent
from orchestrator.jobs.records import JobRecords as JobRecords
from orchestrator.jobs.runner import ChunkRunner as ChunkRunner
from orchestrator.jobs.runner import Notifier as Notifier
from orchestrator.jobs.stored import SEGMENT_ROWS as SEGMENT_ROWS
from orchestrator.jobs.stored import Numbers as Numbers
from orchestrator.jobs.stored import Segment as Segment
from orchestrator.jobs.stored import idempotency_name as idempotency_name

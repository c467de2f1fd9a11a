"""Jobs as values. Pure."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from orchestrator.jobs.state import JobState

JsonObject = dict[str, Any]

#: What a job works on: a company name or a lead id.
Item = str


class NotNow(Exception):
    """An item cannot be worked on at present, for *reason*; it stays open and is tried again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JobKind(StrEnum):
    """What is done with each item."""

    ENRICH = "enrich"
    PIPELINE = "pipeline"
    REJUDGE = "rejudge"


class Lane(StrEnum):
    """Which queue a job waits in. Lanes do not wait for each other.

    `interactive`: somebody is waiting; `pipeline`: batches; `refresh`: what was scheduled.
    """

    INTERACTIVE = "interactive"
    PIPELINE = "pipeline"
    REFRESH = "refresh"


#: Items up to which somebody is taken to wait for the answer.
INTERACTIVE_ITEMS = 20


def lane_of(items: int) -> Lane:
    """Return the lane of a job of *items* items that a person or a service asks for."""
    return Lane.INTERACTIVE if items <= INTERACTIVE_ITEMS else Lane.PIPELINE


class Origin(StrEnum):
    """Through which door a job was asked for."""

    API = "api"
    CLI = "cli"
    TASK = "task"
    SCHEDULE = "schedule"
    REQUEUE = "requeue"


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work to be accepted. Equal work that is not finished yet is the same job.

    Items that have not begun by *deadline* end as failed; *parent* is the job whose dead
    letters these items are.
    """

    kind: JobKind
    items: tuple[Item, ...]
    tenant: str
    max_cost_micros: int | None = None
    lane: Lane = Lane.PIPELINE
    origin: Origin = Origin.TASK
    deadline: datetime | None = None
    parent: str | None = None

    @property
    def digest(self) -> str:
        """Identity of the work: same kind, tenant, lane, limits, and items in the same order."""
        limits = [self.max_cost_micros, self.deadline]
        body = orjson.dumps([self.kind, self.tenant, self.lane, limits, self.parent, self.items])
        return hashlib.sha256(body).hexdigest()

    def chunks(self, size: int) -> Iterator[list[tuple[int, Item]]]:
        """Yield the items with their numbers, *size* at a time."""
        numbered = list(enumerate(self.items))
        for start in range(0, len(numbered), size):
            yield numbered[start : start + size]


Pause = Callable[[timedelta], Awaitable[None]]


async def _sleep(duration: timedelta) -> None:
    await asyncio.sleep(duration.total_seconds())


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a handler must know of the job that an item belongs to; None for an item of no job.

    `pause` waits, and raises `NotNow` when the process has no time left to wait.
    """

    job_id: str | None
    tenant: str
    capped: bool
    accepted_at: datetime | None = None
    pause: Pause = field(default=_sleep, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What a handler says of one item: its result, and what it adds to the job's tally."""

    result: JsonObject
    tally: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """A job's record as it was read. `tally` counts what the handlers reported."""

    job_id: str
    kind: JobKind
    tenant: str
    lane: Lane
    origin: Origin
    state: JobState
    total: int
    chunks: int
    max_cost_micros: int | None
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime | None
    parent: str | None
    tally: dict[str, int]

    @property
    def done(self) -> int:
        """How many items have a result."""
        return self.tally.get("done", 0)

    @property
    def context(self) -> JobContext:
        """What handlers are told."""
        capped = self.max_cost_micros is not None
        return JobContext(self.job_id, self.tenant, capped, self.accepted_at)

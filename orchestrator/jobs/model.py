"""The states of a job, the transitions that each allows, and the errors about a job itself. Pure.

    accepted -> running -> done | expired
        |          |
        +--------> paused -> running
        |          |
        +----------+-------> cancelling -> cancelled

A job is `expired` instead of `done` if its deadline left items without work. `cancelling`
lasts until the workers have released the chunks that they had. A paused or cancelled job whose
last items were running, and end, is still `done` or `expired`. Redis only compares and sets.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import orjson

from orchestrator.infra.slots import Lane


class JobState(StrEnum):
    """Where a job is. Its tally says how far."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DONE = "done"

    @property
    def is_final(self) -> bool:
        """Whether nothing of the job will ever run again."""
        return self in _FINAL

    @property
    def is_workable(self) -> bool:
        """Whether its items may begin."""
        return self in _WORKABLE


_FINAL: Final = frozenset({JobState.CANCELLED, JobState.EXPIRED, JobState.DONE})
_WORKABLE: Final = frozenset({JobState.ACCEPTED, JobState.RUNNING})


class Command(StrEnum):
    """What a person may ask of a job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


#: The states in which a command changes anything, and the state that it leads to.
MOVES: Final = MappingProxyType(
    {
        Command.PAUSE: (_WORKABLE, JobState.PAUSED),
        Command.RESUME: (frozenset({JobState.PAUSED}), JobState.RUNNING),
        Command.CANCEL: (_WORKABLE | {JobState.PAUSED}, JobState.CANCELLING),
    }
)


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
    REFRESH = "refresh"


#: Items that a worker takes at a time: few enough that many workers share a job of a thousand,
#: and that a lost worker's chunk is soon done again; with larger chunks enqueueing and working
#: are no faster (docs/benchmarks.md).
CHUNK_ITEMS: Final = 50
#: Items up to which a caller is taken to wait for the answer.
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
    """A request for work. Equal work that is not finished yet is the same job.

    Attributes:
        kind: What is done with each item.
        items: What is worked on; empty where the items follow part by part.
        tenant: Whose work it is.
        max_cost_micros: What the job may spend; None for no limit of its own.
        lane: Which queue it waits in.
        origin: Which door it came through.
        deadline: Items that have not begun by then fail.
        parent: The job whose dead letters these items are.
        about: In words, where the items come from (a file, a filter).
        policy: Version of the agents' policy that the caller knows.
        buy_again: Companies whose earlier purchase has lost its answer, and may have been charged,
            are bought once more.
    """

    kind: JobKind
    items: tuple[Item, ...]
    tenant: str
    max_cost_micros: int | None = None
    lane: Lane = Lane.PIPELINE
    origin: Origin = Origin.TASK
    deadline: datetime | None = None
    parent: str | None = None
    about: str | None = None
    policy: str | None = None
    buy_again: bool = False


class WorkDigest:
    """Identity of work: same kind, tenant, lane, limits, and the same items in the same order.

    Items come in parts; the boundaries between the parts make no difference.
    """

    def __init__(self, new: NewJob) -> None:
        limits = [new.max_cost_micros, new.deadline]
        again = [True] if new.buy_again else []
        head = orjson.dumps([new.kind, new.tenant, new.lane, limits, new.parent, *again])
        self._hash = hashlib.sha256(head)

    def add(self, items: Sequence[Item]) -> None:
        """Count *items* in, in their order."""
        if items:
            self._hash.update(orjson.dumps(items)[1:-1])
            self._hash.update(b",")

    def text(self) -> str:
        """Return the identity of what was added so far."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's idempotency key by its *name* in Redis: for *ttl* the same key is the same job.

    *digest* is the identity of the request, that of the job's work if it is empty. *lease* is the
    key's record while this request is in flight; empty where no request holds the key.
    """

    name: str
    ttl: timedelta
    digest: str = ""
    lease: str = ""


#: The result of an item whose result, or whose handler's answer, is lost. Every entry point's shape
#: of a result has these fields.
UNREADABLE_RESULT: Final[JsonObject] = {
    "status": "failed",
    "company": "",
    "lead_id": "",
    "code": "internal_error",
    "reason": {
        "en": "What is stored of this item cannot be read; `emasai doctor` says more.",
        "es": "Lo que consta de este elemento no se puede leer; `emasai doctor` dice más.",
    },
    "source": None,
    "cost_micros": 0,
    "saved_micros": 0,
}


class DeadLetter(StrEnum):
    """Why the runner itself gives an item up; handlers have codes of their own beside these."""

    POISON = "poison"
    DEADLINE = "deadline"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An item that no handler has brought to an end, and what is known of it."""

    code: DeadLetter
    attempts: int = 0
    last_step: str | None = None


Pause = Callable[[timedelta], Awaitable[None]]


Step = Callable[[str], Awaitable[None]]


async def _no_step(step: str) -> None:
    """Note nothing."""


def _never() -> bool:
    return False


async def _sleep(duration: timedelta) -> None:
    await asyncio.sleep(duration.total_seconds())


class Tries:
    """How often the work on an item was tried; its handler counts."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        """Count one more."""
        self.count += 1


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a handler must know of the job that an item belongs to; None for an item of no job.

    `item` is the item's number. `lane` is the job's. `buy_again` identifies a person's request to
    buy even what may have been charged before. `rows` is how many rows of the job the item answers.
    `pause` waits, and raises `NotNow` when the process has no time left to wait. Handlers name each
    `step` that they begin: of an item that has killed workers, the last one is kept. A handler that
    is cancelled while `is_abandoned` stops what it has set off, too. One that tries again by itself
    counts its `tries`.
    """

    job_id: str | None
    tenant: str
    capped: bool
    accepted_at: datetime | None = None
    item: int | None = field(default=None, compare=False)
    buy_again: str | None = None
    rows: int = 1
    lane: Lane = Lane.PIPELINE
    pause: Pause = field(default=_sleep, compare=False, repr=False)
    step: Step = field(default=_no_step, compare=False, repr=False)
    is_abandoned: Callable[[], bool] = field(default=_never, compare=False, repr=False)
    tries: Tries = field(default_factory=Tries, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What a handler says of one item: its result, and what it adds to the job's tally.

    `again` is what each further row that the item answers adds. `failure` is the code of a dead
    letter: the item failed after `attempts`, and may be queued again.
    """

    result: JsonObject
    tally: Mapping[str, int] = field(default_factory=dict)
    again: Mapping[str, int] = field(default_factory=dict)
    failure: str | None = None
    attempts: int = 0

    def tally_of(self, rows: int, *, items: int = 1) -> dict[str, int]:
        """Return what *items* of the same report add to a tally that answer *rows* rows in all."""
        tally = Counter({"done": rows})
        for name, n in self.tally.items():
            tally[name] += n * items
        for name, n in self.again.items():
            tally[name] += n * (rows - items)
        return dict(tally)

    def for_rows(self, rows: int, *, attempts: int = 0) -> "Report":
        """Return the report of an item that answers *rows* rows and took so many *attempts*."""
        tally = {"done": 1, **self.tally} if rows == 1 else self.tally_of(rows)
        return Report(self.result, tally, failure=self.failure, attempts=attempts)


@dataclass(frozen=True, slots=True)
class Job:
    """A job's record as it was read.

    `total` counts rows, `items` what is worked on: less where rows repeat each other, and then
    `has_row_map`. `answered` rows had their result on the way in. `tally` counts what
    the handlers reported, by rows.
    """

    job_id: str
    kind: JobKind
    tenant: str
    lane: Lane
    origin: Origin
    state: JobState
    total: int
    items: int
    has_row_map: bool
    answered: int
    chunks: int
    max_cost_micros: int | None
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime | None
    parent: str | None
    about: str | None
    policy: str | None
    buy_again: bool
    tally: dict[str, int]

    @property
    def done(self) -> int:
        """How many rows have a result."""
        return self.tally.get("done", 0)

    def time_left(self, now: datetime) -> timedelta | None:
        """Return how long the rest takes at the pace so far; None where there is none to tell."""
        worked = self.done - self.answered
        if self.finished_at is not None or worked <= 0:
            return None
        return (now - (self.started_at or self.accepted_at)) / worked * (self.total - self.done)

    @property
    def context(self) -> JobContext:
        """What handlers need to know of the job."""
        capped = self.max_cost_micros is not None
        return JobContext(
            *(self.job_id, self.tenant, capped, self.accepted_at),
            buy_again=self.job_id if self.buy_again else None,
            lane=self.lane,
        )


class KeyReused(Exception):
    """An idempotency key was used before, for other work."""

    def __str__(self) -> str:
        return (
            "This idempotency key was used for another request; "
            "send the same request again, or use another key"
        )


class KeyInFlight(Exception):
    """The first request with an idempotency key has not been answered yet."""

    def __str__(self) -> str:
        return (
            "Another request with this idempotency key is in flight; "
            "repeat this one when it has been answered"
        )


class AlreadyRequeued(Exception):
    """Another job has one of the dead letters since; the caller reads anew what is left."""

    def __str__(self) -> str:
        return "Another job has some of these dead letters since"


class UnreadableJob(Exception):
    """What is stored of *job_id* cannot be read, by *problem*. The job is not worked on."""

    def __init__(self, job_id: str, problem: str) -> None:
        super().__init__(job_id, problem)
        self.job_id = job_id
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"The record of job {self.job_id} cannot be read ({self.problem}), so it is not worked "
            f"on; `emasai jobs cancel {self.job_id}` removes it"
        )


class UnreadableChunk(Exception):
    """The items of *chunk* of *job_id* cannot be read."""

    def __init__(self, job_id: str, chunk: int) -> None:
        super().__init__(job_id, chunk)
        self.job_id = job_id
        self.chunk = chunk

    def __str__(self) -> str:
        return f"The items of chunk {self.chunk} of job {self.job_id} cannot be read"


class RemovedJob(UnreadableJob):
    """A job whose record cannot be read was removed instead of being cancelled."""

    def __str__(self) -> str:
        return (
            f"The record of job {self.job_id} could not be read ({self.problem}); it was removed, "
            "and none of its items runs any more"
        )


class JobGone(Exception):
    """The record of *job_id*, an accepted job that a caller waits for, no longer exists."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return (
            f"The record of job {self.job_id} no longer exists: Redis was emptied, or has lost it; "
            "submit the same work again: companies that were bought are not bought a second time"
        )

"""Jobs as values. Pure."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

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
    REFRESH = "refresh"


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
class Order:
    """What is asked for, but for its items.

    Items that have not begun by *deadline* end as failed; *parent* is the job whose dead
    letters these items are. *about* says in words what was asked for (a file, a filter), *policy*
    which rules the asker knew. *buy_again*: a person wants companies bought once more whose earlier
    purchase has lost its answer, and may have been charged.
    """

    kind: JobKind
    tenant: str
    max_cost_micros: int | None = None
    lane: Lane = Lane.PIPELINE
    origin: Origin = Origin.TASK
    deadline: datetime | None = None
    parent: str | None = None
    about: str | None = None
    policy: str | None = None
    buy_again: bool = False


@dataclass(frozen=True, slots=True)
class NewJob:
    """An order with its items in hand. Equal work that is not finished yet is the same job."""

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

    @property
    def order(self) -> Order:
        """What is asked for, but for its items."""
        return Order(
            kind=self.kind,
            tenant=self.tenant,
            max_cost_micros=self.max_cost_micros,
            lane=self.lane,
            origin=self.origin,
            deadline=self.deadline,
            parent=self.parent,
            about=self.about,
            policy=self.policy,
            buy_again=self.buy_again,
        )

    @property
    def digest(self) -> str:
        """Identity of the work: same kind, tenant, lane, limits, and items in the same order."""
        digest = WorkDigest(self.order)
        digest.add(self.items)
        return digest.text()


class WorkDigest:
    """Identity of work whose items come in parts; where they are parted makes no difference."""

    def __init__(self, order: Order) -> None:
        limits = [order.max_cost_micros, order.deadline]
        again = [True] if order.buy_again else []
        head = orjson.dumps([order.kind, order.tenant, order.lane, limits, order.parent, *again])
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
class Once:
    """An idempotency key by its *name* in Redis: for *ttl* the same key is the same job.

    *digest* is the identity of the request, that of the job's work if it is empty. *lease* is the
    key's record while this request is in flight; empty where nobody has claimed it.
    """

    name: str
    ttl: timedelta
    digest: str = ""
    lease: str = ""


#: What is told of an item whose result, or whose handler's last word, is lost. Every door's shape
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

    def for_rows(self, rows: int) -> "Report":
        """Return the report of an item that answers *rows* rows."""
        tally = self.tally_of(rows)
        return Report(self.result, tally, failure=self.failure, attempts=self.attempts)


@dataclass(frozen=True, slots=True)
class Job:
    """A job's record as it was read.

    `total` counts rows, `items` what is worked on: less where rows repeat each other, and then
    `has_row_map`. `answered` rows had their result before anybody worked. `tally` counts what
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
        """What handlers are told."""
        capped = self.max_cost_micros is not None
        return JobContext(
            *(self.job_id, self.tenant, capped, self.accepted_at),
            buy_again=self.job_id if self.buy_again else None,
            lane=self.lane,
        )

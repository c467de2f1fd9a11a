"""The contract of a load: what a loader gets and returns, how it fails, what a caller receives.

A *record* is an opaque JSON object that outlives its writer: the next leader of the same key
receives it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from orchestrator.memo.entry import Entry, JsonObject


class Source(StrEnum):
    """How an outcome came about, from the caller's point of view."""

    HIT = "hit"
    """A fresh entry was there."""
    COALESCED = "coalesced"
    """Another flight was loading; the caller waited for its answer."""
    BOUGHT = "bought"
    """The caller led, and its loader brought a new answer."""
    ADOPTED = "adopted"
    """The caller led, and its loader collected what a dead leader had begun."""
    STALE = "stale"
    """No longer fresh, served because the load failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An entry as one caller received it. `age_ms` is its age at that moment."""

    key: str
    source: Source
    entry: Entry
    age_ms: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loader's answer, how long it is fresh, and how it was come by.

    `source` is BOUGHT or ADOPTED. `ttl` counts from `loaded_at_ms` (Redis clock). `record` stays
    after the answer was stored or refused, until `settle` has returned. An error of `settle` that
    is one of `postponed_by` means that it has to be repeated; any other is a fault in it.
    """

    status: str
    payload: JsonObject
    ttl: timedelta
    loaded_at_ms: int
    source: Source = Source.BOUGHT
    record: JsonObject | None = None
    settle: Callable[[], Awaitable[None]] | None = None
    postponed_by: tuple[type[Exception], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A leader's failure as it is shared: `encoded` is JSON, and bars another load for `ttl`."""

    encoded: JsonObject
    ttl: timedelta


class NotShared(Exception):
    """Base of loader errors that concern one caller alone (its budget, its deadline).

    Followers never receive them: each tries for itself.
    """


class Abandoned(NotShared):
    """No caller of this process waits for the flight any more, and its loader may give it up."""

    def __str__(self) -> str:
        return "no caller waits for it any more"


class Abandonment:
    """Whether one flight shall end early. Its loader decides where it can."""

    def __init__(self) -> None:
        self._asked = False
        self._inside: asyncio.Task[object] | None = None

    def ask(self) -> None:
        """End the flight, now or when it next comes to where it can be ended."""
        self._asked = True
        if self._inside is not None:
            self._inside.cancel()

    @contextmanager
    def possible(self) -> Iterator[None]:
        """Let the block be interrupted.

        Raises:
            Abandoned: The flight is to end. The loader may still go on, outside of the block.
        """
        if self._asked:
            raise Abandoned
        self._inside = task = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._asked and task is not None and not task.uncancel():
                raise Abandoned from None
            raise
        finally:
            self._inside = None


class RecordWriter(Protocol):
    """How a loader writes down what it is about to do, or has done."""

    async def __call__(
        self, record: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
    ) -> None:
        """Replace the record. Acknowledged by the server when it returns.

        Args:
            record: What the next leader has to know.
            durably: Return only once it is where `MemoOptions.durability` wants it.
            hold: How long the flight is followed at least while its process is alive, even if it
                cannot renew its lease: until what the record announces must have ended.

        Raises:
            LeaseLost: Another leader has taken over: what the record announces must not begin.
            NotDurable: It is written, but not where it must be.
            StoreUnavailable: Redis is unavailable; it may be written or not.
        """


class RecordAmender(Protocol):
    """How a loader replaces the record that an earlier leader has left."""

    async def __call__(self, record: JsonObject, *, take: bool = False) -> None:
        """Replace it, if it is still there, and leave it to its writer.

        Args:
            record: What the next leader has to know.
            take: Take it from its writer, which can neither use nor drop it any more.

        Raises:
            RecordGone: Its writer has dropped it since.
            LeaseLost: Another leader has taken over.
            StoreUnavailable: Redis is unavailable; it may be written or not.
        """


class FailureCodec(Protocol):
    """How the loader's own errors travel to followers in other processes."""

    def encode(self, error: Exception) -> Failure | None:
        """Return the shared form; None for an error this codec does not know."""

    def decode(self, encoded: JsonObject, retry_in: timedelta) -> Exception:
        """Return the error of which *encoded* was made; it bars another load for *retry_in*."""

    def postponed(self, error: Exception, retry_in: timedelta) -> None:
        """Learn that *error*, which the caller will see, bars another load for *retry_in*."""

    def may_serve_stale(self, error: Exception) -> bool:
        """Say whether an answer that is no longer fresh is better than *error*."""


@dataclass(frozen=True, slots=True)
class Flight:
    """The leader's view of one running load.

    Attributes:
        key: The entry's key.
        token: Unique to this flight; fences its writes.
        record: What an earlier leader that never finished had written down, if anything.
        generation: Number of invalidations before the flight began. What was begun in an
            earlier one is no answer any more.
        now_ms: Reads the Redis server's clock, without asking the server: it shows this, or
            less by the time that `begin` took at most.
        past_ms: The same, from below: it shows at least this.
        leads: Says, without asking the server, whether the lease is certainly still held.
            Where it is not, another leader may be at work.
        may_send: Says whether it is held for so long that what is sent now leaves in time.
        abandonable: Marks what may be interrupted once no caller waits for the flight any more;
            raises `Abandoned` then.
        write_record: Replaces the record.
        amend_record: Replaces the record that an earlier leader has left, and leaves it to that
            one: should its answer come after all, it is stored.
        drop_record: Removes the record of this flight and returns whether it was there. A record
            that is not dropped outlives a failed flight, for the next leader to read.
    """

    key: str
    token: str
    record: JsonObject | None
    now_ms: Callable[[], int]
    past_ms: Callable[[], int]
    leads: Callable[[], bool]
    may_send: Callable[[], bool]
    write_record: RecordWriter
    drop_record: Callable[[], Awaitable[bool]]
    amend_record: RecordAmender
    generation: int = 0
    abandonable: Callable[[], AbstractContextManager[None]] = nullcontext


Loader = Callable[[Flight], Awaitable[Loaded]]

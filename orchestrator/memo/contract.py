"""What a caller of the memo sets, gives, gets and catches: options, outcomes, errors.

StoreUnavailable                    Redis is unavailable, or refuses: load nothing (`infra`)
└── NotDurable(operation, reason)   what was written is not as safe as was asked for
MemoError
├── StillLoading(key)               the caller gave up waiting; the load goes on
├── LeaseLost(key)                  another leader took over: begin nothing that cannot be undone
│   └── RecordGone(key)             what an earlier leader had left is settled: begin again
├── LoadFailed(key, reason)         the leader failed with an error that no codec knows
└── CorruptEntry(key, reason)       a stored value cannot be read: a counted miss

Every class takes its values by position, so that it survives JSON and pickle.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from orchestrator.infra.redis_client import StoreUnavailable

JsonObject = dict[str, Any]

#: How long a server has to confirm a record. With `appendfsync everysec` a second passes between
#: two writes to the disk, and another one until a replica says that it has done so.
CONFIRMED_WITHIN: Final = timedelta(seconds=2.5)


class Durability(StrEnum):
    """Where a record must be before what it announces may begin."""

    NONE = "none"
    REPLICA = "replica"

    @property
    def patience(self) -> timedelta:
        """How long a record may take to be there."""
        return timedelta(0) if self is Durability.NONE else CONFIRMED_WITHIN


@dataclass(frozen=True, slots=True)
class MemoOptions:
    """Durations of the memo.

    `lease` is what a dead leader costs its followers; it is renewed three times as often. A leader
    that has written down what must not be done twice is followed for longer: until its process is
    gone (see `process_ttl`), or the instant that its record names. `record_ttl` and
    `generation_ttl` must outlive every flight. `commit_patience` is how long the callers of an
    answer wait for a Redis that is unavailable; then they get it, and storing it goes on in the
    background. `unknown_failure_ttl` bars another load after an error that no codec knows; every
    further failure doubles it, up to `longest_failure_ttl`. `stale_for` is how long a copy is
    kept past its freshness, to be served as stale; zero keeps none. `decoded` is the number of
    entries that a process keeps decoded for the next read of the same bytes. `durability` is
    where a record must be that is written *durably*.
    """

    lease: timedelta = timedelta(seconds=5)
    record_ttl: timedelta = timedelta(hours=24)
    generation_ttl: timedelta = timedelta(hours=24)
    corrupt_ttl: timedelta = timedelta(hours=24)
    commit_patience: timedelta = timedelta(seconds=30)
    unknown_failure_ttl: timedelta = timedelta(seconds=1)
    longest_failure_ttl: timedelta = timedelta(minutes=15)
    stale_for: timedelta = timedelta(0)
    decoded: int = 512
    durability: Durability = Durability.NONE

    @property
    def process_ttl(self) -> timedelta:
        """How long a process may give no sign of life before it is called gone.

        A stand-still that is shorter costs time and nothing else: 20 s with the default lease.
        """
        return 4 * self.lease


def milliseconds(duration: timedelta) -> int:
    """Return *duration* as Redis takes it."""
    return duration // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer and how long it is fresh.

    `status` is the loader's own word for the kind of answer (`found`, `not_found`, ...).
    Instants are milliseconds since the epoch by the Redis server's clock. All readers of one
    process share the entry, so its payload must not be changed.
    """

    status: str
    payload: Mapping[str, Any]
    stored_at_ms: int
    expires_at_ms: int

    def age_ms(self, now_ms: int) -> int:
        """Return the age at *now_ms*; a clock that stepped back counts as age zero."""
        return max(0, now_ms - self.stored_at_ms)


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
    """An entry, and how one caller came by it."""

    source: Source
    entry: Entry


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


class NotShared(Exception):
    """Base of loader errors that concern one caller alone (its budget, its deadline).

    Followers never receive them: each tries for itself.
    """


class Abandoned(NotShared):
    """No caller of this process waits for the flight any more, and its loader may give it up."""

    def __str__(self) -> str:
        return "no caller waits for it any more"


@dataclass(frozen=True, slots=True)
class Failure:
    """A leader's failure as it is shared: `encoded` is JSON, and bars another load for `ttl`."""

    encoded: JsonObject
    ttl: timedelta


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


class MemoError(Exception):
    """Root of the memo's errors about one `key`."""

    def __init__(self, key: str, *details: str) -> None:
        super().__init__(key, *details)
        self.key = key


class NotDurable(StoreUnavailable):
    """What was written is not where it must be (on disk, on a replica), for *reason*."""

    def __str__(self) -> str:
        return (
            f"an intent to buy could not be confirmed: {self.reason}; nothing was bought, "
            "`emasai doctor` names the fix"
        )


class StillLoading(MemoError):
    """The caller's patience ended before the load of *key*; its answer will be in the memo."""

    def __str__(self) -> str:
        return f"{self.key} is still being loaded; ask again later"


class LeaseLost(MemoError):
    """The flight for *key* is no longer led by the caller."""

    def __str__(self) -> str:
        return f"the lease of {self.key} was lost to another leader"


class RecordGone(LeaseLost):
    """The record that the leader of *key* has found was dropped by its writer in the meantime."""

    def __str__(self) -> str:
        return f"the record of {self.key} is settled"


class LoadFailed(MemoError):
    """The leader of *key* failed for *reason*; the same failure reaches every follower."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"loading {self.key} failed: {self.reason}"


class CorruptEntry(MemoError):
    """The value stored under *key* is not an entry this version can read."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the entry {self.key} cannot be read: {self.reason}"

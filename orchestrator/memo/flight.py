"""One running load, as its loader sees it: what to return, what to write down, how to fail.

A *note* is an opaque JSON object that outlives its writer: the next leader of the same key
receives it. The purchase protocol keeps its journal in notes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from orchestrator.memo.entry import JsonObject
from orchestrator.memo.outcome import Source


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a loader brought: an answer, how long it is fresh, and how it was come by.

    `source` is BOUGHT or ADOPTED. `ttl` counts from `loaded_at_ms` (Redis clock).
    """

    status: str
    payload: JsonObject
    ttl: timedelta
    loaded_at_ms: int
    source: Source = Source.BOUGHT


@dataclass(frozen=True, slots=True)
class Failure:
    """A leader's failure as it is shared: `record` is JSON, nobody retries before `ttl` is over.

    `keep_note` leaves the flight's note to the next leader, because what it says (a payment
    that may have happened) is not settled yet.
    """

    record: JsonObject
    ttl: timedelta
    keep_note: bool = False


class NotShared(Exception):
    """Base of loader errors that concern one caller alone (its budget, its deadline).

    They are never told to followers: each of those tries for itself.
    """


class FailureCodec(Protocol):
    """How the loader's own errors travel to followers in other processes."""

    def encode(self, error: Exception) -> Failure | None:
        """Return the shared form; None for an error this codec does not know."""

    def decode(self, record: JsonObject) -> Exception:
        """Return the error that `encode` had made *record* from."""


@dataclass(frozen=True, slots=True)
class Flight:
    """The leader's view of one running load.

    Attributes:
        key: The entry's key.
        token: Unique to this flight; fences its writes.
        note: What an earlier leader that never finished had written down, if anything.
        now_ms: Reads the Redis server's clock, without asking the server.
        write_note: Replaces the note. Acknowledged by the server when it returns. Raises
            `LeaseLost` if another leader has taken over: then nothing may be paid.
    """

    key: str
    token: str
    note: JsonObject | None
    now_ms: Callable[[], int]
    write_note: Callable[[JsonObject], Awaitable[None]]


Loader = Callable[[Flight], Awaitable[Loaded]]

"""The options of a memo: its durations, and where a record must be before it counts."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

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

"""Checks a history of reads and writes of rows with versions, without knowing how they were made.

A read may return no version older than one that was acknowledged before it began, and none that
was not being written yet when it ended.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

#: All rows begin with this version, which was acknowledged before everything else.
FIRST = 1


@dataclass(frozen=True, slots=True)
class Write:
    """A write that began; `ended` and `version` are None where it was never answered.

    Instants are seconds of one clock. A `deferred` write promises nothing to readers.
    """

    key: str
    began: float
    ended: float | None = None
    version: int | None = None
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A read and the version that it returned; whether from the cache is for statistics only."""

    key: str
    began: float
    ended: float
    version: int
    is_hit: bool = False


class _Row:
    """What the writes of one key allow, for any number of reads: each costs two bisections."""

    def __init__(self, writes: Sequence[Write]) -> None:
        promised = sorted(
            (write.ended, write.version)
            for write in writes
            if write.version is not None and write.ended is not None and not write.deferred
        )
        self._ends = [ended for ended, _ in promised]
        self._oldest = list(accumulate((version for _, version in promised), max, initial=FIRST))
        self._begins = sorted(write.began for write in writes)

    def oldest(self, began: float) -> int:
        """Return the latest version that was acknowledged before *began*."""
        return self._oldest[bisect_left(self._ends, began)]

    def newest(self, ended: float) -> int:
        """Return the latest version that was being written before *ended*."""
        # Each write raises the version by one.
        return FIRST + bisect_left(self._begins, ended)


def faults(reads: Iterable[Read], writes: Iterable[Write]) -> list[str]:
    """Return a sentence for each read that may not have returned what it did."""
    by_key: dict[str, list[Write]] = defaultdict(list)
    for write in writes:
        by_key[write.key].append(write)
    rows: dict[str, _Row] = {}
    found = []
    for read in reads:
        if read.key not in rows:
            rows[read.key] = _Row(by_key[read.key])
        oldest, newest = rows[read.key].oldest(read.began), rows[read.key].newest(read.ended)
        if read.version < oldest:
            found.append(f"stale: {read} after {oldest} was acknowledged")
        if read.version > newest:
            found.append(f"from the future: {read} when at most {newest} was being written")
    return found

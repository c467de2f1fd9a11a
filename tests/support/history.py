"""Checks a history of reads and writes of rows with versions, without knowing how they were made.

A read may return no version older than one that was acknowledged before it began, and none that
was not being written yet when it ended.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

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
    """A read and the version that it returned."""

    key: str
    began: float
    ended: float
    version: int


def faults(reads: Iterable[Read], writes: Iterable[Write]) -> list[str]:
    """Return a sentence for each read that may not have returned what it did."""
    by_key: dict[str, list[Write]] = defaultdict(list)
    for write in writes:
        by_key[write.key].append(write)
    found = []
    for read in reads:
        known = by_key[read.key]
        promised = [
            write.version
            for write in known
            if write.version is not None and write.ended is not None and not write.deferred
            if write.ended < read.began
        ]
        oldest = max(promised, default=FIRST)
        # Each write raises the version by one.
        newest = FIRST + sum(write.began < read.ended for write in known)
        if read.version < oldest:
            found.append(f"stale: {read} after {oldest} was acknowledged")
        if read.version > newest:
            found.append(f"from the future: {read} when at most {newest} was being written")
    return found

"""What a lookup returns: an entry, and how it came about. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.memo.entry import Entry


class Source(StrEnum):
    """How an outcome came about, from the caller's point of view."""

    HIT = "hit"
    """A fresh entry was there."""
    COALESCED = "coalesced"
    """Somebody else was loading; the caller waited for that answer."""
    BOUGHT = "bought"
    """The caller led, and paid."""
    ADOPTED = "adopted"
    """The caller led, and collected what a dead leader had already paid for."""
    STALE = "stale"
    """No longer fresh, served because nothing better could be had."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An entry as one caller received it. `age_ms` is its age at that moment."""

    key: str
    source: Source
    entry: Entry
    age_ms: int

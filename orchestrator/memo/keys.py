"""The memo's keys in Redis; nowhere else are they built.

The entry's own key is the caller's (`surfsense:<company key>` is a documented contract). Ours
carry a purpose and the schema version in front, so that `surfsense:*` matches entries only.
"""

from dataclasses import dataclass

#: Every process subscribes to this one channel; a message is `<status> <entry key>`.
CHANNEL = "memo1:settled"

_OURS = "memo1:"
_LEASE = f"{_OURS}lease:"
_GENERATION = f"{_OURS}generation:"
_NOTE = f"{_OURS}note:"
_FAILURE = f"{_OURS}failure:"
_CORRUPT = f"{_OURS}corrupt:"
#: What tells that an entry is being loaded, or was a moment ago.
_TRACES = (_LEASE, _NOTE, _FAILURE)


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys that belong to one entry."""

    entry: str

    @property
    def lease(self) -> str:
        """Token of the leader; lives for seconds, renewed while it works."""
        return _LEASE + self.entry

    @property
    def generation(self) -> str:
        """Number of invalidations; raised ones make running flights unable to write."""
        return _GENERATION + self.entry

    @property
    def note(self) -> str:
        """What the leader wants a successor to know."""
        return _NOTE + self.entry

    @property
    def failure(self) -> str:
        """The last leader's failure; while it lives, nobody tries again."""
        return _FAILURE + self.entry

    @property
    def corrupt(self) -> str:
        """An unreadable value, kept aside for inspection."""
        return _CORRUPT + self.entry


def is_ours(key: bytes) -> bool:
    """Say whether *key* is one of the memo's own, which no pattern of entries means."""
    return key.startswith(_OURS.encode())


def trace_patterns(entry_pattern: str) -> list[str]:
    """Return the globs that match leases, notes and failures of entries like *entry_pattern*."""
    return [prefix + entry_pattern for prefix in _TRACES]


def entry_of(trace: str) -> str:
    """Return the entry's key that a lease, note or failure belongs to."""
    for prefix in _TRACES:
        if trace.startswith(prefix):
            return trace.removeprefix(prefix)
    raise ValueError(f"{trace} is no lease, note or failure")

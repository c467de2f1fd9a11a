"""The memo's keys in Redis; nowhere else are they built.

The entry's own key is the caller's (`surfsense:<company key>` is a documented contract). Ours
carry a purpose and the schema version in front, so that `surfsense:*` matches entries only.
"""

import secrets
from dataclasses import dataclass

#: Every process subscribes to this one channel; a message is `<status> <entry key>`.
CHANNEL = "memo1:settled"

_OURS = "memo1:"
_LEASE = f"{_OURS}lease:"
_GENERATION = f"{_OURS}generation:"
_RECORD = f"{_OURS}note:"
_FAILURE = f"{_OURS}failure:"
_FAILURES = f"{_OURS}failures:"
_STALE = f"{_OURS}stale:"
_CORRUPT = f"{_OURS}corrupt:"
_PROCESS = f"{_OURS}process:"
#: What tells that an entry is being loaded, or was a while ago.
_TRACES = (_LEASE, _RECORD, _FAILURE, _STALE)

#: Written to be waited for: what was logged before it is as safe as it is.
BARRIER = f"{_OURS}barrier"

#: Sorted set of entries with a record, by the instant at which a sweeper may look (ms).
RECORDED = f"{_OURS}noted"


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
    def record(self) -> str:
        """What the leader wants a successor to know."""
        return _RECORD + self.entry

    @property
    def failure(self) -> str:
        """The last leader's failure; while it lives, nobody tries again."""
        return _FAILURE + self.entry

    @property
    def failures(self) -> str:
        """Failures in a row; each doubles the time until somebody tries again."""
        return _FAILURES + self.entry

    @property
    def stale(self) -> str:
        """A copy of the entry for bad times; lives longer, and is never called fresh."""
        return _STALE + self.entry

    @property
    def corrupt(self) -> str:
        """An unreadable value, kept aside for inspection."""
        return _CORRUPT + self.entry


def process_key(process: str) -> str:
    """Return the key that says that the process with this id is alive."""
    return _PROCESS + process


def new_token(process: str) -> str:
    """Return a token for a flight of *process*, unique to the flight."""
    return f"{process}.{secrets.token_hex(8)}"


def process_of(token: str) -> str:
    """Return the process that *token* belongs to."""
    return token.partition(".")[0]


def listed(entry: str, token: str) -> str:
    """Return the member of `RECORDED` for the record that *token* has written for *entry*."""
    return f"{token} {entry}"


def is_ours(key: bytes) -> bool:
    """Say whether *key* is one of the memo's own, which no pattern of entries means."""
    return key.startswith(_OURS.encode())


def trace_pattern(entry_pattern: str) -> str:
    """Return the glob that matches the traces, among others, of what *entry_pattern* matches."""
    return f"{_OURS}*:{entry_pattern}"


def entry_of(key: str) -> str | None:
    """Return the entry's key that *key* is a trace of: its lease, record, failure or stale copy."""
    for prefix in _TRACES:
        if key.startswith(prefix):
            return key.removeprefix(prefix)
    return None

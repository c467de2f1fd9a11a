"""The memo's keys in Redis; nowhere else are they built.

The entry's own key is the caller's (`surfsense:<company key>` is a documented contract). Ours
carry a purpose and the schema version in front, so that `surfsense:*` matches entries only.
"""

from dataclasses import dataclass

#: Every process subscribes to this one channel; a message is `<status> <entry key>`.
CHANNEL = "memo1:settled"

_LEASE = "memo1:lease:"
_GENERATION = "memo1:generation:"
_NOTE = "memo1:note:"
_FAILURE = "memo1:failure:"
_CORRUPT = "memo1:corrupt:"


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


def lease_pattern(entry_pattern: str) -> str:
    """Return the glob that matches the leases of all entries matching *entry_pattern*."""
    return _LEASE + entry_pattern


def note_pattern(entry_pattern: str) -> str:
    """Return the glob that matches the notes of all entries matching *entry_pattern*."""
    return _NOTE + entry_pattern


def entry_of(own_key: str) -> str:
    """Return the entry's key that a lease or note key belongs to."""
    for prefix in (_LEASE, _NOTE):
        if own_key.startswith(prefix):
            return own_key.removeprefix(prefix)
    raise ValueError(f"{own_key} is neither a lease nor a note")

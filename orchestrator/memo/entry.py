"""The stored form of one answer, and how it is read back. Pure.

An entry is one JSON object, so that any service of the platform can read it:
`{"v": 1, "written_by", "status", "stored_at_ms", "expires_at_ms", "payload"}`. `written_by`
comes early because the commit script looks for it in the first bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from orchestrator.memo.errors import CorruptEntry

#: Version of the stored form. Readers accept this and every earlier one.
SCHEMA_VERSION = 1

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer and how long it is fresh.

    `status` is the loader's own word for the kind of answer (`found`, `not_found`, ...).
    Instants are milliseconds since the epoch by the Redis server's clock. An entry is shared by
    all who read it in one process: nobody changes its payload.
    """

    status: str
    payload: Mapping[str, Any]
    stored_at_ms: int
    expires_at_ms: int

    def age_ms(self, now_ms: int) -> int:
        """Return the age at *now_ms*; a clock that stepped back counts as age zero."""
        return max(0, now_ms - self.stored_at_ms)


def encode(entry: Entry, *, token: str) -> bytes:
    """Return the stored form of *entry*, signed with the *token* of the flight that wrote it."""
    return orjson.dumps(
        {
            "v": SCHEMA_VERSION,
            "written_by": token,
            "status": entry.status,
            "stored_at_ms": entry.stored_at_ms,
            "expires_at_ms": entry.expires_at_ms,
            "payload": entry.payload,
        }
    )


def decode(key: str, stored: bytes) -> Entry:
    """Read the stored form.

    Raises:
        CorruptEntry: Not JSON, not an entry, or written by a later version.
    """
    try:
        raw = orjson.loads(stored)
        if raw["v"] > SCHEMA_VERSION:
            raise CorruptEntry(key, f"written by a later version ({raw['v']})")
        status, payload = raw["status"], raw["payload"]
        if not isinstance(status, str) or not isinstance(payload, dict):
            raise CorruptEntry(key, "the status is no text, or the payload no object")
        return Entry(status, payload, int(raw["stored_at_ms"]), int(raw["expires_at_ms"]))
    except (KeyError, TypeError, ValueError) as error:  # JSONDecodeError is a ValueError
        raise CorruptEntry(key, type(error).__name__) from error

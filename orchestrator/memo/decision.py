"""What `begin` answered, read into one of four cases. Pure.

The life of a lookup that found no fresh entry:

    begin ──> Fresh        somebody stored it in between: serve it
          ──> Failed       somebody failed a moment ago: fail alike, do not try again yet
          ──> Following    somebody leads: wait for the notice, until the lease can have
                           expired, or until its process is gone; then begin again
          ──> Leading      nobody led: load, then commit or release
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from orchestrator.memo.entry import Entry, JsonObject, decode

#: Added to a follower's wait, so that it asks again just after the lease can have expired.
LEASE_MARGIN = timedelta(milliseconds=5)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A fresh entry is stored."""

    entry: Entry
    now_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The last leader failed; nobody tries again for `retry_in`."""

    encoded: JsonObject
    retry_in: timedelta


@dataclass(frozen=True, slots=True)
class Following:
    """The flight with the token `leader` is under way; unless told, ask again in `patience`."""

    patience: timedelta
    leader: str


@dataclass(frozen=True, slots=True)
class Leading:
    """The caller leads the flight of `generation`; `record` is a dead leader's, if any."""

    generation: int
    now_ms: int
    record: JsonObject | None


BeginReply = Fresh | Failed | Following | Leading


def read_begin_reply(key: str, reply: Sequence[Any]) -> BeginReply:
    """Read the reply of `begin.lua` for the entry *key*.

    Raises:
        CorruptEntry: An entry is there, but cannot be read.
        ValueError, TypeError: What is beside it cannot be read.
    """
    case = bytes(reply[0])
    if case == b"entry":
        return Fresh(decode(key, reply[1]), reply[2])
    if case == b"failure":
        return Failed(json_object(reply[1]), timedelta(milliseconds=reply[3]))
    if case == b"follower":
        return Following(timedelta(milliseconds=reply[1]) + LEASE_MARGIN, bytes(reply[3]).decode())
    generation, now_ms, record = reply[1:4]
    return Leading(int(generation), int(now_ms), None if record is None else read_record(record))


def json_object(stored: bytes) -> JsonObject:
    """Return the JSON object that *stored* is.

    Raises:
        ValueError: It is none.
    """
    found = orjson.loads(stored)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - the text is wrong, not the argument
    return found


def read_record(stored: bytes) -> JsonObject:
    """Return the record that *stored* is, which names the flight that has written it.

    Raises:
        ValueError: It is none.
    """
    record = json_object(stored)
    if not isinstance(record.get("written_by"), str):
        raise ValueError("a record without its writer")  # noqa: TRY004 - as above
    return record

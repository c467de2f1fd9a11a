"""The stored forms of the memo, how entries are read, and the reply of `begin`, which carries them.

An entry is one JSON object, so that any service of the platform can read it:
`{"v": 1, "written_by", "status", "stored_at_ms", "expires_at_ms", "payload"}`. `written_by`
comes early because the commit script looks for it in the first bytes. A record is the loader's
own JSON object, with `written_by` in front.

A lookup without a fresh entry asks `begin`, which answers one of four:

    begin ──> Fresh        another flight stored the entry in between: serve it
          ──> Failed       the last load failed a moment ago: fail alike, do not load yet
          ──> Following    another flight loads: wait for its notice, until its lease can have
                           expired, or until its process is gone; then begin again
          ──> Leading      no flight loads: load, then commit or release
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors
from orchestrator.memo.contract import CorruptEntry, Entry, JsonObject

#: Version of the stored form. Readers accept this and every earlier one.
SCHEMA_VERSION: Final = 1
#: Added to a follower's wait, so that it asks again just after the lease can have expired.
LEASE_MARGIN: Final = timedelta(milliseconds=5)

#: Keys of one MGET. Larger ones hold up every other client of the server for longer.
READ_BATCH: Final = 500

_Value = asyncio.Future["bytes | None"]


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


def encode_record(record: JsonObject, *, token: str) -> bytes:
    """Return the stored form of *record*, whose writer is found by its *token*."""
    return orjson.dumps({"written_by": token, **record})


def decode_record(stored: bytes) -> JsonObject:
    """Return the record that *stored* is, with the token of its writer.

    Raises:
        ValueError: It is none.
    """
    record = json_object(stored)
    if not isinstance(record.get("written_by"), str):
        raise ValueError("a record without its writer")  # noqa: TRY004 - the text is wrong
    return record


def json_object(stored: bytes) -> JsonObject:
    """Return the JSON object that *stored* is.

    Raises:
        ValueError: It is none.
    """
    found = orjson.loads(stored)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - the text is wrong, not the argument
    return found


@dataclass(frozen=True, slots=True)
class Fresh:
    """A fresh entry is stored; `stored` is its stored form."""

    entry: Entry
    stored: bytes = field(default=b"", compare=False)

    @property
    def written_by(self) -> str:
        """The token of the flight that wrote it."""
        return str(json_object(self.stored)["written_by"])


@dataclass(frozen=True, slots=True)
class Failed:
    """The last load failed, and the key may not be loaded for `retry_in`."""

    encoded: JsonObject
    retry_in: timedelta


@dataclass(frozen=True, slots=True)
class Following:
    """The flight with the token `leader` loads; without a notice, ask again in `patience`."""

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
        return Fresh(decode(key, reply[1]), reply[1])
    if case == b"failure":
        return Failed(json_object(reply[1]), timedelta(milliseconds=reply[3]))
    if case == b"follower":
        return Following(timedelta(milliseconds=reply[1]) + LEASE_MARGIN, bytes(reply[3]).decode())
    generation, now_ms, record = reply[1:4]
    return Leading(int(generation), int(now_ms), None if record is None else decode_record(record))


class Reader:
    """Reads entries: reads that come together travel as one MGET.

    One connection of its own and one command at a time: what is asked for while a command is
    under way leaves with the next, so the busier the loop, the larger the batches
    (docs/architecture.md, "Why reads are coalesced"). One per event loop; `aclose` it.
    """

    def __init__(self, redis: Redis) -> None:
        # Keeps the connection that its first command takes from the pool: to take one and give
        # it back for every read would be a third of what a read costs.
        self._redis = redis.client()
        self._waiting: dict[str, list[_Value]] = {}
        self._reading: asyncio.Task[None] | None = None

    def get(self, key: str) -> _Value:
        """Return the future value of *key*; None where there is none.

        A caller may cancel its own future. `StoreUnavailable` reaches every caller of a batch.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._reading is None:
            # Begins in the loop's next round, after all that is about to be asked in this one.
            self._reading = loop.create_task(self._read(), name="memo-reads")
        return future

    async def get_many(
        self, keys: Sequence[str]
    ) -> AsyncIterator[Iterable[tuple[str, bytes | None]]]:
        """Yield each of *keys* with its value, in order, in batches of at most `READ_BATCH`.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        for start in range(0, len(keys), READ_BATCH):
            batch = keys[start : start + READ_BATCH]
            yield zip(batch, await self._mget(batch), strict=True)

    async def aclose(self) -> None:
        """Let reads under way end, then give the connection back. The pool stays open."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
        await self._redis.aclose()

    async def _read(self) -> None:
        try:
            while self._waiting:
                keys = list(islice(self._waiting, READ_BATCH))
                waiting = [self._waiting.pop(key) for key in keys]
                try:
                    values = await self._mget(keys)
                except Exception as error:  # noqa: BLE001 - handed to every caller of the batch
                    for future in (each for futures in waiting for each in futures):
                        if not future.done():
                            future.set_exception(error)
                    continue
                for value, futures in zip(values, waiting, strict=True):
                    for future in futures:
                        if not future.done():  # else its caller has cancelled it
                            future.set_result(value)
        finally:
            self._reading = None

    async def _mget(self, keys: Sequence[str]) -> list[bytes | None]:
        with store_errors("read"):
            return cast("list[bytes | None]", await self._redis.mget(keys))  # it never decodes


class DecodedEntries:
    """Decodes stored entries, each of the *most* recently read ones once."""

    def __init__(self, most: int) -> None:
        self._most = most
        # By key alone: to hash an entry's bytes would take a quarter of the time that it spares.
        self._entries: OrderedDict[str, tuple[bytes, Entry]] = OrderedDict()

    def read(self, key: str, stored: bytes) -> Entry:
        """Return the entry that *stored*, the value of *key*, is.

        Raises:
            CorruptEntry: See `decode`; nothing is kept of it.
        """
        known = self._entries.get(key)
        if known is not None and known[0] == stored:
            self._entries.move_to_end(key)
            return known[1]
        entry = decode(key, stored)
        self._entries[key] = stored, entry
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
        return entry

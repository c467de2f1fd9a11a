"""The memo's data in Redis: its keys, the atomic steps on them, and how entries are read.

The entry's own key is the caller's (`surfsense:<company key>` is a documented contract). The
memo's keys carry a purpose and the schema version in front, so that `surfsense:*` matches entries
only. Nowhere else are they built.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from orchestrator.infra.batching import ScriptBatcher
from orchestrator.infra.redis_client import load_script, scan_batches, store_errors
from orchestrator.memo.entry import Entry, decode, json_object
from orchestrator.memo.flight import Failure
from orchestrator.memo.options import MemoOptions, milliseconds

#: Every process subscribes to this one channel; a message is `<status> <entry key>`.
CHANNEL: Final = "memo1:settled"
#: Written to be waited for: what was logged before it is as safe as it is.
BARRIER: Final = "memo1:barrier"
#: Sorted set of the records there are, by the instant at which a sweeper may look (ms).
RECORDED: Final = "memo1:noted"

_OURS: Final = "memo1:"
_LEASE: Final = f"{_OURS}lease:"
_RECORD: Final = f"{_OURS}note:"
_FAILURE: Final = f"{_OURS}failure:"
_STALE: Final = f"{_OURS}stale:"
_PROCESS: Final = f"{_OURS}process:"
#: What tells that an entry is being loaded, or was a while ago.
_TRACES: Final = (_LEASE, _RECORD, _FAILURE, _STALE)

#: Keys of one MGET. Larger ones hold up every other client of the server for longer.
READ_BATCH: Final = 500
#: SCAN hint where almost nothing matches, so that no batch grows large.
FEW: Final = 1000

_MS: Final = timedelta(milliseconds=1)

_Value = asyncio.Future["bytes | None"]


class Keys:
    """All keys that belong to one entry."""

    __slots__ = (
        "corrupt",
        "entry",
        "failure",
        "failures",
        "generation",
        "lease",
        "record",
        "stale",
    )

    def __init__(self, entry: str) -> None:
        self.entry = entry
        #: Token of the leader; lives for seconds, renewed while it works.
        self.lease = _LEASE + entry
        #: Number of invalidations; raising it makes running flights unable to write.
        self.generation = f"{_OURS}generation:{entry}"
        #: What the leader wants a successor to know.
        self.record = _RECORD + entry
        #: The last leader's failure; while it lives, the entry is not loaded.
        self.failure = _FAILURE + entry
        #: Failures in a row; each doubles the time until the next load.
        self.failures = f"{_OURS}failures:{entry}"
        #: A copy of the entry that outlives its freshness, and is never called fresh.
        self.stale = _STALE + entry
        #: An unreadable value, kept aside for inspection.
        self.corrupt = f"{_OURS}corrupt:{entry}"


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


class Scripts:
    """The memo's atomic steps. What each does stands at the top of its Lua file.

    Steps of concurrent flights share a round trip. All raise RedisError or OSError where Redis is
    unavailable or refuses; then the step may have been carried out or not. Each may be repeated.
    """

    def __init__(self, redis: Redis, options: MemoOptions | None = None) -> None:
        def load(name: str) -> AsyncScript:
            return load_script(redis, "orchestrator.memo", name)

        options = options or MemoOptions()
        self._redis = redis
        self._call = ScriptBatcher(redis).call
        self._begin = load("begin")
        self._write_record = load("record")
        self._drop_record = load("drop_record")
        self._commit = load("commit")
        self._release = load("release")
        self._invalidate = load("invalidate")
        self._quarantine = load("quarantine")
        self._lease_ms = milliseconds(options.lease)
        self._record_ttl_ms = milliseconds(options.record_ttl)
        self._generation_ttl_ms = milliseconds(options.generation_ttl)
        self._corrupt_ttl_ms = milliseconds(options.corrupt_ttl)
        self._longest_failure_ttl_ms = milliseconds(options.longest_failure_ttl)
        self._stale_for_ms = milliseconds(options.stale_for)

    async def begin(self, keys: Keys, token: str, unwanted: str = "") -> list[Any]:
        """Ask for the entry, or for the lead; `entry.read_begin_reply` reads the reply.

        An entry that *unwanted* wrote counts as none.
        """
        names = (keys.entry, keys.lease, keys.generation, keys.record, keys.failure)
        args = (token, self._lease_ms, unwanted)
        return cast("list[Any]", await self._call(self._begin, names, args))

    async def write_record(
        self, keys: Keys, token: str, body: bytes, *, writer: str, hold: timedelta, amends: bool
    ) -> int:
        """Write *body* as the record of *writer*, and list it; return what `record.lua` says."""
        names = (keys.lease, keys.record, RECORDED)
        args: list[Any] = [token, body, self._record_ttl_ms, self._lease_ms, hold // _MS]
        args += [int(amends), listed(keys.entry, writer)]
        return cast("int", await self._call(self._write_record, names, args))

    async def drop_record(
        self, keys: Keys, token: str, *, body: bytes | None, with_failure: bool
    ) -> bool:
        """Remove the record that *token* wrote, or only if it is still *body*."""
        names = [keys.record, RECORDED, *([keys.failure] if with_failure else [])]
        args = (body or token, listed(keys.entry, token))
        return bool(await self._call(self._drop_record, names, args))

    async def drop_failure(self, keys: Keys, stored: bytes) -> None:
        """Let the next caller load, unless another failure than *stored* has come since."""
        await self._call(self._drop_record, (keys.failure, RECORDED), (stored, ""))

    async def commit(
        self, keys: Keys, token: str, generation: int, entry: Entry, body: bytes, record: bytes
    ) -> str:
        """Store *entry*, encoded as *body*, and leave *record*; return the script's verdict."""
        names = [keys.entry, keys.lease, keys.generation, keys.record]
        names += [keys.failure, keys.failures, keys.stale, RECORDED]
        until_ms = entry.expires_at_ms
        stale_until_ms = until_ms + self._stale_for_ms if self._stale_for_ms else 0
        args: list[Any] = [token, generation, body, until_ms, CHANNEL, keys.entry]
        args += [record, self._record_ttl_ms, stale_until_ms, listed(keys.entry, token)]
        return cast("bytes", await self._call(self._commit, names, args)).decode()

    async def release(
        self, keys: Keys, token: str, failure: Failure | None = None, *, if_gone: bool = False
    ) -> int:
        """End the flight of *token*, with *failure* for its followers, if there is one.

        With *if_gone*, only if its process has not come back in the meantime.

        Returns:
            How long the entry is not loaded (ms); -1 if the flight was not ended.
        """
        names = [keys.lease, keys.failure, keys.failures]
        if if_gone:
            names.append(process_key(process_of(token)))
        encoded, ttl_ms = b"", 0
        if failure is not None:
            encoded, ttl_ms = orjson.dumps(failure.encoded), milliseconds(failure.ttl)
        args = (token, encoded, ttl_ms, self._longest_failure_ttl_ms, CHANNEL, keys.entry)
        return cast("int", await self._call(self._release, names, args))

    async def invalidate(self, entries: Iterable[str]) -> int:
        """Raise the generation of each of *entries* and remove it; return how many existed."""
        removed = 0
        for entry in entries:
            keys = Keys(entry)
            names = (keys.entry, keys.generation, keys.failure, keys.failures, keys.stale)
            removed += await self._call(self._invalidate, names, (self._generation_ttl_ms,))
        return removed

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all entries that match the glob *pattern* for good; return how many existed.

        Order matters: first the flights under way (seen by their leases and records) lose their
        generation, and failures their force, then the entries go. A flight that commits in between
        is found as an entry; one that commits later is refused.
        """
        removed = 0
        # One pass for all kinds of trace: each pass walks the whole database.
        async for batch in scan_batches(self._redis, trace_pattern(pattern), hint=FEW):
            traced = (entry_of(key.decode()) for key in batch)
            removed += await self.invalidate(entry for entry in traced if entry is not None)
        async for batch in scan_batches(self._redis, pattern):
            # `*` matches the memo's own keys, too, and a record must not be lost.
            entries = [key for key in batch if not is_ours(key)]
            if entries:
                removed += await self._redis.unlink(*entries)
        return removed

    async def quarantine(self, keys: Keys, stored: bytes) -> bool:
        """Set the unreadable entry *stored* aside, unless another has taken its place."""
        names = (keys.entry, keys.corrupt)
        return bool(await self._call(self._quarantine, names, (stored, self._corrupt_ttl_ms)))


async def remove_unreadable(
    redis: Redis, keys: Keys, *, now_ms: int, generation_ttl: timedelta
) -> list[str]:
    """Remove what no program of ours has written under the keys of an entry; return those keys.

    A record is not removed: it may say that something was begun.

    Raises:
        RedisError, OSError: Redis is unavailable.
    """
    # What each key must hold if it is there.
    readers: dict[str, Callable[[bytes], object]] = {
        keys.entry: bytes.decode,
        keys.lease: bytes.decode,
        keys.generation: _count,
        keys.failure: json_object,
        keys.failures: bytes.decode,
    }
    broken = [key for key, read in readers.items() if not await is_readable(redis, key, read)]
    if keys.generation in broken:
        # Higher than it can have been: no earlier flight may write.
        await redis.set(keys.generation, now_ms, px=generation_ttl)
    for key in broken:
        if key != keys.generation:
            await redis.unlink(key)
    return broken


async def is_readable(redis: Redis, key: str, read: Callable[[bytes], object]) -> bool:
    """Return whether *key* holds nothing, or a text that *read* takes."""
    kind = await redis.type(key)
    if kind != b"string":
        return bool(kind == b"none")
    stored = cast("bytes | None", await redis.get(key))
    try:
        if stored is not None:  # else it has expired since
            read(stored)
    except ValueError:
        return False
    return True


def _count(stored: bytes) -> int:
    if not stored.isdigit():
        raise ValueError("no count")
    return int(stored)


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
        self._decoded: OrderedDict[str, tuple[bytes, Entry]] = OrderedDict()

    def read(self, key: str, stored: bytes) -> Entry:
        """Return the entry that *stored*, the value of *key*, is.

        Raises:
            CorruptEntry: See `decode`; nothing is kept of it.
        """
        known = self._decoded.get(key)
        if known is not None and known[0] == stored:
            self._decoded.move_to_end(key)
            return known[1]
        entry = decode(key, stored)
        self._decoded[key] = stored, entry
        self._decoded.move_to_end(key)
        if len(self._decoded) > self._most:
            self._decoded.popitem(last=False)
        return entry

"""The memo's data in Redis: its keys, the atomic steps on them, and the records of leaders.

The entry's own key is the caller's (`surfsense:<company key>` is a documented contract). The
memo's keys carry a purpose and the schema version in front, so that `surfsense:*` matches entries
only. Nowhere else are they built.

A *record* is what a leader writes down for its successor. `memo1:noted` lists records by writer
and entry, and changes in the same step as they do. A record that has expired stays listed; the
next look at it takes it off.

A record may have to be on the disks of the server and of a replica before what it announces
begins. `WAITAOF` answers for all that its server has logged before a write of the same
connection. So one request confirms every record that it sees: the records are read, a barrier is
written, and that is waited for. A record that was read there lies before it in the log, whichever
connection has written it; one that is missing lies on a server that is not the primary any more.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, Final, cast

import orjson
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError, ResponseError

from orchestrator.infra.batching import ScriptBatcher
from orchestrator.infra.clock import Clock
from orchestrator.infra.redis_client import load_script, scan_batches, store_errors
from orchestrator.memo.contract import (
    CONFIRMED_WITHIN,
    Entry,
    Failure,
    JsonObject,
    LeaseLost,
    MemoOptions,
    NotDurable,
    RecordGone,
    milliseconds,
)
from orchestrator.memo.entry import decode_record, encode_record, json_object

log = structlog.get_logger(__name__)

#: Every process subscribes to this one channel; a message is `<status> <entry key>`.
CHANNEL: Final = "memo1:settled"
#: Written to be waited for: what was logged before it is as safe as it is.
BARRIER: Final = "memo1:barrier"
#: Sorted set of the records there are, each `<writer's token> <entry key>`, by the instant at which
#: a sweeper may look (ms).
RECORDED: Final = "memo1:noted"

_OURS: Final = "memo1:"
_LEASE: Final = f"{_OURS}lease:"
_RECORD: Final = f"{_OURS}note:"
_FAILURE: Final = f"{_OURS}failure:"
_STALE: Final = f"{_OURS}stale:"
_PROCESS: Final = f"{_OURS}process:"
#: What tells that an entry is being loaded, or was a while ago.
_TRACES: Final = (_LEASE, _RECORD, _FAILURE, _STALE)

#: SCAN hint where almost nothing matches, so that no batch grows large.
FEW: Final = 1000

#: When a record is looked at again that could not be read.
UNREADABLE_REST: Final = timedelta(minutes=10)
#: Seconds after which a replica that has not confirmed is asked again.
ASK_AGAIN_S: Final = 0.02
#: Seconds between two requests while one is under way: ten connections wait at most.
GAP_S: Final = 0.25
#: What the script answers if it has renewed the lease as well.
_RENEWED: Final = 2
#: What it answers if there is no record to amend any more.
_GONE: Final = -1

_MS: Final = timedelta(milliseconds=1)


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


def process_of(token: str) -> str:
    """Return the process whose flight has *token*: what stands before the dot."""
    return token.partition(".")[0]


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

    Attributes:
        call: Calls a script with its keys and arguments.
    """

    def __init__(self, redis: Redis, options: MemoOptions | None = None) -> None:
        options = options or MemoOptions()
        self.call = ScriptBatcher(redis).call
        self._redis = redis
        self._begin = _load(redis, "begin")
        self._commit = _load(redis, "commit")
        self._release = _load(redis, "release")
        self._invalidate = _load(redis, "invalidate")
        self._quarantine = _load(redis, "quarantine")
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
        return cast("list[Any]", await self.call(self._begin, names, args))

    async def commit(
        self, keys: Keys, token: str, generation: int, entry: Entry, body: bytes, record: bytes
    ) -> str:
        """Store *entry*, encoded as *body*, and leave *record*; return the script's verdict."""
        names = [keys.entry, keys.lease, keys.generation, keys.record]
        names += [keys.failure, keys.failures, keys.stale, RECORDED]
        until_ms = entry.expires_at_ms
        stale_until_ms = until_ms + self._stale_for_ms if self._stale_for_ms else 0
        args: list[Any] = [token, generation, body, until_ms, CHANNEL, keys.entry]
        args += [record, self._record_ttl_ms, stale_until_ms, f"{token} {keys.entry}"]
        return cast("bytes", await self.call(self._commit, names, args)).decode()

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
        return cast("int", await self.call(self._release, names, args))

    async def invalidate(self, entries: Iterable[str]) -> int:
        """Raise the generation of each of *entries* and remove it; return how many existed."""
        removed = 0
        for entry in entries:
            keys = Keys(entry)
            names = (keys.entry, keys.generation, keys.failure, keys.failures, keys.stale)
            removed += await self.call(self._invalidate, names, (self._generation_ttl_ms,))
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
        return bool(await self.call(self._quarantine, names, (stored, self._corrupt_ttl_ms)))


def _load(redis: Redis, name: str) -> AsyncScript:
    return load_script(redis, "orchestrator.memo", name)


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


@dataclass(frozen=True, slots=True)
class LeftRecord:
    """A record that its writer has not cleared. `leader` is the token of a flight under way."""

    key: str
    record: JsonObject
    body: bytes = field(repr=False)
    leader: str | None


class Records:
    """The records of one database.

    Attributes:
        durability: Where a record that has to be durable must be: see `confirm`.
    """

    def __init__(
        self, redis: Redis, scripts: Scripts, options: MemoOptions, *, clock: Clock
    ) -> None:
        self.durability = options.durability
        self._redis = redis
        self._call = scripts.call
        self._write = _load(redis, "record")
        self._drop = _load(redis, "drop_record")
        self._record_ttl_ms = milliseconds(options.record_ttl)
        self._lease_ms = milliseconds(options.lease)
        self._clock = clock
        self._confirmations = Confirmations(redis)

    async def write(
        self,
        keys: Keys,
        token: str,
        record: JsonObject,
        *,
        hold: timedelta = timedelta(0),
        writer: str | None = None,
    ) -> bool:
        """Write *record* as the leader *token*. Acknowledged by the server when it returns.

        Args:
            keys: Of the entry.
            token: Of the flight that leads.
            record: What the next leader has to know.
            hold: How long the lease lives from now on at least, unless it is released.
            writer: Whose record it is from now on, if it replaces one that has to be there still:
                the token of the earlier flight, whose answer may still come and is then stored, or
                *token*.

        Returns:
            Whether the lease is held, and lives for a whole lease from this call on.

        Raises:
            LeaseLost: Another leader took over.
            RecordGone: There is no record to replace.
            StoreUnavailable: Redis is unavailable; the record may be written or not.
        """
        owner = writer or token
        names = (keys.lease, keys.record, RECORDED)
        args: list[Any] = [token, encode_record(record, token=owner), self._record_ttl_ms]
        args += [self._lease_ms, hold // _MS, int(writer is not None), f"{owner} {keys.entry}"]
        with store_errors("record"):
            written = await self._call(self._write, names, args)
        if written == _GONE:
            raise RecordGone(keys.entry)
        if not written:
            raise LeaseLost(keys.entry)
        return bool(written == _RENEWED)

    async def confirm(self, keys: Keys, token: str) -> None:
        """Return once the record that *token* has written is where `durability` wants it.

        Raises:
            LeaseLost: The server does not have it: it was not the one that wrote it.
            NotDurable: It is not there in time, or the server cannot tell.
            StoreUnavailable: Redis is unavailable, so it is unknown.
        """
        with store_errors("confirm"):
            await self._confirmations.confirm(keys, token)

    async def drop(
        self, keys: Keys, token: str, *, body: bytes | None = None, with_failure: bool = False
    ) -> bool:
        """Remove the record that *token* wrote, or only if it is still *body*; others stay.

        *with_failure*, what lookups are told goes, too: it was true as long as the record was.

        A record whose answer is settled has to be dropped by its body: after a failover to a
        replica that lagged, the entry may be gone and the record be the intent again, which leads
        to it.

        Returns:
            Whether it was there, and is removed.
        """
        names = [keys.record, RECORDED, *([keys.failure] if with_failure else [])]
        args = (body or token, f"{token} {keys.entry}")
        try:
            return bool(await self._call(self._drop, names, args))
        except (RedisError, OSError) as error:
            log.warning("memo.record_not_dropped", key=keys.entry, error=type(error).__name__)
            return False

    async def drop_failure(self, keys: Keys, stored: bytes) -> None:
        """Let the next caller load, unless another failure than *stored* has come since.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        await self._call(self._drop, (keys.failure, RECORDED), (stored, ""))

    async def discard(self, left: LeftRecord) -> None:
        """Remove a record that was found, unless another one has been written since."""
        await self.drop(Keys(left.key), left.record["written_by"], body=left.body)

    async def of(self, entries: Sequence[str]) -> list[JsonObject]:
        """Return the records of *entries* that are there, and can be read.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        with store_errors("read records"):
            stored = await self._redis.mget([Keys(entry).record for entry in entries])
        found = []
        for each in cast("list[bytes | None]", stored):
            with suppress(ValueError):
                found += [] if each is None else [decode_record(each)]
        return found

    async def older_than(self, *, age: timedelta, limit: int) -> list[LeftRecord]:
        """Return records written *age* ago, the oldest first.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        with store_errors("left records"):
            found = await self._redis.zrange(
                RECORDED, "-inf", self._ms(-age), byscore=True, offset=0, num=limit
            )
            members = [m.decode("utf-8", "replace") for m in cast("list[bytes]", found)]
            if not members:
                return []
            entries = [Keys(member.partition(" ")[2]) for member in members]
            names = [name for keys in entries for name in (keys.record, keys.lease)]
            stored = cast("list[bytes | None]", await self._redis.mget(names))
            left, gone, unreadable = [], [], []
            for member, record, lease in zip(members, stored[0::2], stored[1::2], strict=True):
                try:
                    each = _left_record(member, record, lease)
                except ValueError:
                    unreadable.append(member)
                    continue
                if each is not None:
                    left.append(each)
                elif lease != member.partition(" ")[0].encode():
                    gone.append(member)
            if gone:
                await self._redis.zrem(RECORDED, *gone)
            if unreadable:
                log.error("memo.notes_unreadable", records=unreadable)
                # Looked at again, as one of a newer version may be; it expires by itself.
                later = self._ms(UNREADABLE_REST)
                await self._redis.zadd(RECORDED, dict.fromkeys(unreadable, later), xx=True)
        return left

    async def look_again(self, left: LeftRecord, *, after: timedelta) -> None:
        """Put off the next look at a record."""
        member = f"{left.record['written_by']} {left.key}"
        with store_errors("record"):
            await self._redis.zadd(RECORDED, {member: self._ms(after)}, xx=True)

    def _ms(self, later: timedelta) -> float:
        """Return the instant that is so much *later* than now, as records are listed by it."""
        return (self._clock() + later).timestamp() * 1000


def _left_record(member: str, record: bytes | None, lease: bytes | None) -> LeftRecord | None:
    """Return the record that is listed as *member*; None if it is gone.

    Raises:
        ValueError: It cannot be read.
    """
    token, _, entry = member.partition(" ")
    found = None if record is None else decode_record(record)
    if found is None or record is None or found["written_by"] != token:
        return None
    leader = None if lease is None else lease.decode("utf-8", "replace")
    return LeftRecord(entry, found, record, leader)


@dataclass(frozen=True, slots=True)
class _Confirmation:
    keys: Keys
    token: str
    answer: asyncio.Future[None]

    def finish(self, error: Exception | None) -> None:
        if self.answer.done():  # its caller has gone
            return
        if error is None:
            self.answer.set_result(None)
        else:
            self.answer.set_exception(error)


class Confirmations:
    """Confirms the records of one process, together. Belongs to one event loop."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Confirmation] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None

    async def confirm(self, keys: Keys, token: str) -> None:
        """Return once the record that *token* has written is where it must be.

        Raises:
            LeaseLost: The primary does not have it (any more).
            NotDurable: It is not there in time, or the server cannot tell.
            RedisError, OSError: Redis is unavailable.
        """
        loop = asyncio.get_running_loop()
        wanted = _Confirmation(keys, token, loop.create_future())
        self._waiting.append(wanted)
        if len(self._waiting) == 1:
            task = loop.create_task(self._ask(self._latest), name="memo-confirmation")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await wanted.answer

    async def _ask(self, earlier: asyncio.Task[None] | None) -> None:
        """Ask for all that wait, once the *earlier* request is answered or old enough.

        What comes while a request is under way may have to wait for the disk's next turn; to wait
        for the end of the one under way first would double that.
        """
        if earlier is not None:
            await asyncio.wait([earlier], timeout=GAP_S)
        self._latest = asyncio.current_task()
        batch, self._waiting = self._waiting, []
        try:
            names = [wanted.keys.record for wanted in batch]
            records = await read_durable(self._redis, names)
        except Exception as error:  # noqa: BLE001 - handed to every caller that waits
            for wanted in batch:
                wanted.finish(error)
        else:
            for wanted, record in zip(batch, records, strict=True):
                is_lost = not is_of(wanted.token, record)
                wanted.finish(LeaseLost(wanted.keys.entry) if is_lost else None)


async def read_durable(redis: Redis, records: Sequence[str]) -> list[bytes | None]:
    """Return what the keys *records* hold, once that is on the disks of server and replica.

    Raises:
        NotDurable: It is not there in time, or the server cannot tell.
        RedisError, OSError: Redis is unavailable.
    """
    async with redis.pipeline() as connection:
        # The client reconnects by itself, but not while it watches: on a new connection, where
        # nothing was written yet, WAITAOF would confirm at once.
        await connection.watch(BARRIER)
        found = await connection.mget(records)
        await connection.set(BARRIER, b"", px=CONFIRMED_WITHIN)
        try:
            await _wait(connection)
        except ResponseError as refused:
            reason = f"Redis cannot say whether it is on disk ({refused})"
            raise NotDurable("confirm", reason) from refused
    return cast("list[bytes | None]", found)


async def _wait(connection: Pipeline) -> None:
    """Return once what *connection* has written is on disk, and on that of a replica.

    A replica that has it, and has not written it to its disk when it is asked, tells so by itself
    after up to a second; asked again, at once.
    """
    within_s = CONFIRMED_WITHIN.total_seconds()
    until = monotonic() + within_s
    while True:
        on_disk, on_replicas = await connection.waitaof(1, 1, round(ASK_AGAIN_S * 1000))
        if on_disk and on_replicas:
            return
        if monotonic() >= until:
            missing = "no replica had" if on_disk else "Redis did not have"
            raise NotDurable("confirm", f"{missing} it on disk within {within_s:g} s")


def is_of(token: str, record: bytes | None) -> bool:
    """Say whether *record* is there, and written by *token*."""
    return record is not None and token.encode() in record

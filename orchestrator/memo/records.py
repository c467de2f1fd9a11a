"""Records: what a leader writes down for its successor, where it must be, and who finds it.

`memo1:noted` lists records by writer and entry, and changes in the same step as they do. A record
that has expired stays listed; the next look at it takes it off.

A record may have to be on the disks of the server and of a replica before what it announces
begins. `WAITAOF` answers for all that its server has logged before a write of the same
connection. So one request confirms every record that it sees: the records are read, a barrier is
written, and that is waited for. A record that was read there lies before it in the log, whichever
connection has written it; one that is missing lies on a server that is not the primary any more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError, ResponseError

from orchestrator.infra.clock import Clock
from orchestrator.infra.redis_client import store_errors
from orchestrator.memo.entry import JsonObject, decode_record, encode_record
from orchestrator.memo.errors import LeaseLost, NotDurable, RecordGone
from orchestrator.memo.options import CONFIRMED_WITHIN, Durability
from orchestrator.memo.store import BARRIER, RECORDED, Keys, Scripts, listed

log = structlog.get_logger(__name__)

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


@dataclass(frozen=True, slots=True)
class LeftRecord:
    """A record that its writer has not cleared. `leader` is the token of a flight under way."""

    key: str
    record: JsonObject
    body: bytes = field(repr=False)
    leader: str | None


class Records:
    """The records of one database."""

    def __init__(
        self, redis: Redis, scripts: Scripts, durability: Durability, *, clock: Clock
    ) -> None:
        self._redis = redis
        self._scripts = scripts
        self._clock = clock
        self._durability = durability
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
        body = encode_record(record, token=writer or token)
        with store_errors("record"):
            written = await self._scripts.write_record(
                keys, token, body, writer=writer or token, hold=hold, amends=writer is not None
            )
        if written == _GONE:
            raise RecordGone(keys.entry)
        if not written:
            raise LeaseLost(keys.entry)
        return written == _RENEWED

    async def confirm(self, keys: Keys, token: str) -> None:
        """Return once the record that *token* has written is where the options want it.

        Raises:
            LeaseLost: The server does not have it: it was not the one that wrote it.
            NotDurable: It is not there in time, or the server cannot tell.
            StoreUnavailable: Redis is unavailable, so it is unknown.
        """
        if self._durability is not Durability.NONE:
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
        try:
            return await self._scripts.drop_record(
                keys, token, body=body, with_failure=with_failure
            )
        except (RedisError, OSError) as error:
            log.warning("memo.record_not_dropped", key=keys.entry, error=type(error).__name__)
            return False

    async def discard(self, left: LeftRecord) -> None:
        """Remove a record that was found, unless another one has been written since."""
        await self.drop(Keys(left.key), left.record["written_by"], body=left.body)

    async def left(self, *, for_at_least: timedelta, limit: int) -> list[LeftRecord]:
        """Return records written *for_at_least* ago, the oldest first.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        with store_errors("left records"):
            found = await self._redis.zrange(
                RECORDED, "-inf", self._ms(-for_at_least), byscore=True, offset=0, num=limit
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
                    each = _read_left(member, record, lease)
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
        member = listed(left.key, left.record["written_by"])
        with store_errors("record"):
            await self._redis.zadd(RECORDED, {member: self._ms(after)}, xx=True)

    def _ms(self, later: timedelta) -> float:
        """Return the instant that is so much *later* than now, as records are listed by it."""
        return (self._clock() + later).timestamp() * 1000


def _read_left(member: str, record: bytes | None, lease: bytes | None) -> LeftRecord | None:
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
class _Wanted:
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
        self._waiting: list[_Wanted] = []
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
        wanted = _Wanted(keys, token, loop.create_future())
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

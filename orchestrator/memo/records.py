"""Records: what a leader writes down for whoever comes after it, and where such records are found.

`memo1:noted` lists them by writer and entry. It is written before the record and cleared after
it, in steps of its own, so that every script touches the keys of one entry only; a record that
is listed and gone costs a look, nothing else. Nobody strikes a successor's record off the list.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from time import time
from typing import cast

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.redis_client import store_errors
from orchestrator.memo.decision import read_record
from orchestrator.memo.durability import Confirmations, Durability
from orchestrator.memo.entry import JsonObject
from orchestrator.memo.errors import LeaseLost, RecordGone
from orchestrator.memo.keys import RECORDED, Keys, listed
from orchestrator.memo.options import MemoOptions, milliseconds
from orchestrator.memo.scripts import Scripts

log = structlog.get_logger(__name__)

#: When a record is looked at again that could not be read.
UNREADABLE_REST = timedelta(minutes=10)
#: What the script answers if it has renewed the lease as well.
_RENEWED = 2
#: What it answers if there is no record to mark any more.
_GONE = -1


@dataclass(frozen=True, slots=True)
class LeftRecord:
    """A record that its writer has not cleared. `leader` is the token of a flight under way."""

    key: str
    record: JsonObject
    body: bytes = field(repr=False)
    leader: str | None


class Records:
    """The records of one database."""

    def __init__(self, redis: Redis, scripts: Scripts, options: MemoOptions) -> None:
        self._redis = redis
        self._scripts = scripts
        self._options = options
        self._confirmations = Confirmations(redis, options.durability, options.record_ttl)

    def body(self, token: str, record: JsonObject) -> bytes:
        """Return the stored form: the writer is found by its token."""
        return orjson.dumps({"written_by": token, **record})

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
        ttl_ms = milliseconds(self._options.record_ttl)
        with store_errors("record"):
            await self._redis.zadd(RECORDED, {listed(keys.entry, writer or token): time() * 1000})
            await self._redis.pexpire(RECORDED, ttl_ms)
            written = await self._scripts.record(
                keys=[keys.lease, keys.record],
                args=[
                    *(token, self.body(writer or token, record), ttl_ms),
                    *(milliseconds(self._options.lease), milliseconds(hold)),
                    0 if writer is None else 1,
                ],
            )
        if written == _GONE:
            raise RecordGone(keys.entry)
        if not written:
            raise LeaseLost(keys.entry)
        return bool(written == _RENEWED)

    async def confirm(self, keys: Keys, token: str) -> None:
        """Return once the record that *token* has written is where the options want it.

        Raises:
            LeaseLost: The server does not have it: it was not the one that wrote it.
            NotDurable: It is not there in time, or the server cannot tell.
            StoreUnavailable: Redis is unavailable; nobody knows.
        """
        if self._options.durability is Durability.NONE:
            return
        with store_errors("confirm"):
            await self._confirmations.confirm(keys, token)

    async def drop(
        self, keys: Keys, token: str, *, body: bytes | None = None, with_failure: bool = False
    ) -> bool:
        """Remove the record that *token* wrote, or only if it is still *body*; others stay.

        *with_failure*, what lookups are told goes, too: it was true as long as the record was.

        What the answer is settled for has to be dropped by its body: after a failover to a replica
        that lagged, the entry may be gone and the record be the intent again, which leads to it.

        Returns:
            Whether it was there, and is removed.
        """
        dropped = False
        try:
            names = [keys.record, keys.failure] if with_failure else [keys.record]
            if await self._scripts.drop_record(keys=names, args=[body or token]):
                dropped = True
                await self._redis.zrem(RECORDED, listed(keys.entry, token))
        except (RedisError, OSError) as error:
            log.warning("memo.record_not_dropped", key=keys.entry, error=type(error).__name__)
        return dropped

    async def discard(self, left: LeftRecord) -> None:
        """Remove a record that was found, unless somebody has written another one since."""
        await self.drop(Keys(left.key), left.record["written_by"], body=left.body)

    async def forget(self, keys: Keys, token: str) -> None:
        """Take a record of *token* off the list that is gone."""
        try:
            await self._redis.zrem(RECORDED, listed(keys.entry, token))
        except (RedisError, OSError) as error:
            log.warning("memo.record_not_forgotten", key=keys.entry, error=type(error).__name__)

    async def left(self, *, for_at_least: timedelta, limit: int) -> list[LeftRecord]:
        """Return records written *for_at_least* ago, the oldest first.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        latest = (time() - for_at_least.total_seconds()) * 1000
        with store_errors("left records"):
            found = await self._redis.zrange(
                RECORDED, "-inf", latest, byscore=True, offset=0, num=limit
            )
            members = [m.decode("utf-8", "replace") for m in cast("list[bytes]", found)]
            if not members:
                return []
            entries = [Keys(_entry_of(member)) for member in members]
            names = [name for keys in entries for name in (keys.record, keys.lease)]
            stored = cast("list[bytes | None]", await self._redis.mget(names))
            looks = [
                _look(member, record, lease)
                for member, record, lease in zip(members, stored[0::2], stored[1::2], strict=True)
            ]
            gone = [look for look in looks if isinstance(look, str)]
            if gone:
                await self._redis.zrem(RECORDED, *gone)
            if unreadable := [each.member for each in looks if isinstance(each, _Unreadable)]:
                log.error("memo.notes_unreadable", records=unreadable)
                # Looked at again, as one of a newer version may be; it expires by itself.
                later = (time() + UNREADABLE_REST.total_seconds()) * 1000
                await self._redis.zadd(RECORDED, dict.fromkeys(unreadable, later), xx=True)
        return [look for look in looks if isinstance(look, LeftRecord)]

    async def look_again(self, left: LeftRecord, *, after: timedelta) -> None:
        """Put off the next look at a record."""
        later = (time() + after.total_seconds()) * 1000
        with store_errors("record"):
            await self._redis.zadd(
                RECORDED, {listed(left.key, left.record["written_by"]): later}, xx=True
            )


def _entry_of(member: str) -> str:
    return member.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class _Unreadable:
    member: str


def _look(
    member: str, record: bytes | None, lease: bytes | None
) -> LeftRecord | _Unreadable | str | None:
    """Return the record that is listed as *member*; *member* if it is gone for good, else None."""
    token, _, entry = member.partition(" ")
    if record is not None:
        try:
            found = read_record(record)
        except ValueError:
            return _Unreadable(member)
        if found["written_by"] == token:
            return LeftRecord(
                entry, found, record, None if lease is None else lease.decode("utf-8", "replace")
            )
    # The holder of the lease may be about to write the record that it has listed.
    return None if lease == token.encode() else member

"""Orphaned runs: given up by their buyers, and perhaps charged later.

SurfSense may make a success of a run that it has called interrupted, and a leader that was
overtaken may have a run that its successor never found. Such runs are remembered for a day, looked
at ever less often, and entered into the ledger when they turn out to have been charged.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, cast

import orjson
import structlog
from redis.asyncio import Redis

from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.redis_client import store_errors
from orchestrator.purchasing.intents import PurchaseRecord, UnreadableRecord

log = structlog.get_logger(__name__)

#: Begins the key of a company's runs: a hash of records by run id.
_PREFIX: Final = "strays1:of:"
#: Sorted set of `<run id> <company key>`, by the instant of the next look (ms).
_DUE: Final = "strays1:due"
#: For how long a run may still come to be charged, as far as we look.
WATCHED_FOR: Final = timedelta(days=1)
#: Of all keys; longer than anything is watched.
_TTL: Final = 2 * WATCHED_FOR
_SOONEST, _LATEST = timedelta(seconds=30), timedelta(hours=2)


def next_look(age: timedelta) -> timedelta | None:
    """Return after what time a run of that *age* is looked at again; None: never.

    >>> next_look(timedelta(minutes=10))
    datetime.timedelta(seconds=600)
    """
    return None if age >= WATCHED_FOR else min(max(age, _SOONEST), _LATEST)


class OrphanedRuns:
    """The orphaned runs of one database. Every method raises StoreUnavailable.

    One that cannot be read is reported, and left: it may be of a newer version.
    """

    def __init__(self, redis: Redis, *, clock: Clock = utc_now) -> None:
        self._redis = redis
        self._clock = clock

    async def add(self, record: PurchaseRecord) -> None:
        """Remember the run of *record*, which its buyer does not wait for any more."""
        key = _PREFIX + record.request.company_key
        with store_errors("add orphaned run"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, record.run_id, orjson.dumps(record.to_json()).decode())
                pipe.pexpire(key, _TTL)
                pipe.zadd(_DUE, {_member(record): self._ms_in(_SOONEST)})
                pipe.pexpire(_DUE, _TTL)
                await pipe.execute()

    async def of(self, company_key: str) -> list[PurchaseRecord]:
        """Return the orphaned runs of a company."""
        with store_errors("orphaned runs"):
            found = await cast(
                "Awaitable[dict[bytes, bytes]]", self._redis.hgetall(_PREFIX + company_key)
            )
        records = []
        for run_id, stored in found.items():
            try:
                records.append(PurchaseRecord.from_json(orjson.loads(stored)))
            except (UnreadableRecord, ValueError):
                log.error("stray.unreadable", company_key=company_key, run_id=run_id.decode())
        return records

    async def list_due(self, limit: int) -> list[PurchaseRecord]:
        """Return runs that should be looked at now, the most overdue first."""
        records = []
        with store_errors("due orphaned runs"):
            listed = await self._redis.zrange(
                _DUE, "-inf", self._ms_in(timedelta(0)), byscore=True, offset=0, num=limit
            )
            for member in cast("list[bytes]", listed):
                run_id, _, company_key = member.decode().partition(" ")
                stored = await cast(
                    "Awaitable[bytes | None]", self._redis.hget(_PREFIX + company_key, run_id)
                )
                if stored is None:
                    await self._redis.zrem(_DUE, member)
                    continue
                try:
                    records.append(PurchaseRecord.from_json(orjson.loads(stored)))
                except (UnreadableRecord, ValueError):
                    log.exception("stray.unreadable", company_key=company_key)
                    await self._redis.zadd(_DUE, {member: self._ms_in(_LATEST)}, xx=True)
        return records

    async def look_again(self, record: PurchaseRecord, after: timedelta) -> None:
        """Put off the next look."""
        with store_errors("put off orphaned run"):
            await self._redis.zadd(_DUE, {_member(record): self._ms_in(after)}, xx=True)

    async def drop(self, record: PurchaseRecord) -> None:
        """Forget a run: what it cost is known, or it costs nothing any more."""
        with store_errors("drop orphaned run"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hdel(_PREFIX + record.request.company_key, record.run_id or "")
                pipe.zrem(_DUE, _member(record))
                await pipe.execute()

    def _ms_in(self, duration: timedelta) -> int:
        return round((self._clock() + duration).timestamp() * 1000)


def _member(record: PurchaseRecord) -> str:
    return f"{record.run_id} {record.request.company_key}"

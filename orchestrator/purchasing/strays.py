"""Stray runs: given up by their buyers, and perhaps charged all the same, later.

SurfSense may make a success of a run that it has called interrupted, and a leader that was
overtaken may have a run that its successor never found. Such runs are remembered for a day,
looked at ever less often, and entered into the ledger when they turn out to have been charged.
"""

from collections.abc import Awaitable
from datetime import timedelta
from time import time_ns
from typing import cast

import orjson
import structlog
from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors
from orchestrator.purchasing.journal import Page, UnreadableRecord

log = structlog.get_logger(__name__)

#: Sorted set of `<run id> <company key>`, by the instant of the next look (ms).
_DUE = "strays1:due"
#: For how long a stray may still come to be charged, as far as we look.
WATCHED_FOR = timedelta(days=1)
#: Of all keys; longer than anything is watched.
_TTL_MS = 2 * WATCHED_FOR // timedelta(milliseconds=1)
_SOONEST, _LATEST = timedelta(seconds=30), timedelta(hours=2)


def next_look(age: timedelta) -> timedelta | None:
    """Return after what time a stray of that *age* is looked at again; None: never.

    >>> next_look(timedelta(minutes=10))
    datetime.timedelta(seconds=600)
    """
    return None if age >= WATCHED_FOR else min(max(age, _SOONEST), _LATEST)


class Strays:
    """The strays of one database."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, page: Page) -> None:
        """Remember the run of *page*, which nobody waits for any more.

        Raises:
            StoreUnavailable: It may be remembered or not.
        """
        key, run_id = _key(page.order.company_key), page.run_id
        assert run_id is not None  # noqa: S101 - only a run can be one
        with store_errors("add stray"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, run_id, orjson.dumps(page.note()).decode())
                pipe.pexpire(key, _TTL_MS)
                pipe.zadd(_DUE, {_member(page): _now_ms() + _ms(_SOONEST)})
                pipe.pexpire(_DUE, _TTL_MS)
                await pipe.execute()

    async def of(self, company_key: str) -> list[Page]:
        """Return the strays of a company.

        Raises:
            StoreUnavailable: It cannot be told.
        """
        with store_errors("strays"):
            found = await cast(
                "Awaitable[dict[bytes, bytes]]", self._redis.hgetall(_key(company_key))
            )
        pages = []
        for run_id, note in found.items():
            try:
                pages.append(Page.from_note(orjson.loads(note)))
            except (UnreadableRecord, ValueError):
                log.error("stray.unreadable", company_key=company_key, run_id=run_id.decode())
        return pages

    async def due(self, limit: int) -> list[Page]:
        """Return strays that should be looked at now, the most overdue first.

        One that cannot be read is reported, and put off: it may be of a newer version.

        Raises:
            StoreUnavailable: It cannot be told.
        """
        pages = []
        with store_errors("due strays"):
            listed = await self._redis.zrange(
                _DUE, "-inf", _now_ms(), byscore=True, offset=0, num=limit
            )
            for member in cast("list[bytes]", listed):
                run_id, _, company_key = member.decode().partition(" ")
                note = await cast(
                    "Awaitable[bytes | None]", self._redis.hget(_key(company_key), run_id)
                )
                if note is None:
                    await self._redis.zrem(_DUE, member)
                    continue
                try:
                    pages.append(Page.from_note(orjson.loads(note)))
                except (UnreadableRecord, ValueError):
                    log.exception("stray.unreadable", company_key=company_key)
                    await self._redis.zadd(_DUE, {member: _now_ms() + _ms(_LATEST)}, xx=True)
        return pages

    async def look_again(self, page: Page, after: timedelta) -> None:
        """Put off the next look.

        Raises:
            StoreUnavailable: It may be put off or not.
        """
        with store_errors("put off stray"):
            await self._redis.zadd(_DUE, {_member(page): _now_ms() + _ms(after)}, xx=True)

    async def drop(self, page: Page) -> None:
        """Forget a stray: what it cost is known, or it costs nothing any more.

        Raises:
            StoreUnavailable: It may be forgotten or not.
        """
        assert page.run_id is not None  # noqa: S101 - as above
        with store_errors("drop stray"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hdel(_key(page.order.company_key), page.run_id)
                pipe.zrem(_DUE, _member(page))
                await pipe.execute()


def _key(company_key: str) -> str:
    return f"strays1:of:{company_key}"


def _member(page: Page) -> str:
    return f"{page.run_id} {page.order.company_key}"


def _now_ms() -> int:
    return time_ns() // 1_000_000


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)

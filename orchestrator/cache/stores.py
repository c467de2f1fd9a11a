"""Where cached values live: plain JSON in the gateway's database, results in the memo's.

Both raise what redis-py raises, and `CorruptEntry` for a value that cannot be read; what
that means for a caller is decided in `cache`.
"""

from datetime import timedelta
from typing import Any, Final, Protocol, cast

from redis.asyncio import Redis

from orchestrator.cache.keys import TTL_S, Kind, kind_of
from orchestrator.cache.values import from_json, to_json
from orchestrator.identity import SURFSENSE_PREFIX
from orchestrator.infra.redis_client import scan_batches
from orchestrator.memo import Entry, MemoOptions
from orchestrator.memo.entry import decode, encode
from orchestrator.memo.invalidation import Invalidation
from orchestrator.memo.scripts import Scripts

#: Never removed by a pattern, should one database serve several purposes against all advice:
#: paid results, running purchases, accepted work, budgets and counts.
_NOT_CACHED_HERE: Final = (b"surfsense:", b"memo1:", b"jobs1:", b"budget1:", b"counters1:")

#: What the memo's status is called for an answer about the company that was asked for.
_FOUND: Final = "found"
#: Signs entries that no flight has bought. No flight's token looks like it.
_WRITTEN_BY: Final = "cache"


class Store(Protocol):
    """One database of cached values."""

    async def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of *key*, or None."""

    async def set(self, key: str, value: object, ttl_s: int) -> None:
        """Store *value* for *ttl_s* seconds."""

    async def delete(self, key: str) -> None:
        """Remove *key*, if it is there."""

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all keys that match the glob *pattern*; return how many there were."""


class GatewayStore:
    """Leads, opportunities, dashboards, sessions and whatever else services keep: plain JSON."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of *key*, or None. A session lives on from when it was last read."""
        if kind_of(key) is Kind.SESSION:
            stored = await self._redis.getex(key, ex=TTL_S[Kind.SESSION])
        else:
            stored = await self._redis.get(key)
        return None if stored is None else from_json(key, _as_bytes(stored))

    async def set(self, key: str, value: object, ttl_s: int) -> None:
        """Store *value* as JSON for *ttl_s* seconds."""
        await self._redis.set(key, to_json(value), ex=ttl_s)

    async def delete(self, key: str) -> None:
        """Remove *key*, if it is there."""
        await self._redis.unlink(key)

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all keys that match the glob *pattern*; return how many there were."""
        removed = 0
        async for batch in scan_batches(self._redis, pattern):
            cached = [key for key in batch if not key.startswith(_NOT_CACHED_HERE)]
            if cached:
                removed += await self._redis.unlink(*cached)
        return removed


class ResultStore:
    """SurfSense results, in the form in which the memo keeps and serves them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._invalidation = Invalidation(redis, Scripts(redis), MemoOptions())

    async def get(self, key: str) -> Any:  # noqa: ANN401 - as SurfSense answered
        """Return SurfSense's answer about a company it has found, else None."""
        stored = await self._redis.get(key)
        if stored is None:
            return None
        entry = decode(key, _as_bytes(stored))
        return entry.payload.get("answer") if entry.status == _FOUND else None

    async def set(self, key: str, value: object, ttl_s: int) -> None:
        """Store *value*, a JSON object, as the answer about the company of *key*."""
        await self.put(key, value, ttl_s, company=key.removeprefix(SURFSENSE_PREFIX))

    async def put(self, key: str, answer: object, ttl_s: int, *, company: str) -> None:
        """Store *answer* about *company*, free of charge; the pipeline takes it for found.

        Raises:
            TypeError: *answer* is not a JSON object.
        """
        if not isinstance(answer, dict):
            raise TypeError(f"a SurfSense result is a JSON object, not {type(answer).__name__}")
        seconds, micros = await self._redis.time()
        now_ms = seconds * 1000 + micros // 1000
        payload = {"answer": answer, "company": company, "cost_micros": 0}
        expires_at_ms = now_ms + timedelta(seconds=ttl_s) // timedelta(milliseconds=1)
        stored = encode(Entry(_FOUND, payload, now_ms, expires_at_ms), token=_WRITTEN_BY)
        await self._redis.set(key, stored, pxat=expires_at_ms)

    async def delete(self, key: str) -> None:
        """Remove *key*; a purchase that is under way can not bring it back."""
        await self._invalidation.keys([key])

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all matching results for good; return how many there were."""
        return await self._invalidation.pattern(pattern)


def _as_bytes(stored: bytes | str) -> bytes:
    return cast("bytes", stored)  # the client never decodes

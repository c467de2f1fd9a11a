"""Cached copies of database rows that are never older than an acknowledged write.

The fence around them is four atomic steps in Redis, driven by readers and writers. A reader that
misses gets a *generation*, asks the database, and fills the entry only if the generation is still
the same. A writer raises the generation before its transaction and after its commit, and keeps the
key *closed* in between: then readers ask the database and fill nothing. Generations are random and
never repeat, so a server that has lost its memory accepts no old one
(docs/decisions/0033-a-cache-that-is-never-stale.md).

Nothing here knows of leads: rows have a key, a version, and a JSON form that begins with the
version. The writer's side, which needs the database, is `orchestrator.fence.writes`: services that
only use the documented cache functions need none.
"""

import asyncio
import re
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.batching import ScriptBatcher
from orchestrator.infra.logs import ThrottledLog
from orchestrator.infra.redis_client import call_together, load_script, scan_batches

__all__ = [
    "FENCE_PREFIX",
    "Fence",
    "Hit",
    "Miss",
    "SharedRows",
]

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: In front of every key of the fences, which other services must leave alone.
FENCE_PREFIX: Final = "gateway1:"
#: How long a key stays closed by a writer that never came back. Longer than its transaction can
#: last: waiting for a connection (20 s), idle (60 s), and two statements (20 s each).
CLOSED_FOR: Final = timedelta(minutes=3)
#: How much longer a fence lives than its entry: a reader that stood still for longer fills nothing.
_OUTLIVES: Final = timedelta(hours=1)
#: Seconds that a reader waits for Redis before it asks the database, which is about as fast.
READ_PATIENCE_S: Final = 0.5
#: Seconds that a writer waits for each of its two steps.
WRITE_PATIENCE_S: Final = 2.0
_VERSIONED: Final = re.compile(rb'\{"version":([1-9][0-9]*)[,}]')
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Hit:
    """A cached row: the JSON, its version, and how many seconds ago it was stored."""

    value: bytes
    version: int
    age_s: int


@dataclass(frozen=True, slots=True)
class Miss:
    """No usable entry. `generation` is named by a fill; without one nothing may be filled."""

    generation: str | None


class Fence:
    """Reads, fills, closes and opens cached rows. A Redis that is unavailable is no error here."""

    def __init__(self, redis: Redis, *, ttl: timedelta) -> None:
        """Keep entries for *ttl*."""
        self._redis = redis
        self._ttl_ms = ttl // _MS
        self._fence_ttl_ms = (ttl + max(_OUTLIVES, CLOSED_FOR)) // _MS
        # Readers of one loop tick share a round trip, and do not wait for writers: those may wait
        # for the server's disk.
        self._reads = ScriptBatcher(redis)
        self._changes = ScriptBatcher(redis)
        self.read_script = load_script(redis, "orchestrator.fence", "read")
        self.fill_script = load_script(redis, "orchestrator.fence", "fill")
        self.close_script = load_script(redis, "orchestrator.fence", "close")
        self.open_script = load_script(redis, "orchestrator.fence", "open")
        self._throttled = ThrottledLog(log)

    async def read(self, key: str) -> Hit | Miss:
        """Return the entry of *key*, or the generation under which it may be filled.

        An entry that another program has put there counts only if it has the version that the
        fence knows to be the latest.
        """
        args = (_generation(), self._fence_ttl_ms)
        asked = self._reads.call(self.read_script, fence_keys(key), args)
        match await self._ask("read", asked, READ_PATIENCE_S):
            case [b"entry", generation, version, ttl_ms, value]:
                if not value.startswith(b'{"version":%b,' % version):
                    return Miss(generation.decode())
                age_s = max(0, self._ttl_ms - ttl_ms) // 1000
                return Hit(value, int(version), age_s)
            case [b"miss", generation]:
                return Miss(generation.decode())
            case _:
                return Miss(None)

    async def fill(self, key: str, generation: str | None, version: int, value: bytes) -> bool:
        """Store *value*, read from the database after *generation* was given; say whether it is.

        Args:
            key: The entry's.
            generation: Of the miss. None stores nothing.
            version: Of the row.
            value: A JSON object that begins with `{"version":<version>,`.
        """
        if generation is None:
            return False
        args = (generation, version, value, self._ttl_ms, self._fence_ttl_ms)
        asked = self._changes.call(self.fill_script, fence_keys(key)[:2], args)
        return await self._ask("fill", asked, READ_PATIENCE_S) == b"stored"

    async def close(self, keys: Collection[str], token: str) -> bool:
        """Close *keys* for the write *token*; False if Redis has not said that they are."""
        args = (_generation(), token, CLOSED_FOR // _MS, self._fence_ttl_ms)
        calls = (self._changes.call(self.close_script, fence_keys(key), args) for key in keys)
        return await self._ask("close", asyncio.gather(*calls), WRITE_PATIENCE_S) is not None

    async def open(self, versions: Mapping[str, int], token: str) -> bool:
        """End the write *token* for the keys of *versions*; False if Redis has not said so.

        Args:
            versions: What was committed, by key; 0 where nothing was.
            token: Of the write.
        """
        calls = (
            self._changes.call(
                self.open_script,
                fence_keys(key),
                (_generation(), token, version, self._fence_ttl_ms),
            )
            for key, version in versions.items()
        )
        return await self._ask("open", asyncio.gather(*calls), WRITE_PATIENCE_S) is not None

    async def _ask(self, operation: str, asked: Awaitable[T], patience_s: float) -> T | None:
        """Return the answer, None if Redis does not give it in time."""
        try:
            async with asyncio.timeout(patience_s):
                return await asked
        except (RedisError, OSError) as error:
            self._throttled.warning(
                "fence.redis_away", operation=operation, error=type(error).__name__
            )
            return None


class SharedRows:
    """Cached rows as other services store and drop them, by the platform's documented functions.

    They name no generation, so a value is stored only if its version is known to be the latest.
    Reading is a plain GET: nothing older is ever left under the key. Raises what redis-py raises.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.put_script = load_script(redis, "orchestrator.fence", "put")

    async def put(self, key: str, value: bytes, ttl_ms: int) -> bool:
        """Store *value*, JSON, unless it may be out of date; say whether it is stored.

        A value that begins with `{"version":` is not stored if the fence knows another version, or
        none. One without is stored unless a write is under way: nothing else is known of it.
        """
        found = _VERSIONED.match(value)
        args = (value, ttl_ms, b"" if found is None else found[1])
        answers = await call_together(self._redis, self.put_script, [(fence_keys(key), args)])
        return answers == [1]

    async def drop(self, key: str) -> None:
        """Drop *key* for good: no read that has begun can store it again.

        The fence goes first, with its generation, which never comes back.
        """
        entry, fence, _ = fence_keys(key)
        await self._redis.unlink(fence, entry)

    async def forget(self, pattern: str) -> None:
        """Void all reads under way of keys that match the glob *pattern*; their entries stay."""
        async for fences in scan_batches(self._redis, f"{FENCE_PREFIX}fence:{pattern}"):
            await self._redis.unlink(*fences)


def fence_keys(key: str) -> tuple[str, str, str]:
    """Return the keys of the entry, of its fence, and of the writes under way."""
    return key, f"{FENCE_PREFIX}fence:{key}", f"{FENCE_PREFIX}closed:{key}"


def _generation() -> str:
    return uuid4().hex

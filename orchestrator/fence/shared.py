"""Cached rows as other services store and drop them, by the platform's documented functions.

They name no generation, so a value is stored only if its version is known to be the latest.
Reading is a plain GET: nothing older is ever left under the key. Raises what redis-py raises.
"""

import re
from typing import Final

from redis.asyncio import Redis

from orchestrator.infra.redis_client import call_together, load_script, scan_batches

from .fence import FENCE_PREFIX, fence_keys

_VERSIONED: Final = re.compile(rb'\{"version":([1-9][0-9]*)[,}]')


class SharedRows:
    """Stores and drops the cached rows of one Redis database."""

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

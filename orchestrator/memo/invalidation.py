"""Removes entries so that they stay removed: running flights can no longer write them.

Order matters for a pattern: first the flights under way (seen by their leases and notes)
lose their generation, then the entries go. A flight that commits in between is found as an
entry; one that commits later is refused.
"""

from collections.abc import AsyncIterator, Iterable
from typing import cast

from redis.asyncio import Redis

from orchestrator.memo.keys import Keys, entry_of, lease_pattern, note_pattern
from orchestrator.memo.options import MemoOptions, milliseconds
from orchestrator.memo.scripts import Scripts

#: SCAN hint, and size of an UNLINK. Larger batches hold up bystanders (measured: 200 kept the
#: worst PING at 12 ms while a million keys went; 5,000 at 338 ms).
BATCH = 200


class Invalidation:
    """Removal of one, many or all matching entries."""

    def __init__(self, redis: Redis, scripts: Scripts, options: MemoOptions) -> None:
        self._redis = redis
        self._scripts = scripts
        self._options = options

    async def keys(self, entries: Iterable[str]) -> int:
        """Raise the generation of each of *entries* and remove it; return how many existed."""
        removed = 0
        for entry in entries:
            keys = Keys(entry)
            removed += await self._scripts.invalidate(
                keys=[keys.entry, keys.generation, keys.failure],
                args=[milliseconds(self._options.generation_ttl)],
            )
        return removed

    async def pattern(self, pattern: str) -> int:
        """Remove all entries that match the glob *pattern*; return how many existed."""
        removed = 0
        for flights in (lease_pattern(pattern), note_pattern(pattern)):
            async for batch in self._scan(flights):
                removed += await self.keys(entry_of(own) for own in batch)
        async for batch in self._scan(pattern):
            removed += await self._redis.unlink(*batch)
        return removed

    async def _scan(self, pattern: str) -> AsyncIterator[list[str]]:
        cursor = 0
        while True:
            cursor, found = await self._redis.scan(cursor, match=pattern, count=BATCH)
            if found:
                yield [key.decode() for key in cast("list[bytes]", found)]
            if not cursor:
                return

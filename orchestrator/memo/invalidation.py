"""Removes entries so that they stay removed: running flights can no longer write them.

Order matters for a pattern: first the flights under way (seen by their leases and records)
lose their generation, and failures their force, then the entries go. A flight that commits
in between is found as an entry; one that commits later is refused.
"""

from collections.abc import Iterable

from redis.asyncio import Redis

from orchestrator.infra.redis_client import scan_batches
from orchestrator.memo.keys import Keys, entry_of, is_ours, trace_pattern
from orchestrator.memo.options import MemoOptions, milliseconds
from orchestrator.memo.scripts import Scripts

#: SCAN hint where almost nothing matches, so that no batch grows large.
FEW = 1000


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
                keys=[keys.entry, keys.generation, keys.failure, keys.failures, keys.stale],
                args=[milliseconds(self._options.generation_ttl)],
            )
        return removed

    async def pattern(self, pattern: str) -> int:
        """Remove all entries that match the glob *pattern*; return how many existed."""
        removed = 0
        # One pass for all kinds of trace: each pass walks the whole database.
        async for batch in scan_batches(self._redis, trace_pattern(pattern), hint=FEW):
            traced = (entry_of(key.decode()) for key in batch)
            removed += await self.keys(entry for entry in traced if entry is not None)
        async for batch in scan_batches(self._redis, pattern):
            # `*` matches our own keys, too; a record that went would be paid for twice.
            entries = [key for key in batch if not is_ours(key)]
            if entries:
                removed += await self._redis.unlink(*entries)
        return removed

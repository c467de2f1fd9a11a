"""Walks the keys of a Redis database without blocking it: SCAN, never KEYS."""

from collections.abc import AsyncIterator
from typing import cast

from redis.asyncio import Redis

#: SCAN hint, and size of an UNLINK. Larger batches hold up bystanders (measured: 200 kept the
#: worst PING at 12 ms while a million keys went; 5,000 at 338 ms).
BATCH = 200


async def scan_batches(
    redis: Redis, pattern: str, *, hint: int = BATCH
) -> AsyncIterator[list[bytes]]:
    """Yield the keys that match the glob *pattern*, batch by batch, none of them empty.

    A key may come twice; one that is there from beginning to end comes at least once.
    """
    cursor = 0
    while True:
        cursor, found = await redis.scan(cursor, match=pattern, count=hint)
        if found:
            yield cast("list[bytes]", found)  # the client never decodes
        if not cursor:
            return

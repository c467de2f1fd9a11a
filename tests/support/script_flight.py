"""One flight as the memo's scripts see it, called as the driver calls them."""

from typing import Any

import orjson
from redis.asyncio import Redis

from orchestrator.memo.entry import Entry, encode
from orchestrator.memo.keys import CHANNEL, Keys
from orchestrator.memo.scripts import Scripts
from tests.support.loading import KEY

KEYS = Keys(KEY)
#: After every test.
LATER_MS = 4_000_000_000_000
MINUTE_MS = 60_000

Argument = bytes | str | int


class ScriptFlight:
    """A flight for `KEY` with the token *token*."""

    def __init__(self, redis: Redis, token: str) -> None:
        self.token = token
        self._scripts = Scripts(redis)

    async def begin(self) -> list[Any]:
        """Ask who leads."""
        keys = [KEYS.entry, KEYS.lease, KEYS.generation, KEYS.record, KEYS.failure]
        args: list[Argument] = [self.token, MINUTE_MS]
        reply: list[Any] = await self._scripts.begin(keys=keys, args=args)
        return reply

    async def record(self, text: str, *, hold_ms: int = 0, writer: str | None = None) -> int:
        """Write a record, or change that of *writer*."""
        body = self._record(text, writer)
        marks = int(writer is not None)
        args: list[Argument] = [self.token, body, MINUTE_MS, MINUTE_MS, hold_ms, marks]
        return int(await self._scripts.record(keys=[KEYS.lease, KEYS.record], args=args))

    async def drop_record(self) -> int:
        """Remove the record."""
        return int(await self._scripts.drop_record(keys=[KEYS.record], args=[self.token]))

    async def commit(self, generation: int = 0, *, last_record: str = "") -> bytes:
        """Store an answer, and a copy for bad times."""
        keys = [
            *(KEYS.entry, KEYS.lease, KEYS.generation, KEYS.record),
            *(KEYS.failure, KEYS.failures, KEYS.stale),
        ]
        stored = encode(Entry("found", {"by": self.token}, 1, LATER_MS), token=self.token)
        left = self._record(last_record) if last_record else b""
        args: list[Argument] = [
            *(self.token, generation, stored, LATER_MS, CHANNEL, KEY),
            *(left, MINUTE_MS, LATER_MS),
        ]
        return bytes(await self._scripts.commit(keys=keys, args=args))

    async def release(self, failed: str = "", *, unless_alive: str | None = None) -> int:
        """Step down; after a failure no process tries again for a minute, for two at most."""
        keys = [KEYS.lease, KEYS.failure, KEYS.failures]
        keys += [] if unless_alive is None else [unless_alive]
        args: list[Argument] = [self.token, failed, MINUTE_MS, 2 * MINUTE_MS, CHANNEL, KEY]
        return int(await self._scripts.release(keys=keys, args=args))

    async def invalidate(self) -> int:
        """Remove the entry."""
        keys = [KEYS.entry, KEYS.generation, KEYS.failure, KEYS.failures, KEYS.stale]
        return int(await self._scripts.invalidate(keys=keys, args=[MINUTE_MS]))

    def _record(self, text: str, writer: str | None = None) -> bytes:
        return orjson.dumps({"written_by": writer or self.token, "text": text})


async def text_of(redis: Redis, key: str) -> str:
    """Return what is stored under *key*, '' for nothing."""
    stored = await redis.get(key)
    return stored.decode() if isinstance(stored, bytes) else ""

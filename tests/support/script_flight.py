"""One flight as the memo's scripts see it, called as the driver calls them."""

from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from orchestrator.infra.clock import utc_now
from orchestrator.memo import Failure, LeaseLost, MemoOptions, RecordGone, Records
from orchestrator.memo.contract import Entry
from orchestrator.memo.entry import encode, encode_record
from orchestrator.memo.store import Keys, Scripts
from tests.support.loading import KEY

KEYS = Keys(KEY)
#: After every test.
LATER_MS = 4_000_000_000_000
MINUTE = timedelta(minutes=1)
MINUTE_MS = 60_000
#: A failure bars another load for a minute, for two at most.
FAILURE = Failure({"error": 1}, MINUTE)
_OPTIONS = MemoOptions(
    lease=MINUTE,
    record_ttl=MINUTE,
    generation_ttl=MINUTE,
    longest_failure_ttl=2 * MINUTE,
    stale_for=MINUTE,
)


class ScriptFlight:
    """A flight for `KEY` with the token *token*."""

    def __init__(self, redis: Redis, token: str) -> None:
        self.token = token
        self._scripts = Scripts(redis, _OPTIONS)
        self._records = Records(redis, self._scripts, _OPTIONS, clock=utc_now)

    async def begin(self) -> list[Any]:
        """Ask who leads."""
        return await self._scripts.begin(KEYS, self.token)

    async def record(
        self, text: str, *, hold: timedelta = timedelta(0), writer: str | None = None
    ) -> int:
        """Write a record, or change that of *writer*; return what `record.lua` does."""
        record = {"text": text}
        try:
            renewed = await self._records.write(KEYS, self.token, record, hold=hold, writer=writer)
        except RecordGone:
            return -1
        except LeaseLost:
            return 0
        return 2 if renewed else 1

    async def drop_record(self) -> bool:
        """Remove the record."""
        return await self._records.drop(KEYS, self.token)

    async def commit(self, generation: int = 0, *, last_record: str = "") -> str:
        """Store an answer, and a stale copy."""
        entry = Entry("found", {"by": self.token}, 1, LATER_MS)
        body = encode(entry, token=self.token)
        left = b""
        if last_record:
            left = encode_record({"text": last_record}, token=self.token)
        return await self._scripts.commit(KEYS, self.token, generation, entry, body, left)

    async def release(self, failure: Failure | None = None, *, if_gone: bool = False) -> int:
        """Step down."""
        return await self._scripts.release(KEYS, self.token, failure, if_gone=if_gone)

    async def invalidate(self) -> int:
        """Remove the entry."""
        return await self._scripts.invalidate([KEY])


async def text_of(redis: Redis, key: str) -> str:
    """Return what is stored under *key*, '' for nothing."""
    stored = await redis.get(key)
    return stored.decode() if isinstance(stored, bytes) else ""

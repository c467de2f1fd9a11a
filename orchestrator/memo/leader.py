"""Leads one flight: keeps the lease alive while the loader works, then commits or steps down."""

import asyncio
import time
from dataclasses import dataclass

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.lease import Renewal
from orchestrator.memo.decision import Leading
from orchestrator.memo.entry import Entry, JsonObject, encode
from orchestrator.memo.errors import LeaseLost, LoadFailed
from orchestrator.memo.flight import Failure, FailureCodec, Flight, Loaded, Loader, NotShared
from orchestrator.memo.keys import CHANNEL, Keys
from orchestrator.memo.options import MemoOptions, milliseconds, store_errors
from orchestrator.memo.outcome import Outcome
from orchestrator.memo.scripts import Scripts

log = structlog.get_logger(__name__)

#: Seconds between attempts to commit while Redis is away.
COMMIT_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Landing:
    """How a flight ended.

    Not `stored`: an invalidation or another leader came first, so the outcome is only for
    the callers that had asked before.
    """

    outcome: Outcome
    stored: bool


class Leader:
    """Leads flights on behalf of one process."""

    def __init__(
        self, redis: Redis, scripts: Scripts, failures: FailureCodec, options: MemoOptions
    ) -> None:
        self._scripts = scripts
        self._renewal = Renewal(redis, options.lease)
        self._failures = failures
        self._options = options

    async def lead(self, keys: Keys, token: str, leading: Leading, load: Loader) -> Landing:
        """Run *load* under the lease that `begin` gave to *token*, and store what it brings."""
        began = time.monotonic()

        def now_ms() -> int:
            return leading.now_ms + int((time.monotonic() - began) * 1000)

        async def write_note(note: JsonObject) -> None:
            await self._write_note(keys, token, note)

        flight = Flight(keys.entry, token, leading.note, now_ms, write_note)
        async with self._renewal.keeping(keys.lease, token):
            try:
                loaded = await load(flight)
                entry = _entry(loaded)
                body = encode(entry, token=token)
            except BaseException as error:
                await self._step_down(keys, token, error)
                raise
            stored = await self._commit(keys, token, leading.generation, body, entry.expires_at_ms)
        return Landing(
            Outcome(keys.entry, loaded.source, entry, entry.age_ms(now_ms())), stored=stored
        )

    async def _write_note(self, keys: Keys, token: str, note: JsonObject) -> None:
        body = orjson.dumps({"written_by": token, **note})
        ttl_ms = milliseconds(self._options.note_ttl)
        with store_errors("note"):
            written = await self._scripts.note(
                keys=[keys.lease, keys.note], args=[token, body, ttl_ms]
            )
        if not written:
            raise LeaseLost(keys.entry)

    async def _commit(
        self, keys: Keys, token: str, generation: int, body: bytes, expires_at_ms: int
    ) -> bool:
        """Store what was paid for; wait for a Redis that is away, but not for ever."""
        deadline = time.monotonic() + self._options.commit_patience.total_seconds()
        while True:
            try:
                verdict = await self._scripts.commit(
                    keys=[keys.entry, keys.lease, keys.generation, keys.note, keys.failure],
                    args=[token, generation, body, expires_at_ms, CHANNEL, keys.entry],
                )
                break
            except (RedisError, OSError) as error:
                if time.monotonic() > deadline:
                    log.error("memo.commit_failed", key=keys.entry, error=type(error).__name__)
                    return False
                await asyncio.sleep(COMMIT_RETRY_S)
        if verdict != b"stored":
            log.warning("memo.write_refused", key=keys.entry, verdict=verdict.decode())
        return bool(verdict == b"stored")

    async def _step_down(self, keys: Keys, token: str, error: BaseException) -> None:
        """Tell the followers why, typed where possible; let go of the lease in any case."""
        failure = self._shared_form(keys, error)
        record = b"" if failure is None else orjson.dumps(failure.record)
        ttl_ms = 0 if failure is None else milliseconds(failure.ttl)
        keep_note = "1" if failure is None or failure.keep_note else "0"
        try:
            await self._scripts.release(
                keys=[keys.lease, keys.note, keys.failure],
                args=[token, record, ttl_ms, keep_note, CHANNEL, keys.entry],
            )
        except (RedisError, OSError) as lost:
            # The lease expires by itself; followers ask again then.
            log.warning("memo.release_failed", key=keys.entry, error=type(lost).__name__)

    def _shared_form(self, keys: Keys, error: BaseException) -> Failure | None:
        if isinstance(error, NotShared | LeaseLost) or not isinstance(error, Exception):
            return None
        known = self._failures.encode(error)
        if known is not None:
            return known
        unknown = LoadFailed(keys.entry, type(error).__name__)
        return Failure(
            {"memo": list(unknown.args)}, self._options.unknown_failure_ttl, keep_note=True
        )


def _entry(loaded: Loaded) -> Entry:
    return Entry(
        loaded.status,
        loaded.payload,
        loaded.loaded_at_ms,
        loaded.loaded_at_ms + milliseconds(loaded.ttl),
    )

"""Drives one lookup: read, else lead or follow, else share the leader's failure.

Callers of one process share one flight object per key; processes share one lease. A caller
that goes away does not stop the flight: what is being paid for is finished and stored.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import timedelta
from typing import assert_never, cast

import structlog
from redis.asyncio import Redis

from orchestrator.infra.background import Supervisor
from orchestrator.infra.redis_client import DAMAGE, StoreRefused, store_errors
from orchestrator.memo.abandonment import Abandonment
from orchestrator.memo.decision import (
    BeginReply,
    Failed,
    Following,
    Fresh,
    Leading,
    json_object,
    read_begin_reply,
    read_record,
)
from orchestrator.memo.decoded import DecodedEntries
from orchestrator.memo.entry import Entry, JsonObject, decode
from orchestrator.memo.errors import CorruptEntry, LeaseLost, LoadFailed, StillLoading
from orchestrator.memo.flight import Failure, FailureCodec, Loader
from orchestrator.memo.flights import Flights
from orchestrator.memo.invalidation import Invalidation
from orchestrator.memo.keys import Keys, new_token, process_of
from orchestrator.memo.leader import FlightResult, Leader
from orchestrator.memo.notices import Notices
from orchestrator.memo.options import MemoOptions, milliseconds
from orchestrator.memo.outcome import Outcome, Source
from orchestrator.memo.processes import Processes
from orchestrator.memo.reader import Reader
from orchestrator.memo.records import Records
from orchestrator.memo.scripts import Scripts

log = structlog.get_logger(__name__)
#: Why nothing is loaded while a record is there that no program of ours can have written.
RECORD_UNREADABLE = "what was written down about it cannot be read"
#: How often one flight may be overtaken before its callers are told.
TAKE_OVERS = 3
Decode = Callable[[str, bytes], Entry]


class Memo:
    """Memoization over one Redis database. One per event loop; `aclose` it."""

    def __init__(
        self,
        redis: Redis,
        *,
        failures: FailureCodec,
        options: MemoOptions | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        supervisor = supervisor or Supervisor()
        self._failures = failures
        self._options = options or MemoOptions()
        self._scripts = Scripts(redis)
        self._reader = Reader(redis)
        self._decoded = DecodedEntries(self._options.decoded)
        self._notices = Notices(redis, supervisor)
        self._processes = Processes(redis, supervisor, ttl=self._options.process_ttl)
        self.records = Records(redis, self._scripts, self._options)
        self._leader = Leader(redis, self._scripts, self.records, failures, self._options)
        self._redis = redis
        self._flights = Flights(self._fly)
        self._invalidation = Invalidation(redis, self._scripts, self._options)

    async def get(
        self,
        key: str,
        load: Loader,
        *,
        patience: timedelta | None = None,
    ) -> Outcome:
        """Return the fresh entry of *key*, loading it if nobody has or does.

        Cancelling the caller does not cancel a load that has begun.

        Args:
            key: The entry's key.
            load: Called at most once at a time in the whole fleet.
            patience: After which the caller gives up; the load goes on, and fills the memo.

        Returns:
            Where the load failed and a copy is kept for bad times: that, marked STALE.

        Raises:
            StillLoading: *patience* has ended.
            StoreUnavailable: Redis is unavailable; nothing was loaded.
            Exception: Whatever *load* raised, here or in the process that led.
        """
        entry = await self.peek(key)
        if entry is not None:
            return Outcome(key, Source.HIT, entry, entry.age_ms(_wall_ms()))
        try:
            seconds = None if patience is None else patience.total_seconds()
            async with asyncio.timeout(seconds) as limit:
                return await self._flights.lead_or_join(key, load)
        except TimeoutError:
            if limit.expired():
                raise StillLoading(key) from None
            raise
        except Exception as error:
            stale = await self._stale(key, error)
            if stale is None:
                raise
            return stale

    async def peek(self, key: str) -> Entry | None:
        """Return the fresh entry of *key*, or None. Never loads.

        An unreadable entry is set aside, and counts as none.
        """
        stored = await self._reader.get(key)
        return None if stored is None else await self._entry(self._decoded.read, key, stored)

    async def peek_each(self, keys: Iterable[str]) -> AsyncIterator[tuple[str, Entry]]:
        """Yield each of *keys* that has a fresh entry, once, with it. Keeps none of them.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        # Decoded batch by batch: all at once would hold up the loop.
        async for found in self._reader.get_many(list(dict.fromkeys(keys))):
            for key, stored in found:
                entry = None if stored is None else await self._entry(decode, key, stored)
                if entry is not None:
                    yield key, entry

    async def peek_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """Return the fresh entries of *keys*, in order, None where there is none."""
        found = {key: entry async for key, entry in self.peek_each(keys)}
        return [found.get(key) for key in keys]

    async def invalidate(self, *keys: str) -> int:
        """Remove the entries of *keys*; no flight under way can bring them back.

        Returns:
            How many entries there were.
        """
        with store_errors("invalidate"):
            return await self._invalidation.keys(keys)

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all entries whose key matches the glob *pattern*, without blocking the server.

        Returns:
            How many entries there were.
        """
        with store_errors("invalidate"):
            return await self._invalidation.pattern(pattern)

    def abandon(self, key: str) -> bool:
        """End the load of *key* early, if this process has one and nobody waits for it.

        Its loader decides where it may be interrupted, and what becomes of what it has begun.
        Callers that wait elsewhere, or come in the meantime, load anew.

        Returns:
            Whether there was such a load.
        """
        return self._flights.abandon(key)

    async def aclose(self) -> None:
        """Let running flights end, then stop listening and reading. The client stays open."""
        await self._flights.landed()
        await self._leader.aclose()
        await self._processes.aclose()
        await self._notices.aclose()
        await self._reader.aclose()

    def __repr__(self) -> str:
        return f"<Memo {len(self._flights)} flights>"

    async def _stale(self, key: str, error: Exception) -> Outcome | None:
        """Return the copy kept for bad times, if *error* is one and there is a copy."""
        if not (self._options.stale_for and self._failures.may_serve_stale(error)):
            return None
        with store_errors("read stale"):
            stored = await self._redis.get(Keys(key).stale)
        entry = None if stored is None else await self._entry(decode, key, cast("bytes", stored))
        if entry is None:
            return None
        age_ms = entry.age_ms(_wall_ms())
        log.warning("memo.served_stale", key=key, age_ms=age_ms, error=type(error).__name__)
        return Outcome(key, Source.STALE, entry, age_ms)

    async def _fly(self, key: str, load: Loader, abandonment: Abandonment) -> FlightResult:
        keys, token = Keys(key), new_token(self._processes.id)
        source, overtaken = Source.HIT, 0
        await self._notices.listening()
        await self._processes.beating()
        while True:
            with self._notices.expect(keys.entry) as ended:
                asked_at = time.monotonic()
                beginning = await self._begin(keys, token)
                match beginning:
                    case Fresh(entry, now_ms):
                        outcome = Outcome(keys.entry, source, entry, entry.age_ms(now_ms))
                        return FlightResult(outcome, stored=True)
                    case Failed(encoded, retry_in):
                        raise self._failure(encoded, retry_in)
                    case Following(patience, leader):
                        source = Source.COALESCED
                        with (
                            abandonment.possible(),
                            self._processes.watching(process_of(leader), ended) as gone,
                            contextlib.suppress(TimeoutError),
                        ):
                            async with asyncio.timeout(patience.total_seconds()):
                                await ended.wait()
                        if gone.is_set():
                            await self.end_if_gone(key, leader)
                    case Leading():
                        try:
                            return await self._leader.lead(
                                *(keys, token, beginning, load),
                                asked_at=asked_at,
                                abandonment=abandonment,
                            )
                        except LeaseLost:
                            # The answer of an earlier leader has come after all, or another one
                            # has taken over: what there is now is asked for again.
                            overtaken += 1
                            if overtaken == TAKE_OVERS:
                                raise
                    case _:
                        assert_never(beginning)

    async def end_if_gone(self, key: str, leader: str) -> bool:
        """End the flight of *leader* for *key* if its process is certainly gone.

        Returns:
            Whether it was ended by this call: the next caller leads, and finds its record.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        with store_errors("end flight"):
            if not await self._processes.is_gone(process_of(leader)):
                return False
            ended = await self._leader.release(Keys(key), leader, if_gone=True) >= 0
        if ended:
            log.warning("memo.leader_gone", key=key)
        return ended

    async def forgive(self, key: str, is_meant: Callable[[Exception], bool]) -> None:
        """Let the next caller load *key* although the last load has failed, if that *is_meant*.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        keys = Keys(key)
        with store_errors("forgive"):
            stored = cast("bytes | None", await self._redis.get(keys.failure))
            if stored is None:
                return
            try:
                encoded = json_object(stored)
            except ValueError:  # the next lookup removes it
                return
            if is_meant(self._failure(encoded, timedelta(0))):
                await self._scripts.drop_record(keys=[keys.failure], args=[stored])

    async def _begin(self, keys: Keys, token: str) -> BeginReply:
        while True:
            try:
                with store_errors("begin"):
                    reply = await self._scripts.begin(
                        keys=[keys.entry, keys.lease, keys.generation, keys.record, keys.failure],
                        args=[token, milliseconds(self._options.lease)],
                    )
            except StoreRefused as refused:
                # A server that is full or read-only is no damage.
                if refused.reason not in DAMAGE or not await self._repair(keys, token):
                    raise
                continue
            try:
                return read_begin_reply(keys.entry, reply)
            except CorruptEntry as corrupt:
                await self._set_aside(keys, reply[1], corrupt)
            except (ValueError, TypeError):
                if not await self._repair(keys, token):
                    raise

    async def _repair(self, keys: Keys, token: str) -> bool:
        """Remove what no program of ours has written under the keys of an entry.

        A record is not removed: it may say that something was bought. Nothing is loaded while it is
        there, which is a day at most.

        Returns:
            Whether something was removed.

        Raises:
            LoadFailed: The record cannot be read.
            StoreUnavailable: Redis is unavailable.
        """
        # What each key must hold if it is there.
        readers: dict[str, Callable[[bytes], object]] = {
            keys.entry: bytes.decode,
            keys.lease: bytes.decode,
            keys.generation: _count,
            keys.failure: json_object,
            keys.failures: bytes.decode,
        }
        removed = []
        with store_errors("repair"):
            for key, read in readers.items():
                if not await self._is_readable(key, read):
                    await self._redis.unlink(key)
                    removed.append(key)
            if keys.generation in removed:
                # Higher than it can have been: no flight of before may write.
                ttl = self._options.generation_ttl
                await self._redis.set(keys.generation, _wall_ms(), px=ttl)
        if removed:
            log.error("memo.removed_unreadable", keys=removed)
            return True
        with store_errors("repair"):
            if await self._is_readable(keys.record, read_record):
                return False
            log.error("memo.note_unreadable", key=keys.record)
            failed = LoadFailed(keys.entry, RECORD_UNREADABLE)
            shared = Failure({"memo": list(failed.args)}, self._options.lease)
            await self._leader.release(keys, token, shared)
        raise failed

    async def _is_readable(self, key: str, read: Callable[[bytes], object]) -> bool:
        """Return whether *key* holds nothing, or a text that *read* takes."""
        kind = await self._redis.type(key)
        if kind != b"string":
            return bool(kind == b"none")
        stored = cast("bytes | None", await self._redis.get(key))
        if stored is None:  # it has expired since
            return True
        try:
            read(stored)
        except ValueError:
            return False
        return True

    def _failure(self, encoded: JsonObject, retry_in: timedelta) -> Exception:
        if "memo" in encoded:
            return LoadFailed(*encoded["memo"])
        return self._failures.decode(encoded, retry_in)

    async def _entry(self, decode: Decode, key: str, stored: bytes) -> Entry | None:
        """Return what *decode* makes of *stored*; None if that cannot be read, and is set aside."""
        try:
            return decode(key, stored)
        except CorruptEntry as corrupt:
            await self._set_aside(Keys(key), stored, corrupt)
            return None

    async def _set_aside(self, keys: Keys, stored: bytes, corrupt: CorruptEntry) -> None:
        log.error("memo.entry_corrupt", key=keys.entry, reason=corrupt.reason)
        with store_errors("quarantine"):
            await self._scripts.quarantine(
                keys=[keys.entry, keys.corrupt],
                args=[stored, milliseconds(self._options.corrupt_ttl)],
            )


def _count(stored: bytes) -> int:
    if not stored.isdigit():
        raise ValueError("no count")
    return int(stored)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000

"""Drives one lookup: read, else lead or follow, else share the leader's failure.

Callers of one process share one flight per key; processes share one lease. A caller that goes
away does not stop the flight: what it has begun is finished and stored.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never, cast

import structlog
from redis.asyncio import Redis

from orchestrator.infra.background import Supervisor
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.redis_client import DAMAGE, StoreRefused, store_errors
from orchestrator.memo.contract import (
    CorruptEntry,
    Entry,
    Failure,
    FailureCodec,
    JsonObject,
    LeaseLost,
    LoadFailed,
    MemoOptions,
    NotShared,
    Outcome,
    Source,
    StillLoading,
)
from orchestrator.memo.entry import (
    BeginReply,
    DecodedEntries,
    Failed,
    Following,
    Fresh,
    Leading,
    Reader,
    decode,
    decode_record,
    json_object,
    read_begin_reply,
)
from orchestrator.memo.flight import Abandonment, FlightResult, Leader, Loader
from orchestrator.memo.follower import Notices, Processes
from orchestrator.memo.store import (
    Keys,
    Records,
    Scripts,
    is_readable,
    process_of,
    remove_unreadable,
)

log = structlog.get_logger(__name__)
#: Why nothing is loaded while a record is there that no program of ours can have written.
RECORD_UNREADABLE: Final = "what was written down about it cannot be read"
#: How often one flight may be overtaken before its callers are told.
TAKE_OVERS: Final = 3


@dataclass(slots=True)
class _RunningFlight:
    """A flight of this process, and how many callers wait for it."""

    task: asyncio.Task[FlightResult]
    abandonment: Abandonment
    waiting: int = 0


def _always(entry: Entry) -> bool:
    del entry
    return True


class Memo:
    """Memoization over one Redis database. One per event loop; `aclose` it."""

    def __init__(
        self,
        redis: Redis,
        *,
        failures: FailureCodec,
        options: MemoOptions | None = None,
        supervisor: Supervisor | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Memoize in *redis*.

        Args:
            redis: A client of the memo's database; its owner closes it.
            failures: How errors of loaders are shared.
            options: Durations.
            supervisor: Runs the background loops.
            clock: The server's time, by which ages and sweeps are told.
        """
        supervisor = supervisor or Supervisor()
        self._redis = redis
        self._failures = failures
        self._options = options or MemoOptions()
        self._clock = clock
        self._scripts = Scripts(redis, self._options)
        self._reader = Reader(redis)
        self._entries = DecodedEntries(self._options.decoded)
        self._notices = Notices(redis, supervisor)
        self._processes = Processes(redis, supervisor, ttl=self._options.process_ttl)
        self.records = Records(redis, self._scripts, self._options, clock=clock)
        self._leader = Leader(
            redis, self._scripts, self.records, failures, self._options, clock=clock
        )
        self._flights: dict[str, _RunningFlight] = {}
        self._is_known = False

    async def get(
        self,
        key: str,
        load: Loader,
        *,
        patience: timedelta | None = None,
        is_enough: Callable[[Entry], bool] = _always,
    ) -> Outcome:
        """Return the fresh entry of *key*, loading it if no other flight has or does.

        Cancelling the caller does not cancel a load that has begun.

        Args:
            key: The entry's key.
            load: Called at most once at a time in the whole fleet.
            patience: After which the caller gives up; the load goes on, and fills the memo.
            is_enough: Whether an entry that another load has brought will do for the caller; one
                that will not is loaded anew, and replaced.

        Returns:
            Where the load failed and a stale copy is kept: that, marked STALE.

        Raises:
            StillLoading: *patience* has ended.
            StoreUnavailable: Redis is unavailable; nothing was loaded.
            Exception: Whatever *load* raised, here or in the process that led.
        """
        entry = await self.peek(key)
        if entry is not None and is_enough(entry):
            return Outcome(Source.HIT, entry)
        try:
            seconds = None if patience is None else patience.total_seconds()
            async with asyncio.timeout(seconds) as limit:
                return await self._lead_or_join(key, load, is_enough)
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
        if stored is None:
            return None
        try:
            return self._entries.read(key, stored)
        except CorruptEntry as corrupt:
            await self._set_aside(Keys(key), stored, corrupt)
            return None

    async def peek_each(self, keys: Iterable[str]) -> AsyncIterator[tuple[str, Entry]]:
        """Yield each of *keys* that has a fresh entry, once, with it. Keeps none of them.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        # Decoded batch by batch: all at once would hold up the loop.
        async for found in self._reader.get_many(list(dict.fromkeys(keys))):
            for key, stored in found:
                entry = None if stored is None else await self._decode(key, stored)
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
            return await self._scripts.invalidate(keys)

    async def invalidate_pattern(self, pattern: str) -> int:
        """Remove all entries whose key matches the glob *pattern*, without blocking the server.

        Returns:
            How many entries there were.
        """
        with store_errors("invalidate"):
            return await self._scripts.invalidate_pattern(pattern)

    def abandon(self, key: str) -> bool:
        """End the load of *key* early, if this process has one without waiting callers.

        Its loader decides where it may be interrupted, and what becomes of what it has begun.
        Callers that wait elsewhere, or come in the meantime, load anew.

        Returns:
            Whether there was such a load.
        """
        flying = self._flights.get(key)
        if flying is None or flying.waiting:
            return False
        flying.abandonment.ask()
        return True

    def abandon_below(self, prefix: str) -> None:
        """Abandon the loads of all keys that begin with *prefix*."""
        for key in [each for each in self._flights if each.startswith(prefix)]:
            self.abandon(key)

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
            ended = await self._scripts.release(Keys(key), leader, if_gone=True) >= 0
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
                await self.records.drop_failure(keys, stored)

    async def aclose(self) -> None:
        """Let running flights end, then stop listening and reading. The client stays open."""
        while self._flights:
            await asyncio.wait([flying.task for flying in self._flights.values()])
        await self._leader.aclose()
        await self._processes.aclose()
        await self._notices.aclose()
        await self._reader.aclose()

    def __repr__(self) -> str:
        return f"<Memo {len(self._flights)} flights>"

    async def _lead_or_join(
        self, key: str, load: Loader, is_enough: Callable[[Entry], bool]
    ) -> Outcome:
        """Wait for the flight of *key*, beginning one with *load* where there is none."""
        while True:
            flying = self._flights.get(key)
            # One that has ended may still be listed. Waiting for it would not give way to the
            # callback that takes it off: the loop would stand still.
            is_ours = flying is None or flying.task.done()
            if flying is None or is_ours:
                flying = self._take_off(key, load, is_enough)
            flying.waiting += 1
            try:
                result = await asyncio.shield(flying.task)
            except asyncio.CancelledError:
                if is_ours or not flying.task.cancelled():
                    raise
                continue
            except (NotShared, LeaseLost):
                if is_ours:
                    raise
                continue
            finally:
                flying.waiting -= 1
            outcome = result.outcome
            if is_ours:
                return outcome
            if result.stored and is_enough(outcome.entry):
                return Outcome(Source.COALESCED, outcome.entry)

    def _take_off(
        self, key: str, load: Loader, is_enough: Callable[[Entry], bool]
    ) -> _RunningFlight:
        """Begin a flight, which goes on without its callers."""
        abandonment = Abandonment()
        flight = self._fly(key, load, abandonment, is_enough)
        task = asyncio.create_task(flight, name=f"memo-flight {key}")
        flying = self._flights[key] = _RunningFlight(task, abandonment)

        def forget(done: asyncio.Task[FlightResult]) -> None:
            if self._flights[key].task is done:  # and not its successor
                del self._flights[key]
            if not done.cancelled():
                done.exception()  # marks it as seen: every caller may have gone away

        task.add_done_callback(forget)
        return flying

    async def _fly(
        self,
        key: str,
        load: Loader,
        abandonment: Abandonment,
        is_enough: Callable[[Entry], bool],
    ) -> FlightResult:
        keys, token = Keys(key), f"{self._processes.id}.{secrets.token_hex(8)}"
        source, overtaken, unwanted = Source.HIT, 0, ""
        if not self._is_known:
            await self._join()
        while True:
            with self._notices.expect(keys.entry) as ended:
                asked_at = time.monotonic()
                reply = await self._begin(keys, token, unwanted)
                match reply:
                    case Fresh(entry) if not is_enough(entry):
                        unwanted = reply.written_by
                    case Fresh(entry):
                        return FlightResult(Outcome(source, entry), stored=True)
                    case Failed(encoded, retry_in):
                        raise self._failure(encoded, retry_in)
                    case Following():
                        source = Source.COALESCED
                        await self._follow(key, reply, ended, abandonment)
                    case Leading():
                        try:
                            return await self._leader.lead(
                                keys,
                                token,
                                reply,
                                load,
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
                        assert_never(reply)

    async def _follow(
        self, key: str, flight: Following, ended: asyncio.Event, abandonment: Abandonment
    ) -> None:
        """Wait until a process's *flight* has *ended*, or may have; end it if that one is gone."""
        with (
            abandonment.possible(),
            self._processes.watching(process_of(flight.leader), ended) as gone,
            contextlib.suppress(TimeoutError),
        ):
            async with asyncio.timeout(flight.patience.total_seconds()):
                await ended.wait()
        if gone.is_set():
            await self.end_if_gone(key, flight.leader)

    async def _join(self) -> None:
        """Learn what other processes end, and let them know of this one, before its first flight.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        await self._notices.subscribe()
        await self._processes.announce()
        self._is_known = True

    async def _begin(self, keys: Keys, token: str, unwanted: str) -> BeginReply:
        while True:
            try:
                with store_errors("begin"):
                    reply = await self._scripts.begin(keys, token, unwanted)
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

        A record is not removed. Nothing is loaded while it is there, which is a day at most.

        Returns:
            Whether something was removed.

        Raises:
            LoadFailed: The record cannot be read.
            StoreUnavailable: Redis is unavailable.
        """
        with store_errors("repair"):
            ttl = self._options.generation_ttl
            removed = await remove_unreadable(
                self._redis, keys, now_ms=self._now_ms(), generation_ttl=ttl
            )
            if removed:
                log.error("memo.removed_unreadable", keys=removed)
                return True
            if await is_readable(self._redis, keys.record, decode_record):
                return False
            log.error("memo.note_unreadable", key=keys.record)
            failed = LoadFailed(keys.entry, RECORD_UNREADABLE)
            shared = Failure({"memo": list(failed.args)}, self._options.lease)
            await self._scripts.release(keys, token, shared)
        raise failed

    async def _stale(self, key: str, error: Exception) -> Outcome | None:
        """Return the stale copy of *key*, if there is one and it is better than *error*."""
        if not (self._options.stale_for and self._failures.may_serve_stale(error)):
            return None
        with store_errors("read stale"):
            stored = cast("bytes | None", await self._redis.get(Keys(key).stale))
        entry = None if stored is None else await self._decode(key, stored)
        if entry is None:
            return None
        age_ms = entry.age_ms(self._now_ms())
        log.warning("memo.served_stale", key=key, age_ms=age_ms, error=type(error).__name__)
        return Outcome(Source.STALE, entry)

    def _failure(self, encoded: JsonObject, retry_in: timedelta) -> Exception:
        if "memo" in encoded:
            return LoadFailed(*encoded["memo"])
        return self._failures.decode(encoded, retry_in)

    async def _decode(self, key: str, stored: bytes) -> Entry | None:
        """Return the entry that *stored* is; None if it cannot be read, and is set aside."""
        try:
            return decode(key, stored)
        except CorruptEntry as corrupt:
            await self._set_aside(Keys(key), stored, corrupt)
            return None

    async def _set_aside(self, keys: Keys, stored: bytes, corrupt: CorruptEntry) -> None:
        log.error("memo.entry_corrupt", key=keys.entry, reason=corrupt.reason)
        with store_errors("quarantine"):
            await self._scripts.quarantine(keys, stored)

    def _now_ms(self) -> int:
        return round(self._clock().timestamp() * 1000)

"""Leads one flight: keeps the lease alive while the loader works, then commits or steps down."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.background import end_task
from orchestrator.infra.clock import Clock
from orchestrator.infra.lease import LeaseClock, Renewal
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo.entry import Entry, JsonObject, Leading, encode, encode_record
from orchestrator.memo.errors import LeaseLost, LoadFailed
from orchestrator.memo.flight import (
    Abandonment,
    Failure,
    FailureCodec,
    Flight,
    Loaded,
    Loader,
    NotShared,
    Outcome,
)
from orchestrator.memo.options import MemoOptions
from orchestrator.memo.records import Records
from orchestrator.memo.store import Keys, Scripts

log = structlog.get_logger(__name__)

#: Seconds between attempts to commit while Redis is unavailable.
COMMIT_RETRY_S: Final = 0.25
#: The same after the callers have their answer.
LATE_RETRY_S: Final = 1.0

_MS: Final = timedelta(milliseconds=1)

#: Stores the answer of one flight; returns the script's verdict.
Commit = Callable[[], Awaitable[str]]
#: Settles what is left to do about it; returns whether nothing is left.
Settle = Callable[..., Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class FlightResult:
    """How a flight ended.

    Not `stored`: an invalidation or another leader came first, so the outcome is only for
    the callers that had asked before.
    """

    outcome: Outcome
    stored: bool


class _LeaseHolder:
    """One flight: what its loader may ask and write down while it holds the lease.

    Attributes:
        held_until: Monotonic instant up to which followers wait for it, if a record has asked for
            that.
    """

    def __init__(
        self, records: Records, keys: Keys, token: str, leading: Leading, *, asked_at: float
    ) -> None:
        self.keys = keys
        self.token = token
        self.held_until = 0.0
        self._records = records
        self._leading = leading
        self._asked_at = asked_at
        self._answered_at = time.monotonic()
        self._clock: LeaseClock | None = None

    def flight(self, clock: LeaseClock, abandonment: Abandonment) -> Flight:
        """Return the loader's view of it, while *clock* shows how long the lease is held."""
        self._clock = clock
        return Flight(
            key=self.keys.entry,
            token=self.token,
            record=self._leading.record,
            now_ms=self.now_ms,
            past_ms=self.past_ms,
            leads=lambda: clock.is_certain,
            may_send=lambda: clock.is_safe,
            write_record=self.write_record,
            drop_record=self.drop_record,
            amend_record=self.amend_record,
            generation=self._leading.generation,
            abandonable=abandonment.possible,
        )

    def now_ms(self) -> int:
        return self._leading.now_ms + int((time.monotonic() - self._asked_at) * 1000)

    def past_ms(self) -> int:
        return self._leading.now_ms + int((time.monotonic() - self._answered_at) * 1000)

    async def write_record(
        self, record: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
    ) -> None:
        written_at = time.monotonic()
        # Before it is sent: the server may carry it out though its reply is lost.
        self.held_until = max(self.held_until, written_at + hold.total_seconds())
        is_renewed = await self._records.write(self.keys, self.token, record, hold=hold)
        if is_renewed and self._clock is not None:
            self._clock.proven(written_at)
        if durably:
            await self._records.confirm(self.keys, self.token)

    async def amend_record(self, record: JsonObject, *, take: bool = False) -> None:
        assert self._leading.record is not None  # noqa: S101 - there is no other to amend
        writer = self.token if take else self._leading.record["written_by"]
        await self._records.write(self.keys, self.token, record, writer=writer)

    async def drop_record(self) -> bool:
        return await self._records.drop(self.keys, self.token, with_failure=True)


class Leader:
    """Leads flights on behalf of one process."""

    def __init__(
        self,
        redis: Redis,
        scripts: Scripts,
        records: Records,
        failures: FailureCodec,
        options: MemoOptions,
        *,
        clock: Clock,
    ) -> None:
        self._scripts = scripts
        self._records = records
        self._renewal = Renewal(redis, options.lease)
        self._failures = failures
        self._options = options
        self._clock = clock
        self._late: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Give answers that Redis could not take yet one more patience, then let go of them."""
        if self._late:
            await asyncio.wait(self._late, timeout=self._options.commit_patience.total_seconds())
        for task in tuple(self._late):
            log.error("memo.late_work_given_up", task=task.get_name())
            await end_task(task)

    async def lead(
        self,
        keys: Keys,
        token: str,
        leading: Leading,
        load: Loader,
        *,
        asked_at: float,
        abandonment: Abandonment,
    ) -> FlightResult:
        """Run *load* under the lease that `begin` gave to *token*, and store what it brings.

        Args:
            keys: Of the entry.
            token: Of the flight.
            leading: What `begin` answered.
            load: Brings the answer.
            asked_at: `time.monotonic()` before `begin` was asked.
            abandonment: Ends the flight early, where *load* allows it.
        """
        holder = _LeaseHolder(self._records, keys, token, leading, asked_at=asked_at)
        async with self._renewal.keeping(keys.lease, token, asked_at=asked_at) as clock:
            try:
                loaded = await load(holder.flight(clock, abandonment))
                expires_at_ms = loaded.loaded_at_ms + loaded.ttl // _MS
                entry = Entry(loaded.status, loaded.payload, loaded.loaded_at_ms, expires_at_ms)
                body, record = encode(entry, token=token), b""
                if loaded.record is not None:
                    record = encode_record(loaded.record, token=token)
            except BaseException as error:
                await self._step_down(holder, error)
                raise
            commit = partial(
                self._scripts.commit, keys, token, leading.generation, entry, body, record
            )
            stored = await self._commit(keys, commit)
        settle = partial(self._settle, holder, loaded, record)
        settled = await settle(keep_record=stored is None)
        if stored is None:
            late = self._store_late(keys, commit, settle, expires_at_ms, settled=settled)
            self._go_on(late, f"store {keys.entry}")
        outcome = Outcome(keys.entry, loaded.source, entry, entry.age_ms(holder.now_ms()))
        return FlightResult(outcome, stored=bool(stored))

    async def _commit(self, keys: Keys, commit: Commit) -> bool | None:
        """Store the answer; None if Redis stays unavailable for the commit patience."""
        deadline = time.monotonic() + self._options.commit_patience.total_seconds()
        while True:
            try:
                verdict = await commit()
                break
            except (RedisError, OSError) as error:
                if time.monotonic() > deadline:
                    log.error("memo.commit_failed", key=keys.entry, error=type(error).__name__)
                    return None
                await asyncio.sleep(COMMIT_RETRY_S)
        if verdict != "stored":
            log.warning("memo.write_refused", key=keys.entry, verdict=verdict)
        return verdict == "stored"

    async def _store_late(
        self, keys: Keys, commit: Commit, settle: Settle, expires_at_ms: int, *, settled: bool
    ) -> None:
        """Go on storing an answer that Redis could not take, as long as it is fresh."""
        while self._clock().timestamp() * 1000 < expires_at_ms:
            await asyncio.sleep(LATE_RETRY_S)
            settled = settled or await settle(keep_record=True)
            try:
                verdict = await commit()
            except (RedisError, OSError):
                continue
            log.info("memo.stored_late", key=keys.entry, verdict=verdict)
            await settle(keep_record=False)
            return

    def _go_on(self, work: Coroutine[None, None, None], name: str) -> None:
        """Finish *work* in the background: the callers do not wait for it."""
        task = asyncio.create_task(_logged(work, name), name=name)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _settle(
        self, holder: _LeaseHolder, loaded: Loaded, record: bytes, *, keep_record: bool
    ) -> bool:
        """Do what is left to do about the answer, which its callers get in any case.

        A settlement that fails is left to the sweeper. Where it is unknown whether the answer was
        stored, the record is all that leads to it.

        Returns:
            Whether nothing is left.
        """
        if loaded.settle is None:
            return True
        keys, token = holder.keys, holder.token
        try:
            await loaded.settle()
        except loaded.postponed_by as unavailable:
            log.warning("memo.not_settled", key=keys.entry, error=str(unavailable))
            return False
        except Exception:
            log.exception("memo.settle_failed", key=keys.entry)
            return False
        if not keep_record:
            await self._records.drop(keys, token, body=record or None)
        return True

    async def _step_down(self, holder: _LeaseHolder, error: BaseException) -> None:
        """Tell the followers why, typed where possible; let go of the lease in any case."""
        keys, failure = holder.keys, self._shared_form(holder.keys, error)
        try:
            wait_ms = await self._scripts.release(keys, holder.token, failure)
        except (RedisError, OSError) as lost:
            log.warning("memo.release_failed", key=keys.entry, error=type(lost).__name__)
            if time.monotonic() < holder.held_until:
                self._go_on(self._release_late(holder, failure), f"release {keys.entry}")
            # Else the lease expires by itself; followers ask again then.
            return
        if isinstance(error, Exception) and wait_ms > 0:
            self._failures.postponed(error, timedelta(milliseconds=wait_ms))

    async def _release_late(self, holder: _LeaseHolder, failure: Failure | None) -> None:
        """Go on letting go of a lease that would live for long."""
        while time.monotonic() < holder.held_until:
            await asyncio.sleep(LATE_RETRY_S)
            try:
                await self._scripts.release(holder.keys, holder.token, failure)
            except (RedisError, OSError):
                continue
            return

    def _shared_form(self, keys: Keys, error: BaseException) -> Failure | None:
        # A store that is unavailable says nothing about the entry: each caller finds out alone.
        if not isinstance(error, Exception) or isinstance(
            error, NotShared | LeaseLost | StoreUnavailable
        ):
            return None
        known = self._failures.encode(error)
        if known is not None:
            return known
        unknown = LoadFailed(keys.entry, type(error).__name__)
        return Failure({"memo": list(unknown.args)}, self._options.unknown_failure_ttl)


async def _logged(work: Coroutine[None, None, None], name: str) -> None:
    try:
        await work
    except Exception:
        log.exception("memo.late_work_failed", work=name)

"""One flight, as its loader sees it, and how it is led.

A loader gets a `Flight`, brings a `Loaded`, or fails; every caller receives an `Outcome`. A
*record* is an opaque JSON object that outlives its writer: the next leader of the same key
receives it. The leader keeps the lease alive while the loader works, then commits or steps down.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
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
from orchestrator.memo.contract import (
    Abandoned,
    Durability,
    Entry,
    Failure,
    FailureCodec,
    JsonObject,
    LeaseLost,
    Loaded,
    LoadFailed,
    MemoOptions,
    NotShared,
    Outcome,
)
from orchestrator.memo.entry import Leading, encode, encode_record
from orchestrator.memo.store import Keys, Records, Scripts

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


@dataclass(slots=True, eq=False)
class Abandonment:
    """Whether one flight shall end early. Its loader decides where it can."""

    _is_asked: bool = False
    _inside: asyncio.Task[object] | None = None

    def ask(self) -> None:
        """End the flight, now or when it next comes to where it can be ended."""
        self._is_asked = True
        if self._inside is not None:
            self._inside.cancel()

    @contextmanager
    def possible(self) -> Iterator[None]:
        """Let the block be interrupted.

        Raises:
            Abandoned: The flight is to end. The loader may still go on, outside of the block.
        """
        if self._is_asked:
            raise Abandoned
        self._inside = task = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._is_asked and task is not None and not task.uncancel():
                raise Abandoned from None
            raise
        finally:
            self._inside = None


class Flight:
    """One running load, as its loader sees it: what may be asked and written down under the lease.

    Attributes:
        key: The entry's key.
        token: Unique to this flight; fences its writes.
        record: What an earlier leader that never finished had written down, if anything.
        generation: Number of invalidations before the flight began. What was begun in an
            earlier one is no answer any more.
        lease: Says, without asking the server, whether the flight certainly leads still. Where it
            does not, another leader may be at work; what is sent while it is safe leaves in time.
        abandonable: Marks what may be interrupted once no caller waits for the flight any more;
            raises `Abandoned` then.
        held_until: Monotonic instant up to which followers wait for it, if a record has asked for
            that.
    """

    def __init__(
        self,
        records: Records,
        keys: Keys,
        token: str,
        leading: Leading,
        lease: LeaseClock,
        abandonment: Abandonment,
        *,
        asked_at: float,
    ) -> None:
        self.key = keys.entry
        self.token = token
        self.record = leading.record
        self.generation = leading.generation
        self.lease = lease
        self.abandonable: Callable[[], AbstractContextManager[None]] = abandonment.possible
        self.held_until = 0.0
        self._records = records
        self._keys = keys
        self._begun_ms = leading.now_ms
        self._asked_at = asked_at
        self._answered_at = time.monotonic()

    def now_ms(self) -> int:
        """Return the Redis server's time, or less by the time that `begin` took at most."""
        return self._begun_ms + int((time.monotonic() - self._asked_at) * 1000)

    def past_ms(self) -> int:
        """Return a time that the Redis server's clock has reached for certain."""
        return self._begun_ms + int((time.monotonic() - self._answered_at) * 1000)

    async def write_record(
        self, record: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
    ) -> None:
        """Replace the record. Acknowledged by the server when it returns.

        Args:
            record: What the next leader has to know.
            durably: Return only once it is where `MemoOptions.durability` wants it.
            hold: How long the flight is followed at least while its process is alive, even if it
                cannot renew its lease: until what the record announces must have ended.

        Raises:
            LeaseLost: Another leader has taken over: what the record announces must not begin.
            NotDurable: It is written, but not where it must be.
            StoreUnavailable: Redis is unavailable; it may be written or not.
        """
        written_at = time.monotonic()
        # Before it is sent: the server may carry it out though its reply is lost.
        self.held_until = max(self.held_until, written_at + hold.total_seconds())
        if await self._records.write(self._keys, self.token, record, hold=hold):
            self.lease.asked_at = written_at
        if durably and self._records.durability is not Durability.NONE:
            await self._records.confirm(self._keys, self.token)

    async def amend_record(self, record: JsonObject, *, take: bool = False) -> None:
        """Replace the record that an earlier leader has left, and leave it to that one.

        Should its answer come after all, it is stored.

        Args:
            record: What the next leader has to know.
            take: Take it from its writer, which can neither use nor drop it any more.

        Raises:
            RecordGone: Its writer has dropped it since.
            LeaseLost: Another leader has taken over.
            StoreUnavailable: Redis is unavailable; it may be written or not.
        """
        assert self.record is not None  # noqa: S101 - there is no other to amend
        writer = self.token if take else self.record["written_by"]
        await self._records.write(self._keys, self.token, record, writer=writer)

    async def drop_record(self) -> bool:
        """Remove the record of this flight; return whether it was there.

        A record that is not dropped outlives a failed flight, for the next leader to read.
        """
        return await self._records.drop(self._keys, self.token, with_failure=True)


Loader = Callable[[Flight], Awaitable[Loaded]]


@dataclass(frozen=True, slots=True)
class FlightResult:
    """How a flight ended.

    Not `stored`: an invalidation or another leader came first, so the outcome is only for
    the callers that had asked before.
    """

    outcome: Outcome
    stored: bool


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
        async with self._renewal.keeping(keys.lease, token, asked_at=asked_at) as lease:
            flight = Flight(
                self._records, keys, token, leading, lease, abandonment, asked_at=asked_at
            )
            try:
                loaded = await load(flight)
                expires_at_ms = loaded.loaded_at_ms + loaded.ttl // _MS
                entry = Entry(loaded.status, loaded.payload, loaded.loaded_at_ms, expires_at_ms)
                body, record = encode(entry, token=token), b""
                if loaded.record is not None:
                    record = encode_record(loaded.record, token=token)
            except BaseException as error:
                await self._step_down(keys, flight, error)
                raise
            commit = partial(
                self._scripts.commit, keys, token, leading.generation, entry, body, record
            )
            stored = await self._commit(keys, commit)
        settle = partial(self._settle, keys, token, loaded, record)
        settled = await settle(keep_record=stored is None)
        if stored is None:
            late = self._store_late(keys, commit, settle, expires_at_ms, settled=settled)
            self._go_on(late, f"store {keys.entry}")
        return FlightResult(Outcome(loaded.source, entry), stored=bool(stored))

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
        task = asyncio.create_task(_log_errors(work, name), name=name)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _settle(
        self, keys: Keys, token: str, loaded: Loaded, record: bytes, *, keep_record: bool
    ) -> bool:
        """Do what is left to do about the answer, which its callers get in any case.

        A settlement that fails is left to the sweeper. Where it is unknown whether the answer was
        stored, the record is all that leads to it.

        Returns:
            Whether nothing is left.
        """
        if loaded.settle is None:
            return True
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

    async def _step_down(self, keys: Keys, flight: Flight, error: BaseException) -> None:
        """Tell the followers why, typed where possible; let go of the lease in any case."""
        failure = self._shared_form(keys, error)
        try:
            wait_ms = await self._scripts.release(keys, flight.token, failure)
        except (RedisError, OSError) as lost:
            log.warning("memo.release_failed", key=keys.entry, error=type(lost).__name__)
            if time.monotonic() < flight.held_until:
                self._go_on(self._release_late(keys, flight, failure), f"release {keys.entry}")
            # Else the lease expires by itself; followers ask again then.
            return
        if isinstance(error, Exception) and wait_ms > 0:
            self._failures.postponed(error, timedelta(milliseconds=wait_ms))

    async def _release_late(self, keys: Keys, flight: Flight, failure: Failure | None) -> None:
        """Go on letting go of a lease that would live for long."""
        while time.monotonic() < flight.held_until:
            await asyncio.sleep(LATE_RETRY_S)
            try:
                await self._scripts.release(keys, flight.token, failure)
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


async def _log_errors(work: Coroutine[None, None, None], name: str) -> None:
    try:
        await work
    except Exception:
        log.exception("memo.late_work_failed", work=name)

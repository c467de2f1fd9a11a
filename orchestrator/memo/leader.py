"""Leads one flight: keeps the lease alive while the loader works, then commits or steps down."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.background import end_task
from orchestrator.infra.lease import Renewal
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo.abandonment import Abandonment
from orchestrator.memo.decision import Leading
from orchestrator.memo.entry import Entry, JsonObject, encode
from orchestrator.memo.errors import LeaseLost, LoadFailed
from orchestrator.memo.flight import Failure, FailureCodec, Flight, Loaded, Loader, NotShared
from orchestrator.memo.keys import CHANNEL, Keys, process_key, process_of
from orchestrator.memo.options import MemoOptions, milliseconds
from orchestrator.memo.outcome import Outcome
from orchestrator.memo.records import Records
from orchestrator.memo.scripts import Scripts

log = structlog.get_logger(__name__)

#: Seconds between attempts to commit while Redis is unavailable.
COMMIT_RETRY_S = 0.25
#: The same after the callers have their answer, and nobody waits for it any more.
LATE_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class FlightResult:
    """How a flight ended.

    Not `stored`: an invalidation or another leader came first, so the outcome is only for
    the callers that had asked before.
    """

    outcome: Outcome
    stored: bool


@dataclass(slots=True)
class _Seat:
    """Whose flight it is: the entry, the leader's token, the generation it may write in.

    `held_until` is the monotonic instant up to which followers wait for it, if a record has asked
    for that.
    """

    keys: Keys
    token: str
    generation: int
    held_until: float = 0.0


class Leader:
    """Leads flights on behalf of one process."""

    def __init__(
        self,
        redis: Redis,
        scripts: Scripts,
        records: Records,
        failures: FailureCodec,
        options: MemoOptions,
    ) -> None:
        self._scripts = scripts
        self._records = records
        self._renewal = Renewal(redis, options.lease)
        self._failures = failures
        self._options = options
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
        seat = _Seat(keys, token, leading.generation)
        told_at = time.monotonic()

        def now_ms() -> int:
            return leading.now_ms + int((time.monotonic() - asked_at) * 1000)

        def past_ms() -> int:
            return leading.now_ms + int((time.monotonic() - told_at) * 1000)

        async def drop_record() -> bool:
            return await self._records.drop(keys, token, with_failure=True)

        async with self._renewal.keeping(keys.lease, token, asked_at=asked_at) as tenure:

            async def write_record(
                record: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
            ) -> None:
                written_at = time.monotonic()
                # Before it is sent: the server may carry it out though its reply is lost.
                seat.held_until = max(seat.held_until, written_at + hold.total_seconds())
                if await self._records.write(keys, token, record, hold=hold):
                    tenure.proven(written_at)
                if durably:
                    await self._records.confirm(keys, token)

            async def amend_record(record: JsonObject, *, take: bool = False) -> None:
                assert leading.record is not None  # noqa: S101 - there is no other record to mark
                writer = token if take else leading.record["written_by"]
                await self._records.write(keys, token, record, writer=writer)

            flight = Flight(
                key=keys.entry,
                token=token,
                record=leading.record,
                now_ms=now_ms,
                past_ms=past_ms,
                leads=lambda: tenure.is_certain,
                may_pay=lambda: tenure.is_safe,
                write_record=write_record,
                drop_record=drop_record,
                amend_record=amend_record,
                generation=leading.generation,
                abandonable=abandonment.possible,
            )
            try:
                loaded = await load(flight)
                entry = _entry(loaded)
                body = encode(entry, token=token)
            except BaseException as error:
                await self._step_down(seat, error)
                raise
            stored = await self._commit(seat, loaded, entry, body)
        settled = await self._settle(seat, loaded, keep_record=stored is None)
        if stored is None:
            late = self._store_late(seat, loaded, entry, body, settled=settled)
            self._go_on(late, f"store {keys.entry}")
        outcome = Outcome(keys.entry, loaded.source, entry, entry.age_ms(now_ms()))
        return FlightResult(outcome, stored=bool(stored))

    async def _commit(self, seat: _Seat, loaded: Loaded, entry: Entry, body: bytes) -> bool | None:
        """Store what was paid for; wait for an unavailable Redis within bounds, then give up."""
        deadline = time.monotonic() + self._options.commit_patience.total_seconds()
        while True:
            try:
                verdict = await self._try_to_commit(seat, loaded, entry, body)
                break
            except (RedisError, OSError) as error:
                if time.monotonic() > deadline:
                    log.error("memo.commit_failed", key=seat.keys.entry, error=type(error).__name__)
                    return None
                await asyncio.sleep(COMMIT_RETRY_S)
        if verdict != "stored":
            log.warning("memo.write_refused", key=seat.keys.entry, verdict=verdict)
        return verdict == "stored"

    async def _try_to_commit(self, seat: _Seat, loaded: Loaded, entry: Entry, body: bytes) -> str:
        keys, options = seat.keys, self._options
        stale_for_ms = milliseconds(options.stale_for)
        verdict = await self._scripts.commit(
            keys=[
                *(keys.entry, keys.lease, keys.generation, keys.record),
                *(keys.failure, keys.failures, keys.stale),
            ],
            args=[
                *(seat.token, seat.generation, body, entry.expires_at_ms, CHANNEL, keys.entry),
                b"" if loaded.record is None else self._records.body(seat.token, loaded.record),
                milliseconds(options.record_ttl),
                entry.expires_at_ms + stale_for_ms if stale_for_ms else 0,
            ],
        )
        return bytes(verdict).decode()

    async def _store_late(
        self, seat: _Seat, loaded: Loaded, entry: Entry, body: bytes, *, settled: bool
    ) -> None:
        """Go on storing what was paid for and Redis could not take, as long as it is fresh."""
        while time.time() * 1000 < entry.expires_at_ms:
            await asyncio.sleep(LATE_RETRY_S)
            settled = settled or await self._settle(seat, loaded, keep_record=True)
            try:
                verdict = await self._try_to_commit(seat, loaded, entry, body)
            except (RedisError, OSError):
                continue
            log.info("memo.stored_late", key=seat.keys.entry, verdict=verdict)
            await self._settle(seat, loaded, keep_record=False)
            return

    def _go_on(self, work: Coroutine[None, None, None], name: str) -> None:
        """Finish *work* in the background: the callers do not wait for it."""
        task = asyncio.create_task(_logged(work, name), name=name)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _settle(self, seat: _Seat, loaded: Loaded, *, keep_record: bool) -> bool:
        """Do what is left to do about the answer, which is its caller's in any case.

        What fails is left to the sweeper. Where nobody knows whether the answer was stored, the
        record is all that leads to it.

        Returns:
            Whether nothing is left.
        """
        if loaded.settle is None:
            await self._records.forget(seat.keys, seat.token)
            return True
        try:
            await loaded.settle()
        except loaded.postponed_by as away:
            log.warning("memo.not_settled", key=seat.keys.entry, error=str(away))
        except Exception:
            log.exception("memo.settle_failed", key=seat.keys.entry)
        else:
            if not keep_record:
                left = (
                    None if loaded.record is None else self._records.body(seat.token, loaded.record)
                )
                await self._records.drop(seat.keys, seat.token, body=left)
            return True
        return False

    async def _step_down(self, seat: _Seat, error: BaseException) -> None:
        """Tell the followers why, typed where possible; let go of the lease in any case."""
        failure = self._shared_form(seat.keys, error)
        try:
            wait_ms = await self.release(seat.keys, seat.token, failure)
        except (RedisError, OSError) as lost:
            log.warning("memo.release_failed", key=seat.keys.entry, error=type(lost).__name__)
            if time.monotonic() < seat.held_until:
                self._go_on(self._release_late(seat, failure), f"release {seat.keys.entry}")
            # Else the lease expires by itself; followers ask again then.
            return
        if isinstance(error, Exception) and wait_ms > 0:
            self._failures.postponed(error, timedelta(milliseconds=wait_ms))

    async def release(
        self, keys: Keys, token: str, failure: Failure | None = None, *, if_gone: bool = False
    ) -> int:
        """End the flight of *token*, with *failure* for its followers, if there is one.

        Args:
            keys: Of the entry.
            token: Of the flight.
            failure: Why it has failed.
            if_gone: Only if its process has not come back in the meantime.

        Returns:
            How long nobody tries again (ms); -1 if it was not ended.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        wait_ms = await self._scripts.release(
            keys=[
                *(keys.lease, keys.failure, keys.failures),
                *([process_key(process_of(token))] if if_gone else []),
            ],
            args=[
                token,
                b"" if failure is None else orjson.dumps(failure.encoded),
                0 if failure is None else milliseconds(failure.ttl),
                milliseconds(self._options.longest_failure_ttl),
                CHANNEL,
                keys.entry,
            ],
        )
        return int(wait_ms)

    async def _release_late(self, seat: _Seat, failure: Failure | None) -> None:
        """Go on letting go of a lease that would live for long."""
        while time.monotonic() < seat.held_until:
            await asyncio.sleep(LATE_RETRY_S)
            try:
                await self.release(seat.keys, seat.token, failure)
            except (RedisError, OSError):
                continue
            return

    def _shared_form(self, keys: Keys, error: BaseException) -> Failure | None:
        if not isinstance(error, Exception):
            return None
        # A store that is unavailable says nothing about the entry: everybody finds out alone.
        if isinstance(error, NotShared | LeaseLost | StoreUnavailable):
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


def _entry(loaded: Loaded) -> Entry:
    return Entry(
        loaded.status,
        loaded.payload,
        loaded.loaded_at_ms,
        loaded.loaded_at_ms + milliseconds(loaded.ttl),
    )

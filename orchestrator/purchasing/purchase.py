"""Pays for one company, once: from the reservation over the POST to the settlement.

Every step that could be the last one of this process is preceded by a purchase record that tells
the next leader where it stood. `intents.first_step` decides what a record asks for.
"""

import asyncio
import contextlib
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.infra.slots import Slots
from orchestrator.memo import (
    Abandoned,
    Flight,
    LeaseLost,
    Loaded,
    NotShared,
    Source,
)
from orchestrator.purchasing.books import Books
from orchestrator.purchasing.intents import (
    FirstStep,
    PurchaseRecord,
    PurchaseRequest,
    Stage,
    first_step,
)
from orchestrator.purchasing.orphans import OrphanedRuns
from orchestrator.surfsense import (
    Accepted,
    Answer,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    RateLimited,
    RunInterrupted,
    SendGuard,
    ServiceUnavailable,
    from_record,
    guarded,
)
from orchestrator.surfsense.pace import Pace, Turn

log = structlog.get_logger(__name__)

#: How long after its intent a POST may leave. The shorter, the sooner a successor knows
#: that a run which is not listed yet will never be.
SEND_WITHIN: Final = timedelta(seconds=2)
#: Added to the time that an answer may take, for what its buyer does before and after the POST.
ANSWER_MARGIN: Final = timedelta(seconds=2)
#: How long after its POST a run may be missing from SurfSense's list. SurfSense writes the run down
#: before it answers the POST, so this is slack for a POST that was slow to arrive. Long, since a
#: run that is listed later is paid for twice, and only what was never confirmed waits for it.
RECONCILE_GRACE: Final = timedelta(seconds=10)

_MS = timedelta(milliseconds=1)


class ShuttingDown(NotShared):
    """This process ends, and begins no purchase any more; another one will."""

    def __str__(self) -> str:
        return "this worker is shutting down"


class NothingToCollect(NotShared):
    """No earlier purchase has an answer to collect; a caller that wants one has to buy it."""

    def __str__(self) -> str:
        return "there is nothing to collect"


class Purchaser:
    """Buys answers on behalf of flights.

    Attributes:
        slots: A purchase begins only with one of them.
        books: Enter what becomes of the attempts.
    """

    def __init__(
        self,
        books: Books,
        orphans: OrphanedRuns,
        *,
        slots: Slots,
        reconcile_grace: timedelta = RECONCILE_GRACE,
        send_within: timedelta = SEND_WITHIN,
        pace: Pace | None = None,
    ) -> None:
        """Buy from the seller of *books*.

        Args:
            books: Enter what answers cost.
            orphans: Remembers runs that were given up.
            slots: As many as there may be purchases at once.
            reconcile_grace: For how long a run may be missing from the seller's list.
            send_within: How long after its intent a POST may leave.
            pace: Says when a POST may leave; None where the seller sets no limit.
        """
        self.slots = slots
        self.books = books
        self._seller = books.seller
        self._orphans = orphans
        self._reconcile_grace = reconcile_grace
        self._send_within = send_within
        self._answer_within = send_within + books.seller.answers_within + ANSWER_MARGIN
        self._pace = pace
        self._draining = False

    def drain(self) -> None:
        """Begin no further purchase; those under way are completed."""
        self._draining = True

    async def buy(self, flight: Flight, request: PurchaseRequest) -> Loaded:
        """Return what SurfSense knows about the company of *request*, paying once at most.

        Raises:
            Abandoned: No caller waits for it; nothing was charged.
            BudgetExhausted: A cap refuses it; nothing was sent.
            LeaseLost: Another leader took over; nothing was sent.
            ShuttingDown: The process drains; nothing was sent.
            StoreUnavailable, DatabaseUnavailable: Nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        # While it waits for a slot, it holds nothing but its lease, which is renewed.
        with flight.abandonable():
            await self.slots.acquire(request.billing.lane)
        try:
            if self._draining:
                raise ShuttingDown
            record = None if flight.record is None else PurchaseRecord.from_json(flight.record)
            if record is not None:
                recovered = await self._recover(flight, record, request)
                if isinstance(recovered, Loaded):
                    return recovered
                record = recovered
            if record is None:
                record = PurchaseRecord(
                    Stage.INTENT,
                    uuid.uuid4().hex,
                    1,
                    flight.past_ms(),
                    request,
                    generation=flight.generation,
                )
            if self._seller.gives_run_ids:
                adopted = await self.adopt_orphan(flight, request)
                if adopted is not None:
                    return adopted
            return await self._send(flight, record)
        finally:
            self.slots.release(request.billing.lane)

    async def finish(self, flight: Flight) -> Loaded:
        """Return the answer that an earlier leader bought and never collected. Buys nothing.

        Raises:
            NothingToCollect: There is none.
            EnrichmentError: Of the class that says what to do.
        """
        record = None if flight.record is None else PurchaseRecord.from_json(flight.record)
        if record is not None:
            recovered = await self._recover(flight, record, None)
            if isinstance(recovered, Loaded):
                return recovered
        await flight.drop_record()
        raise NothingToCollect

    async def finish_if_left(self, flight: Flight) -> Loaded | None:
        """Return what `finish` does; None if no earlier leader has left anything to collect."""
        if flight.record is None:
            return None
        try:
            return await self.finish(flight)
        except NothingToCollect:
            return None

    async def _recover(
        self, flight: Flight, record: PurchaseRecord, request: PurchaseRequest | None
    ) -> Loaded | PurchaseRecord | None:
        """Do what *record*, left by an earlier leader, asks for.

        Args:
            flight: The new leader's.
            record: What the earlier leader had written down.
            request: What the new leader may buy; None if it only collects.

        Returns:
            The answer; else the record of the attempt that repeats the earlier one, which was
            never sent; None if a new purchase may begin.

        Raises:
            EnrichmentError: The earlier purchase bars another one.
        """
        match first_step(record, gives_run_ids=self._seller.gives_run_ids):
            case FirstStep.COLLECT:
                return await self._adopt(flight, record)
            case FirstStep.RECONCILE:
                sent_by_ms = record.sent_by_ms(flight.now_ms())
                accepted = await self._find(flight, record, sent_by_ms=sent_by_ms)
                if accepted is not None:
                    return await self._adopt(flight, accepted)
                await self.books.release(record)
                return None if request is None else _next_attempt(flight, record, request)
            case FirstStep.WRITE_OFF | FirstStep.WAIT:
                return await self._after_loss(flight, record, request)
            case FirstStep.SETTLE if record.ledger_entry is not None:
                await self.books.settle(record)
        return None

    async def _after_loss(
        self, flight: Flight, record: PurchaseRecord, request: PurchaseRequest | None
    ) -> Loaded | None:
        """Return the answer of *record*'s lost attempt from the archive, or buy where allowed.

        Returns:
            None if the attempt bars no purchase any more: its window has passed, or its answer was
            invalidated since.

        Raises:
            EnrichmentError: It was charged, or may have been, and has no answer.
        """
        adopted = await self.books.archived(record)
        if adopted is not None:
            return await self._if_wanted(flight, record, adopted)
        if record.stage is not Stage.LOST:
            # Should a repetition not leave either, what was sent before stays uncertain.
            record = await self.books.write_off(flight, record)
        if self.books.is_over(flight, record):
            return None
        if request is not None and self.books.honours_key:
            loaded = await self._send(flight, record.same_attempt())
            return await self._if_wanted(flight, record, loaded)
        if request is not None and record.may_be_bought_again(request):
            log.info("purchase.bought_again", company_key=request.company_key)
            return await self._send(flight, _next_attempt(flight, record, request))
        assert record.failure is not None  # noqa: S101 - a LOST record has one
        error = from_record(record.failure)
        if not self.books.honours_key:
            error.retry_in = self.books.window_left(flight, record)
        raise error

    async def _send(self, flight: Flight, record: PurchaseRecord) -> Loaded:
        """Buy when it is the attempt's turn. A wait is no failure, and nor is a 429: wait again.

        Raises:
            AccessDenied: With 402 at once, while there is no credit.
            Exception: As `_send_now`.
        """
        if self._pace is None:
            return await self._send_now(flight, record, None)
        request = record.request
        while True:
            with flight.abandonable():
                turn = await self._pace.turn(
                    request.billing.lane,
                    company=request.company,
                    most_micros=request.price_micros or 0,
                )
            if record.failure is None:
                record = replace(record, started_at_ms=flight.past_ms())
            try:
                return await self._send_now(flight, record, turn)
            except RateLimited:
                if not flight.lease.is_certain:
                    raise

    async def _send_now(self, flight: Flight, record: PurchaseRecord, turn: Turn | None) -> Loaded:
        """Reserve, write the intent down, then `_post`.

        Raises:
            Abandoned: No caller waits for it; nothing was charged.
            BudgetExhausted, DatabaseUnavailable: Nothing was sent.
            StoreUnavailable: Nothing was sent; the intent is withdrawn, if Redis is there.
        """
        if self._draining:  # since it waited for its turn
            await self._give_back(turn)
            raise ShuttingDown
        try:
            if record.failure is None:  # else it counts as spent already
                await self.books.reserve(record)
        except BaseException:
            await self._give_back(turn)
            raise
        try:
            with flight.abandonable():
                pass
            now_ms = flight.now_ms()
            record = replace(
                record,
                send_before_ms=now_ms + self._send_within // _MS,
                answer_by_ms=now_ms + self._answer_within // _MS,
                has_run_id=self._seller.gives_run_ids,
            )
            await flight.write_record(record.to_json(), durably=True, hold=self._answer_within)
        except StoreUnavailable:
            # It may be written. A successor that finds it would look for what was never sent.
            await self._give_back(turn)
            await self.books.void(flight, record)
            raise
        except BaseException:
            await self._give_back(turn)
            await self.books.release(record)
            raise
        return await self._post(flight, record, turn)

    async def _give_back(self, turn: Turn | None) -> None:
        """Leave *turn* to another purchase: nothing is sent."""
        if turn is not None and self._pace is not None:
            with contextlib.suppress(StoreUnavailable):  # it lapses
                await self._pace.unused(turn)

    async def _post(self, flight: Flight, record: PurchaseRecord, turn: Turn | None) -> Loaded:
        """Send the POST that *record* announces, and see it through to its answer.

        Raises:
            LeaseLost: It did not leave while the lease was surely held; nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        guard, seller = _send_guard(flight, record), self.books.seller_of(record.request)
        try:
            with guarded(guard):
                reply = await seller.submit(record.request.company, purchase_id=record.purchase_id)
        except EnrichmentError as error:
            await self._report(turn, error)
            return await self._after_failure(flight, record, error)
        except Exception:
            # An unforeseen fault. What provably never left costs nothing.
            if not guard.has_left:
                await self._give_back(turn)
                await self.books.void(flight, record)
            raise
        if turn is not None:
            await self._report(turn)
        if isinstance(reply, Accepted):
            return await self._collect(flight, record.as_accepted(reply.run_id), Source.BOUGHT)
        return self.books.loaded(record, reply, Source.BOUGHT)

    async def _report(self, turn: Turn | None, error: EnrichmentError | None = None) -> None:
        """Tell the gate how the POST of *turn* has ended."""
        if turn is not None and self._pace is not None:
            try:
                await self._pace.ended(turn, error)
            except StoreUnavailable as away:
                log.warning("purchase.pace_not_told", error=str(away))

    async def _after_failure(
        self, flight: Flight, record: PurchaseRecord, error: EnrichmentError
    ) -> Loaded:
        """Do what the *error* of *record*'s POST asks for; return the answer if its run is found.

        Raises:
            LeaseLost: It did not leave while the lease was surely held; nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        if isinstance(error, AnswerLost | MalformedAnswer):
            if isinstance(error, MalformedAnswer) or not self._seller.gives_run_ids:
                await self.books.lose(flight, record, error)
            # A seller that is slow to answer may be slow to list, too: the whole grace from now.
            accepted = await self._find(flight, record, sent_by_ms=flight.now_ms())
            if accepted is not None:
                return await self._collect(flight, accepted, Source.BOUGHT)
        await self.books.void(flight, record)
        if not isinstance(error, NotSent):
            raise error
        if not flight.lease.is_safe:
            raise LeaseLost(flight.key) from error
        cause = f"no connection within {self._send_within.total_seconds():g} s"
        raise ServiceUnavailable(error.company, cause) from error

    async def _find(
        self, flight: Flight, record: PurchaseRecord, *, sent_by_ms: int
    ) -> PurchaseRecord | None:
        """Ask the seller for the run of *record*'s intent, until it must have appeared.

        The grace counts from *sent_by_ms*, when the POST had left, if ever.

        Raises:
            EnrichmentError: The seller cannot say, so the record stays.
        """
        others = await self._runs_of_others(record)
        deadline_ms = sent_by_ms + self._reconcile_grace // _MS
        while True:
            # Read before the request: only a list that was asked for after the deadline is final.
            wait_ms = deadline_ms - flight.past_ms()
            run_id = await self.books.seller_of(record.request).find(
                record.request.company, submitted_after=record.started_at, exclude=others
            )
            if run_id is not None:
                log.info("purchase.reconciled", company_key=record.request.company_key)
                return record.as_accepted(run_id)
            if wait_ms <= 0:
                return None
            await asyncio.sleep(max(deadline_ms - flight.past_ms(), 0) / 1000)

    async def _collect(self, flight: Flight, record: PurchaseRecord, source: Source) -> Loaded:
        """Write down the run id at once, then wait for the run and return its answer.

        Raises:
            Abandoned: No caller waits for it; the run was stopped, and not charged.
            EnrichmentError: Of the class that says what to do.
        """
        assert record.run_id is not None  # noqa: S101 - an accepted record has one
        try:
            await flight.write_record(record.to_json())
        except StoreUnavailable as away:
            # The seller has accepted it: the next leader finds the run in the seller's list.
            log.warning("purchase.run_not_noted", error=str(away))
        except LeaseLost:
            # The new leader looks for the run; should it be listed too late, it is orphaned.
            await self._orphans.add(record)
            raise
        try:
            answer = await self._answer_of(flight, record, record.run_id)
        except AnswerLost as late:
            if not await self._stop(flight, record, record.run_id):
                raise  # the run goes on, and is collected later
            log.warning("purchase.run_hung", company_key=record.request.company_key)
            await self.books.void(flight, record)
            raise ServiceUnavailable(late.company, "its run did not end, and was stopped") from late
        except RunInterrupted:
            await self._orphans.add(record)  # another process of SurfSense may be at work on it
            await self.books.void(flight, record)
            raise
        except MalformedAnswer as error:
            await self.books.lose(flight, record, error)
        except EnrichmentError:
            await self.books.void(flight, record)  # a run that fails or is cancelled costs nothing
            raise
        return self.books.loaded(record, answer, source)

    async def _answer_of(self, flight: Flight, record: PurchaseRecord, run_id: str) -> Answer:
        """Wait for the run; cancel it when no caller waits any more, if that is still possible."""
        company, seller = record.request.company, self.books.seller_of(record.request)
        try:
            with flight.abandonable():
                return await seller.collect(run_id, company=company)
        except Abandoned:
            if await self._stop(flight, record, run_id):
                log.info("purchase.cancelled", company_key=record.request.company_key)
                await self.books.void(flight, record)
                raise
        return await seller.collect(run_id, company=company)

    async def _stop(self, flight: Flight, record: PurchaseRecord, run_id: str) -> bool:
        """Stop the run, if that is still possible: then it costs nothing."""
        # Without the lease another leader may be waiting for the same run.
        return flight.lease.is_certain and await self.books.seller_of(record.request).cancel(run_id)

    async def _adopt(self, flight: Flight, record: PurchaseRecord) -> Loaded | None:
        """Collect what another leader has bought; None if it is not wanted any more."""
        loaded = await self._collect(flight, record, Source.ADOPTED)
        return await self._if_wanted(flight, record, loaded)

    async def adopt_orphan(self, flight: Flight, request: PurchaseRequest) -> Loaded | None:
        """Return what a run of *request* that was given up has brought after all, if anything."""
        for record in await self._orphans.of(request.company_key):
            if not record.request.asks_as(request):
                continue
            if record.run_id in await self.settled_runs_of_others(record):
                continue
            try:
                answer = await self.look(record)
            except MalformedAnswer:  # the sweeper settles it
                continue
            if answer is not None:
                loaded = self.books.loaded(record, answer, Source.ADOPTED)
                if _is_wanted(flight, record, loaded):
                    return loaded
        return None

    async def look(self, record: PurchaseRecord) -> Answer | None:
        """Return what the run of *record* has brought by now; None for nothing.

        Raises:
            MalformedAnswer: It was charged, and its answer is unusable.
        """
        seller = self.books.seller_of(record.request)
        return await seller.look(record.run_id or "", company=record.request.company)

    async def _if_wanted(
        self, flight: Flight, record: PurchaseRecord, loaded: Loaded
    ) -> Loaded | None:
        """Return the answer of *record*'s attempt; None if it is out of date: it is settled."""
        if _is_wanted(flight, record, loaded):
            return loaded
        if loaded.settle is not None:
            await loaded.settle()
        await flight.drop_record()
        return None

    async def _runs_of_others(self, record: PurchaseRecord) -> frozenset[str]:
        """Return the runs of other attempts: those in the ledger, and orphaned ones."""
        orphans = await self._orphans.of(record.request.company_key)
        given_up = {each.run_id for each in orphans if each.ledger_id != record.ledger_id}
        return await self.settled_runs_of_others(record) | {run for run in given_up if run}

    async def settled_runs_of_others(self, record: PurchaseRecord) -> frozenset[str]:
        """Return the runs that the ledger has for other attempts at *record*'s company."""
        purchases = await self.books.ledger.purchases_of(record.request.company_key)
        return frozenset(
            each.run_id
            for each in purchases
            if each.run_id and each.purchase_id != record.ledger_id
        )


def _next_attempt(
    flight: Flight, record: PurchaseRecord, request: PurchaseRequest
) -> PurchaseRecord:
    return record.next_attempt(request, flight.past_ms(), flight.generation)


def _is_wanted(flight: Flight, record: PurchaseRecord, loaded: Loaded) -> bool:
    """Return whether the answer is fresh, and was not invalidated since."""
    expires_at_ms = loaded.loaded_at_ms + loaded.ttl // _MS
    return record.generation == flight.generation and expires_at_ms > flight.now_ms()


def _send_guard(flight: Flight, record: PurchaseRecord) -> SendGuard:
    """Return what the socket asks before the POST's first byte leaves."""
    return SendGuard(
        lambda: flight.lease.is_safe and flight.now_ms() < (record.send_before_ms or 0)
    )

"""One attempt at a purchase: send it, find out what became of it, collect its answer.

Every step that could be the last one of this process is preceded by a page of the journal
which tells the next leader where it stood.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.database.schema import PurchaseOutcome
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import Abandoned, Flight, LeaseLost, Loaded, RecordGone, Source
from orchestrator.purchasing.journal import Page
from orchestrator.purchasing.settlement import Settlement
from orchestrator.purchasing.stored import EnrichmentStatus, payload_of, status_of
from orchestrator.purchasing.strays import Strays
from orchestrator.surfsense import (
    Accepted,
    Answer,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    RunInterrupted,
    Seller,
    SendGuard,
    ServiceUnavailable,
    from_record,
    guarded,
    to_record,
)

log = structlog.get_logger(__name__)

#: How long after its intent a POST may leave. The shorter, the sooner a successor knows
#: that a run which is not listed yet will never be.
SEND_WITHIN = timedelta(seconds=2)
#: Added to the time that an answer may take, for what its buyer does before and after the POST.
ANSWER_MARGIN = timedelta(seconds=2)

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long an answer is fresh, by its kind.

    `jitter` is the largest share of it that chance may take off, so that what was bought
    together does not expire together; it never adds.
    """

    found: timedelta
    not_found: timedelta
    jitter: float = 0.0

    def ttl(self, status: EnrichmentStatus, chance: float) -> timedelta:
        """Return the TTL of an answer; an ambiguous one lasts as long as a found one.

        Args:
            status: What the answer says.
            chance: A number from 0 to 1, drawn once for this answer.
        """
        longest = self.not_found if status is EnrichmentStatus.NOT_FOUND else self.found
        return longest * (1 - self.jitter * chance)


class Attempts:
    """Makes attempts on behalf of flights.

    Attributes:
        honours_key: Whether repeating an attempt under its Idempotency-Key is free.
    """

    def __init__(
        self,
        seller: Seller,
        settlement: Settlement,
        strays: Strays,
        *,
        freshness: Freshness,
        reconcile_grace: timedelta,
        send_within: timedelta,
        honours_key: bool,
    ) -> None:
        self._seller = seller
        self._settlement = settlement
        self._strays = strays
        self._freshness = freshness
        self._reconcile_grace = reconcile_grace
        self._send_within = send_within
        self._answer_within = send_within + seller.answers_within + ANSWER_MARGIN
        self.honours_key = honours_key

    async def send(self, flight: Flight, page: Page) -> Loaded:
        """Reserve, write the intent down, send the POST, and see it through.

        Raises:
            Abandoned: Nobody waits for it; nothing was charged.
            LeaseLost: It did not leave while the lease was surely held; nothing was sent.
            BudgetExhausted, DatabaseUnavailable: Nothing was sent.
            StoreUnavailable: Nothing was sent; the intent is withdrawn, if Redis is there.
            EnrichmentError: Of the class that says what to do.
        """
        if page.failure is None:  # else it counts as spent already
            await self._settlement.reserve(page)
        try:
            with flight.abandonable():
                pass
            now_ms = flight.now_ms()
            page = page.announced(
                send_before_ms=now_ms + self._send_within // _MS,
                answer_by_ms=now_ms + self._answer_within // _MS,
                has_run_id=self._seller.gives_run_ids,
            )
            await flight.write_record(page.note(), durably=True, hold=self._answer_within)
        except StoreUnavailable:
            # It may be written. A successor that finds it would look for what was never sent.
            await self._void(flight, page)
            raise
        except Exception:
            await self.release(page)
            raise
        guard = _send_guard(flight, page)
        try:
            with guarded(guard):
                reply = await self._seller.submit(page.order.company, purchase_id=page.purchase_id)
        except NotSent as error:
            await self._void(flight, page)
            raise self._cause_of(error, flight) from error
        except EnrichmentError as error:
            return await self._see_through(flight, page, error)
        except Exception:
            # A fault that nobody foresaw. What provably never left costs nothing.
            if not guard.has_left:
                await self._void(flight, page)
            raise
        if isinstance(reply, Accepted):
            return await self.collect(flight, page.accepted(reply.run_id), Source.BOUGHT)
        return self.loaded(page, reply, Source.BOUGHT)

    async def find(self, flight: Flight, page: Page, *, sent_by_ms: int) -> Page | None:
        """Ask the seller for the run of *page*'s attempt, until it must have appeared.

        Args:
            flight: Whoever asks.
            page: An intent.
            sent_by_ms: When its POST had left, if ever: the grace counts from then.

        Raises:
            EnrichmentError: It cannot be told, so the page stays.
        """
        others = await self._runs_of_others(page)
        deadline_ms = sent_by_ms + self._reconcile_grace // timedelta(milliseconds=1)
        while True:
            # First, or a look that lasts for long would count for one of its end.
            wait_ms = deadline_ms - flight.past_ms()
            run_id = await self._seller.find(
                page.order.company, submitted_after=page.started_at, exclude=others
            )
            if run_id is not None:
                log.info("purchase.reconciled", company_key=page.order.company_key)
                return page.accepted(run_id)
            if wait_ms <= 0:
                return None
            await asyncio.sleep(max(deadline_ms - flight.past_ms(), 0) / 1000)

    async def collect(self, flight: Flight, page: Page, source: Source) -> Loaded:
        """Write down the run id at once, then wait for the run and take its answer.

        Raises:
            Abandoned: Nobody waits for it; the run was stopped, and not charged.
            EnrichmentError: Of the class that says what to do.
        """
        assert page.run_id is not None  # noqa: S101 - an accepted page has one
        try:
            await flight.write_record(page.note())
        except StoreUnavailable as away:
            # The seller has the order: whoever leads next finds the run by asking for it.
            log.warning("purchase.run_not_noted", error=str(away))
        except LeaseLost:
            # Whoever leads now looks for the run; should it be listed too late, it is a stray.
            await self._strays.add(page)
            raise
        try:
            answer = await self._answer_of(flight, page, page.run_id)
        except AnswerLost:
            raise  # the run goes on, and is collected later
        except RunInterrupted:
            await self._strays.add(page)  # another process of SurfSense may be at work on it
            await self._void(flight, page)
            raise
        except MalformedAnswer as error:
            await self._lose(flight, page, error)
        except EnrichmentError:
            await self._void(flight, page)  # a run that fails or is cancelled costs nothing
            raise
        return self.loaded(page, answer, source)

    async def archived(self, page: Page) -> Loaded | None:
        """Return the answer of *page*'s attempt, if it was archived and never reached the memo.

        Raises:
            DatabaseUnavailable: It cannot be told, so nothing may be bought.
        """
        answer = await self._settlement.answer_of(page)
        if answer is None:
            return None
        status = EnrichmentStatus(answer.outcome)
        ttl = self._freshness.ttl(status, _chance())
        return Loaded(status, dict(answer.payload), ttl, page.started_at_ms, Source.ADOPTED)

    async def write_off(self, flight: Flight, page: Page) -> Page:
        """Enter the intent *page* of a buyer that is gone as uncertain; return it as LOST.

        Raises:
            LeaseLost: Its buyer, or another leader, has come first.
            StoreUnavailable, DatabaseUnavailable: It may be entered or not; repeat it.
        """
        company = page.order.company
        price_micros = self._seller.price_micros
        error = AnswerLost(company, "its buyer stopped before it came", price_micros)
        await self._settlement.charge(page, PurchaseOutcome.UNCERTAIN)
        lost = page.lost(to_record(error))
        try:
            # A buyer whose attempt is repeated must not call it free.
            await flight.amend_record(lost.note(), take=self.honours_key)
        except RecordGone:
            # Its buyer has settled it in the meantime, or withdrawn it: then it was free.
            await self._settlement.resolve_as_free(page)
            raise
        log.warning("purchase.answer_lost", company_key=page.order.company_key)
        return lost

    def is_over(self, flight: Flight, page: Page) -> bool:
        """Return whether the freshness window of *page*'s attempt has passed."""
        return self._window_left(flight, page) <= timedelta(0)

    def failure_of(self, flight: Flight, page: Page) -> EnrichmentError:
        """Return what lookups are told while nothing may be bought because of the LOST *page*."""
        assert page.failure is not None  # noqa: S101 - a LOST page has one
        error = from_record(page.failure)
        if not self.honours_key:
            error.retry_in = self._window_left(flight, page)
        return error

    async def look(self, page: Page) -> Answer | None:
        """Return what the run of *page* has brought by now; None for nothing.

        Raises:
            MalformedAnswer: It was charged, and its answer is unusable.
        """
        return await self._seller.look(page.run_id or "", company=page.order.company)

    async def release(self, page: Page) -> None:
        """Give back what was reserved; where Redis is unavailable it comes back by itself."""
        try:
            await self._settlement.release(page)
        except StoreUnavailable as away:
            log.warning("purchase.hold_not_released", error=str(away))

    async def _runs_of_others(self, page: Page) -> frozenset[str]:
        """Return the runs of other attempts: those in the ledger, and strays, charged or not."""
        strays = await self._strays.of(page.order.company_key)
        given_up = {stray.run_id for stray in strays if stray.ledger_id != page.ledger_id}
        return await self._settlement.runs_of_others(page) | {run for run in given_up if run}

    async def _see_through(self, flight: Flight, page: Page, error: EnrichmentError) -> Loaded:
        """Find out what became of a POST that ended in *error*; raise it if it came to nothing."""
        if not isinstance(error, AnswerLost | MalformedAnswer):
            await self._void(flight, page)
            raise error
        if isinstance(error, MalformedAnswer) or not self._seller.gives_run_ids:
            await self._lose(flight, page, error)
        # Whoever is so slow to answer may be slow to list, too: the whole grace from now.
        found = await self.find(flight, page, sent_by_ms=flight.now_ms())
        if found is None:
            await self._void(flight, page)
            raise error
        return await self.collect(flight, found, Source.BOUGHT)

    async def _answer_of(self, flight: Flight, page: Page, run_id: str) -> Answer:
        """Wait for the run; stop it where nobody else does, if it can still be stopped."""
        company = page.order.company
        try:
            with flight.abandonable():
                return await self._seller.collect(run_id, company=company)
        except Abandoned:
            # Without the lease another leader may be waiting for the same run.
            if flight.leads() and await self._seller.cancel(run_id):
                log.info("purchase.cancelled", company_key=page.order.company_key)
                await self._void(flight, page)
                raise
        return await self._seller.collect(run_id, company=company)

    def loaded(self, page: Page, answer: Answer, source: Source) -> Loaded:
        """Return *answer* as the memo stores it, with what is owed for it."""
        status = status_of(answer)
        record = self._settlement.record(
            *(page, PurchaseOutcome(status), answer.cost_micros),
            estimated=answer.cost_estimated,
        )
        payload = payload_of(answer, page)
        bought = page.bought(record, payload)

        async def settle() -> None:
            await self._settlement.settle(bought, record)

        return Loaded(
            status,
            payload,
            self._freshness.ttl(status, _chance()),
            page.started_at_ms,  # nobody knows when the seller has looked, but it was later
            source,
            record=bought.note(),
            settle=settle,
            postponed_by=(StoreUnavailable, DatabaseUnavailable),
        )

    def _cause_of(self, error: NotSent, flight: Flight) -> Exception:
        """Return why nothing was sent: for want of the lease, or of a connection."""
        if not flight.may_pay():
            return LeaseLost(flight.key)
        cause = f"no connection within {self._send_within.total_seconds():g} s"
        return ServiceUnavailable(error.company, cause)

    async def _lose(
        self, flight: Flight, page: Page, error: AnswerLost | MalformedAnswer
    ) -> NoReturn:
        """Enter *page*'s attempt without an answer, and bar another purchase for its window.

        Raises:
            AnswerLost, MalformedAnswer: What lookups are told.
            LeaseLost: Another leader has taken over, and does the same.
            StoreUnavailable, DatabaseUnavailable: The intent stays, so the next leader does it.
        """
        if isinstance(error, MalformedAnswer):
            await self._settlement.charge(page, PurchaseOutcome.FAILED, error.cost_micros)
            await self._bar(flight, page, error)
            raise error
        lost = AnswerLost(error.company, error.cause, self._seller.price_micros)
        await self._settlement.charge(page, PurchaseOutcome.UNCERTAIN)
        await self._bar(flight, page, lost)
        raise lost from error

    async def _bar(self, flight: Flight, page: Page, told: EnrichmentError) -> None:
        if isinstance(told, MalformedAnswer) or not self.honours_key:
            told.retry_in = max(self._window_left(flight, page), _MS)
        await flight.write_record(page.lost(to_record(told)).note())

    def _window_left(self, flight: Flight, page: Page) -> timedelta:
        age_ms = flight.past_ms() - page.started_at_ms
        return self._freshness.found - timedelta(milliseconds=age_ms)

    async def _void(self, flight: Flight, page: Page) -> None:
        """Forget an attempt that has cost nothing."""
        if page.failure is not None:
            # It was repeated in vain; what was sent before is as uncertain as it was.
            await flight.write_record(page.lost(page.failure).note())
            return
        await self.release(page)
        # If this process stood still meanwhile, a successor may have entered it as uncertain. If it
        # has taken the note over, it may be repeating the attempt, and settles it.
        if await flight.drop_record():
            try:
                await self._settlement.resolve_as_free(page)
            except (StoreUnavailable, DatabaseUnavailable) as away:
                log.warning("purchase.not_resolved", purchase_id=page.ledger_id, error=str(away))


def _send_guard(flight: Flight, page: Page) -> SendGuard:
    """Say what must hold when the POST's bytes leave, or they don't."""

    def may_leave() -> bool:
        return flight.may_pay() and flight.now_ms() < (page.send_before_ms or 0)

    return SendGuard(may_leave)


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads expiries

"""Pays for one company: reserve, write down the intent, send, collect, store, settle.

Drives what `journal` decides. Every step that could be the last one of this process is
preceded by a page of the journal which tells the next leader where it stood.
"""

import asyncio
import random
import uuid
from dataclasses import dataclass
from datetime import timedelta

import structlog

from orchestrator.enrichment.journal import Order, Page, Stage, Step, first_step
from orchestrator.enrichment.settlement import Settlement
from orchestrator.enrichment.stored import payload_of, status_of
from orchestrator.memo import Flight, LeaseLost, Loaded, NotShared, Source, StoreUnavailable
from orchestrator.spend import PurchaseOutcome
from orchestrator.surfsense import (
    Accepted,
    Answer,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotFound,
    Seller,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long an answer is fresh, by its kind.

    `jitter` is the largest share of it that chance may take off, so that what was bought
    together does not expire together; it never adds.
    """

    found: timedelta
    not_found: timedelta
    jitter: float = 0.0

    def ttl(self, answer: Answer, chance: float) -> timedelta:
        """Return the TTL of *answer*; an ambiguous one lasts as long as a found one.

        Args:
            answer: What was bought.
            chance: A number from 0 to 1, drawn once for this answer.
        """
        longest = self.not_found if isinstance(answer, NotFound) else self.found
        return longest * (1 - self.jitter * chance)


class ShuttingDown(NotShared):
    """This process ends, and begins no purchase any more; another one will."""

    def __str__(self) -> str:
        return "this worker is shutting down"


class NothingOrdered(NotShared):
    """There is no order to collect; whoever wants the answer has to buy it."""

    def __str__(self) -> str:
        return "nothing was ordered"


class Purchaser:
    """Buys answers on behalf of flights."""

    def __init__(
        self,
        seller: Seller,
        settlement: Settlement,
        *,
        freshness: Freshness,
        max_in_flight: int,
        reconcile_grace: timedelta = timedelta(seconds=5),
    ) -> None:
        self._seller = seller
        self._settlement = settlement
        self._freshness = freshness
        self._draining = False
        # Waits with its lease renewed, and holds nothing but that.
        self._slots = asyncio.Semaphore(max_in_flight)
        self._reconcile_grace = reconcile_grace

    async def buy(self, flight: Flight, order: Order) -> Loaded:
        """Bring what SurfSense knows about the company of *order*, paying once at most.

        Raises:
            BudgetExhausted: A cap refuses it; nothing was sent.
            LeaseLost: Another leader took over; nothing was sent.
            ShuttingDown: The process drains; nothing was sent.
            StoreUnavailable, DatabaseUnavailable: Nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        async with self._slots:
            if self._draining:
                raise ShuttingDown
            return await self._buy(flight, order)

    async def finish(self, flight: Flight) -> Loaded:
        """Bring what an earlier leader has ordered and never collected. Orders nothing.

        Raises:
            NothingOrdered: There is no such order.
            EnrichmentError: Of the class that says what to do.
        """
        page = None if flight.note is None else Page.from_note(flight.note)
        match first_step(page, gives_run_ids=self._seller.gives_run_ids), page:
            case Step.COLLECT, Page():
                return await self._collect_wanted(flight, page)
            case Step.RECONCILE, Page():
                found = await self._find(flight, page)
                if found is not None:
                    return await self._collect_wanted(flight, found)
                await self._release(page)
        await flight.drop_note()
        raise NothingOrdered

    def drain(self) -> None:
        """Begin no further purchase; those under way are seen through."""
        self._draining = True

    async def _buy(self, flight: Flight, order: Order) -> Loaded:
        page = None if flight.note is None else Page.from_note(flight.note)
        match first_step(page, gives_run_ids=self._seller.gives_run_ids), page:
            case Step.COLLECT, Page():
                return await self._adopt(flight, page, order)
            case Step.RECONCILE, Page():
                found = await self._find(flight, page)
                if found is not None:
                    return await self._adopt(flight, found, order)
                await self._release(page)  # that attempt has never reached the seller
                return await self._send(flight, _next_attempt(flight, page, order))
            case Step.WRITE_OFF, Page():
                if await self._settlement.charge_estimate(page, PurchaseOutcome.LOST):
                    log.warning("purchase.attempt_lost", company_key=order.company_key)
                return await self._send(flight, _next_attempt(flight, page, order))
            case Step.SETTLE, Page(record=record) if record is not None:
                await self._settlement.settle(page, record)
        return await self._send(flight, _first_attempt(flight, order))

    async def _adopt(self, flight: Flight, page: Page, order: Order) -> Loaded:
        """Collect what another leader has bought; settle it and buy anew if it is out of date."""
        try:
            return await self._collect_wanted(flight, page)
        except NothingOrdered:
            return await self._send(flight, _first_attempt(flight, order))

    async def _collect_wanted(self, flight: Flight, page: Page) -> Loaded:
        """Collect what another leader has bought.

        Raises:
            NothingOrdered: It was invalidated or has expired since; it is settled.
        """
        loaded = await self._collect(flight, page, Source.ADOPTED)
        expires_at_ms = loaded.loaded_at_ms + loaded.ttl // timedelta(milliseconds=1)
        if page.generation == flight.generation and expires_at_ms > flight.now_ms():
            return loaded
        if loaded.settle is not None:
            await loaded.settle()
        await flight.drop_note()
        raise NothingOrdered

    async def _send(self, flight: Flight, page: Page) -> Loaded:
        """Reserve, write the intent down, send the POST, and see it through."""
        await self._settlement.reserve(page)
        try:
            await _write_intent(flight, page)
        except Exception:
            await self._release(page)
            raise
        try:
            reply = await self._seller.submit(page.order.company, purchase_id=page.purchase_id)
        except MalformedAnswer:
            await self._settlement.charge_estimate(page, PurchaseOutcome.FAILED)
            await flight.drop_note()
            raise
        except EnrichmentError as error:
            return await self._see_through(flight, page, error)
        if isinstance(reply, Accepted):
            return await self._collect(flight, page.accepted(reply.run_id), Source.BOUGHT)
        return self._loaded(page, reply, Source.BOUGHT)

    async def _see_through(self, flight: Flight, page: Page, error: EnrichmentError) -> Loaded:
        """Find out what became of a POST that ended in *error*; raise it if it came to nothing."""
        if not isinstance(error, AnswerLost):
            await self._void(flight, page)
            raise error
        if not self._seller.gives_run_ids:
            # The page stays: the next POST is to repeat its Idempotency-Key.
            await self._settlement.charge_estimate(page, PurchaseOutcome.LOST)
            raise error
        found = await self._find(flight, page)
        if found is None:
            await self._void(flight, page)
            raise error
        return await self._collect(flight, found, Source.BOUGHT)

    async def _find(self, flight: Flight, page: Page) -> Page | None:
        """Ask the seller for the run of *page*'s attempt, until it must have appeared.

        The POST may have been sent long after the page was written, but not after this flight
        began, or this process got its error: the grace counts from now.

        Raises:
            EnrichmentError: It cannot be told, so the page stays.
        """
        settled = await self._settlement.runs_of_others(page)
        deadline_ms = flight.now_ms() + self._reconcile_grace // timedelta(milliseconds=1)
        while True:
            run_id = await self._seller.find(
                page.order.company, submitted_after=page.started_at, exclude=settled
            )
            if run_id is not None:
                log.info("purchase.reconciled", company_key=page.order.company_key)
                return page.accepted(run_id)
            wait_ms = deadline_ms - flight.now_ms()
            if wait_ms <= 0:
                return None
            await asyncio.sleep(wait_ms / 1000)

    async def _collect(self, flight: Flight, page: Page, source: Source) -> Loaded:
        """Write down the run id at once, then wait for the run and take its answer."""
        assert page.run_id is not None  # noqa: S101 - an accepted page has one
        try:
            await flight.write_note(page.note())
        except StoreUnavailable as away:
            # The seller has the order: whoever leads next finds the run by asking for it.
            log.warning("purchase.run_not_noted", error=str(away))
        try:
            answer = await self._seller.collect(page.run_id, company=page.order.company)
        except AnswerLost:
            raise  # the run goes on, and is collected later
        except MalformedAnswer:
            await self._settlement.charge_estimate(page, PurchaseOutcome.FAILED)
            await flight.drop_note()
            raise
        except EnrichmentError:
            await self._void(flight, page)  # a run that fails or is cancelled costs nothing
            raise
        return self._loaded(page, answer, source)

    def _loaded(self, page: Page, answer: Answer, source: Source) -> Loaded:
        record = self._settlement.record(
            page,
            PurchaseOutcome(status_of(answer)),
            answer.cost_micros,
            estimated=answer.cost_estimated,
        )

        async def settle() -> None:
            await self._settlement.settle(page, record)

        return Loaded(
            status_of(answer),
            payload_of(answer, company=page.order.company, purchase_id=page.ledger_id),
            self._freshness.ttl(answer, random.random()),  # noqa: S311 - spreads expiries
            page.started_at_ms,  # nobody knows when the seller has looked, but it was later
            source,
            note=page.bought(record).note(),
            settle=settle,
        )

    async def _void(self, flight: Flight, page: Page) -> None:
        """Forget an attempt that has cost nothing."""
        await self._release(page)
        await flight.drop_note()

    async def _release(self, page: Page) -> None:
        """Give back what was reserved; where Redis is away it comes back by itself."""
        try:
            await self._settlement.release(page)
        except StoreUnavailable as away:
            log.warning("purchase.hold_not_released", error=str(away))


def _first_attempt(flight: Flight, order: Order) -> Page:
    return Page(
        *(Stage.INTENT, uuid.uuid4().hex, 1, flight.now_ms(), order), generation=flight.generation
    )


def _next_attempt(flight: Flight, page: Page, order: Order) -> Page:
    return page.next_attempt(order, flight.now_ms(), flight.generation)


async def _write_intent(flight: Flight, page: Page) -> None:
    await flight.write_note(page.note())
    if not flight.leads():
        # This process stood still: somebody else may be sending by now.
        raise LeaseLost(flight.key)

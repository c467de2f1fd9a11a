"""Pays for one company, once: does what the journal says is next, and leaves the rest alone."""

import uuid
from datetime import timedelta

import structlog

from orchestrator.database.schema import PurchaseOutcome
from orchestrator.jobs import Admission
from orchestrator.memo import Flight, Loaded, NotShared, Source
from orchestrator.purchasing.attempt import SEND_WITHIN, Attempts, Freshness
from orchestrator.purchasing.journal import Order, Page, Stage, Step, first_step
from orchestrator.purchasing.settlement import Settlement
from orchestrator.purchasing.strays import Strays
from orchestrator.surfsense import AnswerLost, MalformedAnswer, Seller

log = structlog.get_logger(__name__)


class ShuttingDown(NotShared):
    """This process ends, and begins no purchase any more; another one will."""

    def __str__(self) -> str:
        return "this worker is shutting down"


class NothingOrdered(NotShared):
    """There is no order to collect; whoever wants the answer has to buy it."""

    def __str__(self) -> str:
        return "nothing was ordered"


class Purchaser:
    """Buys answers on behalf of flights.

    Attributes:
        places: Without one of them no purchase begins.
    """

    def __init__(
        self,
        seller: Seller,
        settlement: Settlement,
        strays: Strays,
        *,
        freshness: Freshness,
        max_in_flight: int,
        reconcile_grace: timedelta = timedelta(seconds=5),
        send_within: timedelta = SEND_WITHIN,
        honours_key: bool = False,
    ) -> None:
        """Buy from *seller*.

        Args:
            seller: Sells answers.
            settlement: Keeps the books.
            strays: Remembers runs that were given up.
            freshness: For how long an answer bars another purchase.
            max_in_flight: Purchases at once.
            reconcile_grace: For how long a run may be missing from the seller's list.
            send_within: How long after its intent a POST may leave.
            honours_key: The seller charges once for all requests with one Idempotency-Key, so that
                repeating one is free.
        """
        self._gives_run_ids = seller.gives_run_ids
        self._settlement = settlement
        self._strays = strays
        self._attempts = Attempts(
            seller,
            settlement,
            strays,
            freshness=freshness,
            reconcile_grace=reconcile_grace,
            send_within=send_within,
            honours_key=honours_key,
        )
        self._draining = False
        # Waits with its lease renewed, and holds nothing but that.
        self.places = Admission(max_in_flight)

    async def buy(self, flight: Flight, order: Order) -> Loaded:
        """Bring what SurfSense knows about the company of *order*, paying once at most.

        Raises:
            Abandoned: Nobody waits for it; nothing was charged.
            BudgetExhausted: A cap refuses it; nothing was sent.
            LeaseLost: Another leader took over; nothing was sent.
            ShuttingDown: The process drains; nothing was sent.
            StoreUnavailable, DatabaseUnavailable: Nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        with flight.abandonable():
            await self.places.acquire(order.purpose.lane)
        try:
            if self._draining:
                raise ShuttingDown
            return await self._buy(flight, order)
        finally:
            self.places.release(order.purpose.lane)

    async def finish(self, flight: Flight) -> Loaded:
        """Bring what an earlier leader has ordered and never collected. Orders nothing.

        Raises:
            NothingOrdered: There is no such order.
            EnrichmentError: Of the class that says what to do.
        """
        page = None if flight.record is None else Page.from_note(flight.record)
        match first_step(page, gives_run_ids=self._gives_run_ids), page:
            case ((Step.COLLECT | Step.RECONCILE), Page()):
                ordered = await self._ordered(flight, page)
                if ordered is not None:
                    return await self._collect_wanted(flight, ordered)
            case ((Step.WRITE_OFF | Step.WAIT), Page()):
                return await self._adopt_or_bar(flight, page)
        await flight.drop_record()
        raise NothingOrdered

    async def finish_stray(self, flight: Flight, company_key: str) -> Loaded:
        """Bring what a stray run about a company has brought by now. Orders nothing.

        Raises:
            NothingOrdered: Nothing that is wanted, or another purchase has left its note.
        """
        if flight.record is None:
            loaded = await self._adopt_stray(flight, company_key)
            if loaded is not None:
                return loaded
        raise NothingOrdered

    async def settle_stray(self, page: Page) -> bool:
        """Enter what the stray run of *page* has cost, if it has been charged by now.

        Returns:
            Whether it has been: there is nothing more to learn of it.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It may or may not be settled; repeat it.
        """
        if page.run_id in await self._settlement.runs_of_others(page):
            return True  # somebody has found and collected it since
        try:
            answer = await self._attempts.look(page)
        except MalformedAnswer as error:
            await self._settlement.charge(page, PurchaseOutcome.FAILED, error.cost_micros)
            return True
        if answer is None:
            return False
        settle = self._attempts.loaded(page, answer, Source.ADOPTED).settle
        if settle is not None:
            await settle()
        return True

    def drain(self) -> None:
        """Begin no further purchase; those under way are seen through."""
        self._draining = True

    async def _buy(self, flight: Flight, order: Order) -> Loaded:
        page = None if flight.record is None else Page.from_note(flight.record)
        match first_step(page, gives_run_ids=self._gives_run_ids), page:
            case ((Step.COLLECT | Step.RECONCILE), Page()):
                ordered = await self._ordered(flight, page)
                if ordered is not None:
                    return await self._adopt(flight, ordered, order)
                return await self._bring(flight, _next_attempt(flight, page, order))
            case ((Step.WRITE_OFF | Step.WAIT), Page()):
                try:
                    return await self._after_loss(flight, page, order)
                except NothingOrdered:
                    pass
            case Step.SETTLE, Page(record=record) if record is not None:
                await self._settlement.settle(page, record)
        return await self._bring(flight, _first_attempt(flight, order))

    async def _after_loss(self, flight: Flight, page: Page, order: Order) -> Loaded:
        """Bring what *page*'s lost attempt has brought after all, or buy where that is allowed.

        Raises:
            NothingOrdered: It bars no purchase any more.
            EnrichmentError: What lookups are told while it does.
        """
        if self._attempts.honours_key and not self._attempts.is_over(flight, page):
            loaded = await self._attempts.archived(page)
            if loaded is None:
                if page.stage is not Stage.LOST:
                    # Should the repetition not leave either, what was sent before stays uncertain.
                    page = await self._attempts.write_off(flight, page)
                loaded = await self._attempts.send(flight, page.repeated())
            return await self._if_wanted(flight, page, loaded)
        try:
            return await self._adopt_or_bar(flight, page)
        except (AnswerLost, MalformedAnswer):
            if not page.may_be_bought_again(order):
                raise
        log.info("purchase.bought_again", company_key=order.company_key)
        return await self._attempts.send(flight, _next_attempt(flight, page, order))

    async def _adopt_or_bar(self, flight: Flight, page: Page) -> Loaded:
        """Return the archived answer of *page*'s attempt, which cannot be had otherwise.

        Raises:
            NothingOrdered: The attempt bars no purchase any more: its window has passed, or its
                answer was invalidated since.
            EnrichmentError: It was charged, or may have been, and has no answer.
        """
        adopted = await self._attempts.archived(page)
        if adopted is not None:
            return await self._if_wanted(flight, page, adopted)
        if page.stage is not Stage.LOST:
            page = await self._attempts.write_off(flight, page)
        if self._attempts.is_over(flight, page):
            raise NothingOrdered
        raise self._attempts.failure_of(flight, page)

    async def _bring(self, flight: Flight, page: Page) -> Loaded:
        """Send the attempt of *page*, unless a run that was given up has the answer by now."""
        adopted = await self._adopt_stray(flight, page.order.company_key)
        return adopted or await self._attempts.send(flight, page)

    async def _ordered(self, flight: Flight, page: Page) -> Page | None:
        """Return the page of the order that an earlier leader has left; None if it sent none."""
        if page.stage is Stage.ACCEPTED:
            return page
        sent_by_ms = page.sent_by_ms(flight.now_ms())
        found = await self._attempts.find(flight, page, sent_by_ms=sent_by_ms)
        if found is None:
            await self._attempts.release(page)
        return found

    async def _adopt(self, flight: Flight, page: Page, order: Order) -> Loaded:
        """Collect what another leader has bought; settle it and buy anew if it is out of date."""
        try:
            return await self._collect_wanted(flight, page)
        except NothingOrdered:
            return await self._bring(flight, _first_attempt(flight, order))

    async def _adopt_stray(self, flight: Flight, company_key: str) -> Loaded | None:
        """Return what a run that was given up has brought after all, if it has by now."""
        for page in await self._strays.of(company_key):
            if page.run_id in await self._settlement.runs_of_others(page):
                continue
            try:
                answer = await self._attempts.look(page)
            except MalformedAnswer:  # the sweeper settles it
                continue
            if answer is not None:
                loaded = self._attempts.loaded(page, answer, Source.ADOPTED)
                if _is_wanted(flight, page, loaded):
                    return loaded
        return None

    async def _collect_wanted(self, flight: Flight, page: Page) -> Loaded:
        """Collect what another leader has bought.

        Raises:
            NothingOrdered: It was invalidated or has expired since; it is settled.
        """
        loaded = await self._attempts.collect(flight, page, Source.ADOPTED)
        return await self._if_wanted(flight, page, loaded)

    async def _if_wanted(self, flight: Flight, page: Page, loaded: Loaded) -> Loaded:
        """Return *loaded*, which *page*'s attempt has brought.

        Raises:
            NothingOrdered: It was invalidated or has expired since; it is settled.
        """
        if _is_wanted(flight, page, loaded):
            return loaded
        if loaded.settle is not None:
            await loaded.settle()
        await flight.drop_record()
        raise NothingOrdered


def _is_wanted(flight: Flight, page: Page, loaded: Loaded) -> bool:
    """Say whether nobody has invalidated the answer since, and it is still fresh."""
    expires_at_ms = loaded.loaded_at_ms + loaded.ttl // timedelta(milliseconds=1)
    return page.generation == flight.generation and expires_at_ms > flight.now_ms()


def _first_attempt(flight: Flight, order: Order) -> Page:
    return Page(
        *(Stage.INTENT, uuid.uuid4().hex, 1, flight.past_ms(), order), generation=flight.generation
    )


def _next_attempt(flight: Flight, page: Page, order: Order) -> Page:
    return page.next_attempt(order, flight.past_ms(), flight.generation)

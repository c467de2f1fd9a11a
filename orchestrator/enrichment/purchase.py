"""Pays for one company: reserve, write down the intent, send, settle.

The intent is a note of the flight, acknowledged by Redis before the POST is sent. A leader
that finds the intent of a dead one sends the same `Idempotency-Key` again: a seller that
honours it charges once. One that does not may charge twice, and the `enrich` protocol gives
no way to ask; so the dead attempt enters the ledger as lost, at its estimated cost, on the
account of the job that had made it.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.enrichment.attempt import Attempt, Order
from orchestrator.enrichment.stored import payload_of, status_of
from orchestrator.memo import Flight, Loaded, StoreUnavailable
from orchestrator.spend import Budget, Ledger, PurchaseOutcome, PurchaseRecord
from orchestrator.surfsense import (
    Answer,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotFound,
    SurfSenseClient,
)

log = structlog.get_logger(__name__)

#: What the ledger calls this seller and this way of buying.
SELLER = "surfsense"
PROTOCOL = "enrich"
#: How long what was paid for waits for a ledger or a budget that is away.
SETTLE_PATIENCE = timedelta(seconds=30)
#: Seconds between attempts to settle.
SETTLE_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long an answer is fresh, by its kind."""

    found: timedelta
    not_found: timedelta

    def ttl(self, answer: Answer) -> timedelta:
        """Return the TTL of *answer*; an ambiguous one lasts as long as a found one."""
        return self.not_found if isinstance(answer, NotFound) else self.found


class Purchaser:
    """Buys answers on behalf of flights. Knows the price, the budget and the ledger."""

    def __init__(
        self,
        client: SurfSenseClient,
        budget: Budget,
        ledger: Ledger,
        *,
        price_micros: int,
        freshness: Freshness,
        settle_patience: timedelta = SETTLE_PATIENCE,
    ) -> None:
        self._client = client
        self._budget = budget
        self._ledger = ledger
        self._price_micros = price_micros
        self._freshness = freshness
        self._settle_patience = settle_patience

    async def buy(self, flight: Flight, order: Order) -> Loaded:
        """Buy what SurfSense knows about the company of *order*, and settle it.

        Raises:
            BudgetExhausted: A cap refuses it; nothing was sent.
            LeaseLost: Another leader took over; nothing was sent.
            StoreUnavailable, DatabaseUnavailable: Nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        attempt = await self._attempt(flight, order)
        await self._budget.reserve(attempt.ledger_id, self._price_micros, attempt.purpose.accounts)
        try:
            await flight.write_note(attempt.note())
        except Exception:
            await self._release(attempt)
            raise
        answer = await self._send(attempt, order)
        arrived_at_ms = flight.now_ms()
        await self._settle(
            attempt,
            self._record(
                attempt,
                order,
                PurchaseOutcome(status_of(answer)),
                answer.cost_micros,
                estimated=answer.cost_estimated,
            ),
        )
        return Loaded(
            status_of(answer),
            payload_of(answer, company=order.company, purchase_id=attempt.ledger_id),
            self._freshness.ttl(answer),
            arrived_at_ms,
        )

    async def _attempt(self, flight: Flight, order: Order) -> Attempt:
        if flight.note is None:
            return Attempt(uuid.uuid4().hex, 1, flight.now_ms(), order.purpose)
        dead = Attempt.from_note(flight.note)
        record = self._record(dead, order, PurchaseOutcome.LOST, self._price_micros, estimated=True)
        if await self._ledger.settle(record):
            log.warning("purchase.attempt_lost", company_key=order.company_key, attempt=dead.number)
            await self._settle_budget(dead, self._price_micros)
        return dead.next(order.purpose, flight.now_ms())

    async def _send(self, attempt: Attempt, order: Order) -> Answer:
        """Send the POST; a failure that cannot have cost anything gives the money back."""
        try:
            return await self._client.purchase(order.company, purchase_id=attempt.purchase_id)
        except (AnswerLost, MalformedAnswer) as error:
            lost = isinstance(error, AnswerLost)
            outcome = PurchaseOutcome.LOST if lost else PurchaseOutcome.FAILED
            await self._settle(
                attempt,
                self._record(attempt, order, outcome, self._price_micros, estimated=True),
            )
            raise
        except EnrichmentError:
            await self._release(attempt)
            raise

    async def _settle(self, attempt: Attempt, record: PurchaseRecord) -> None:
        """Enter what was paid into the ledger, then into the budget, however long that takes.

        A server that stays away must not cost the answer: it would be paid for again.
        """
        await self._patiently(lambda: self._ledger.settle(record), record)
        await self._patiently(lambda: self._settle_budget(attempt, record.cost_micros), record)

    async def _patiently(
        self, settle: Callable[[], Awaitable[object]], record: PurchaseRecord
    ) -> None:
        deadline = time.monotonic() + self._settle_patience.total_seconds()
        while True:
            try:
                await settle()
            except (StoreUnavailable, DatabaseUnavailable) as away:
                if time.monotonic() < deadline:
                    await asyncio.sleep(SETTLE_RETRY_S)
                    continue
                # The line is what is left to settle it by hand.
                fields = record.model_dump(mode="json")
                log.error("purchase.not_settled", error=str(away), **fields)
            return

    async def _settle_budget(self, attempt: Attempt, cost_micros: int) -> None:
        await self._budget.settle(
            attempt.ledger_id, self._price_micros, cost_micros, attempt.purpose.accounts
        )

    async def _release(self, attempt: Attempt) -> None:
        """Give back what was reserved; where Redis is away it comes back by itself."""
        try:
            await self._settle_budget(attempt, 0)
        except StoreUnavailable as away:
            log.warning("purchase.hold_not_released", error=str(away))

    def _record(
        self,
        attempt: Attempt,
        order: Order,
        outcome: PurchaseOutcome,
        cost_micros: int,
        *,
        estimated: bool,
    ) -> PurchaseRecord:
        return PurchaseRecord(
            purchase_id=attempt.ledger_id,
            company_key=order.company_key,
            company=order.company,
            job_id=attempt.purpose.job_id,
            tenant=attempt.purpose.tenant,
            source=SELLER,
            protocol=PROTOCOL,
            started_at=datetime.fromtimestamp(attempt.started_at_ms / 1000, UTC),
            settled_at=datetime.now(UTC),
            cost_micros=cost_micros,
            estimated=estimated,
            outcome=outcome,
        )

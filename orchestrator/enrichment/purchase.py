"""Pays for one company: reserve, write down the intent, send, settle.

The intent is a note of the flight, acknowledged by Redis before the POST is sent. A leader
that finds the intent of a dead one sends the same `Idempotency-Key` again: a seller that
honours it charges once. One that does not may charge twice, and the `enrich` protocol gives
no way to ask; so the dead attempt enters the ledger as lost, at its estimated cost.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from orchestrator.enrichment.stored import payload_of, status_of
from orchestrator.memo import Flight, Loaded
from orchestrator.spend import Budget, Ledger, PurchaseOutcome, PurchaseRecord, run_account
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


@dataclass(frozen=True, slots=True)
class Purpose:
    """On whose behalf something is bought. `capped`: the job has a budget of its own."""

    job_id: str | None
    tenant: str
    capped: bool = False

    @property
    def accounts(self) -> list[str]:
        """The budget accounts that must allow the purchase."""
        return [run_account(self.job_id)] if self.capped and self.job_id else []


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long an answer is fresh, by its kind."""

    found: timedelta
    not_found: timedelta

    def ttl(self, answer: Answer) -> timedelta:
        """Return the TTL of *answer*; an ambiguous one lasts as long as a found one."""
        return self.not_found if isinstance(answer, NotFound) else self.found


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One POST for one company; `number` counts from 1 across leaders."""

    purchase_id: str
    number: int
    started_at_ms: int

    @classmethod
    def first(cls, flight: Flight) -> "_Attempt":
        return cls(uuid.uuid4().hex, 1, flight.now_ms())

    @classmethod
    def noted(cls, note: dict[str, Any]) -> "_Attempt":
        return cls(note["purchase_id"], note["attempt"], note["started_at_ms"])

    def next(self, flight: Flight) -> "_Attempt":
        return _Attempt(self.purchase_id, self.number + 1, flight.now_ms())

    def note(self) -> dict[str, Any]:
        return {
            "purchase_id": self.purchase_id,
            "attempt": self.number,
            "started_at_ms": self.started_at_ms,
        }

    @property
    def ledger_id(self) -> str:
        return self.purchase_id if self.number == 1 else f"{self.purchase_id}.{self.number}"


@dataclass(frozen=True, slots=True)
class Order:
    """What is bought, and for whom."""

    company: str
    company_key: str
    purpose: Purpose


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
    ) -> None:
        self._client = client
        self._budget = budget
        self._ledger = ledger
        self._price_micros = price_micros
        self._freshness = freshness

    async def buy(self, flight: Flight, order: Order) -> Loaded:
        """Buy what SurfSense knows about the company of *order*, and settle it.

        Raises:
            BudgetExhausted: A cap refuses it; nothing was sent.
            LeaseLost: Another leader took over; nothing was sent.
            EnrichmentError: Of the class that says what to do.
        """
        attempt = await self._attempt(flight, order)
        accounts = order.purpose.accounts
        await self._budget.reserve(attempt.ledger_id, self._price_micros, accounts)
        try:
            await flight.write_note(attempt.note())
        except Exception:
            await self._budget.settle(attempt.ledger_id, self._price_micros, 0, accounts)
            raise
        answer = await self._send(attempt, order)
        arrived_at_ms = flight.now_ms()
        await self._settle(
            attempt,
            order,
            PurchaseOutcome(status_of(answer)),
            answer.cost_micros,
            estimated=answer.cost_estimated,
        )
        return Loaded(
            status_of(answer),
            payload_of(answer, company=order.company, purchase_id=attempt.ledger_id),
            self._freshness.ttl(answer),
            arrived_at_ms,
        )

    async def _attempt(self, flight: Flight, order: Order) -> _Attempt:
        if flight.note is None:
            return _Attempt.first(flight)
        dead = _Attempt.noted(flight.note)
        log.warning("purchase.attempt_lost", company_key=order.company_key, attempt=dead.number)
        await self._settle(dead, order, PurchaseOutcome.LOST, self._price_micros, estimated=True)
        return dead.next(flight)

    async def _send(self, attempt: _Attempt, order: Order) -> Answer:
        """Send the POST; a failure that cannot have cost anything gives the money back."""
        try:
            return await self._client.purchase(order.company, purchase_id=attempt.purchase_id)
        except AnswerLost:
            # Its note stays, and whoever leads next enters this attempt as lost.
            raise
        except MalformedAnswer:
            await self._settle(
                attempt, order, PurchaseOutcome.FAILED, self._price_micros, estimated=True
            )
            raise
        except EnrichmentError:
            await self._budget.settle(
                attempt.ledger_id, self._price_micros, 0, order.purpose.accounts
            )
            raise

    async def _settle(
        self,
        attempt: _Attempt,
        order: Order,
        outcome: PurchaseOutcome,
        cost_micros: int,
        *,
        estimated: bool,
    ) -> None:
        """Enter the attempt into the ledger, and its cost into the budget if it is new there."""
        record = PurchaseRecord(
            purchase_id=attempt.ledger_id,
            company_key=order.company_key,
            company=order.company,
            job_id=order.purpose.job_id,
            tenant=order.purpose.tenant,
            source=SELLER,
            protocol=PROTOCOL,
            started_at=datetime.fromtimestamp(attempt.started_at_ms / 1000, UTC),
            settled_at=datetime.now(UTC),
            cost_micros=cost_micros,
            estimated=estimated,
            outcome=outcome,
        )
        if await self._ledger.settle(record):
            await self._budget.settle(
                attempt.ledger_id, self._price_micros, cost_micros, order.purpose.accounts
            )

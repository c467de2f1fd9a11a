"""What becomes of a purchase's money: entered in the ledger, given back, or barred as uncertain.

Every method leaves the record, the budget and the ledger so that the next leader reads from them
what was paid, whatever happens in between.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple, NoReturn

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.database.schema import PurchaseOutcome
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import Flight, Loaded, RecordGone, Source
from orchestrator.purchasing.archive import EvidenceArchive
from orchestrator.purchasing.budget import Budget
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.purchasing.ledger import Ledger
from orchestrator.purchasing.outcome import STATUS_OF, EnrichmentStatus, Freshness, payload_of
from orchestrator.surfsense import Answer, AnswerLost, MalformedAnswer, Seller, to_record

log = structlog.get_logger(__name__)

_MS = timedelta(milliseconds=1)


class Spending(NamedTuple):
    """What so many `purchases` have cost."""

    cost_micros: int = 0
    purchases: int = 0


class Books:
    """The books of one process's purchases: what is held, charged, given back and uncertain.

    Attributes:
        seller: Who sells; `seller_of` is who sells one step.
        ledger: What was settled.
        archive: What purchases have brought.
        honours_key: The seller charges once for all requests with one Idempotency-Key, so that
            repeating one is free.
    """

    def __init__(
        self,
        seller: Seller,
        budget: Budget,
        ledger: Ledger,
        archive: EvidenceArchive,
        *,
        freshness: Freshness,
        honours_key: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        """Enter what *seller* sells; *freshness* says how long an answer bars another purchase."""
        self.seller = seller
        self.ledger = ledger
        self.archive = archive
        self.honours_key = honours_key
        self._budget = budget
        self._freshness = freshness
        self._clock = clock

    def seller_of(self, request: PurchaseRequest) -> Seller:
        """Return who sells what *request* asks for."""
        if request.step is None:
            return self.seller
        return self.seller.of_step(request.step, request.body or {}, request.price_micros)

    def price_of(self, record: PurchaseRecord) -> int:
        """Return the most that *record*'s attempt costs, in micro-USD: what it reserves."""
        price_micros = record.request.price_micros
        return self.seller.price_micros if price_micros is None else price_micros

    async def reserve(self, record: PurchaseRecord) -> None:
        """Hold the worst case of *record*'s attempt in all of its accounts, or in none.

        Raises:
            BudgetExhausted: A cap refuses it.
            StoreUnavailable, DatabaseUnavailable: Nothing may be bought.
        """
        await self._budget.reserve(
            record.ledger_id,
            self.price_of(record),
            record.accounts,
            refresh=record.request.billing.refresh,
        )

    async def release(self, record: PurchaseRecord) -> None:
        """Give back what *record*'s attempt holds: it has cost nothing.

        A hold that cannot be given back, because Redis is unavailable, lapses.
        """
        try:
            await self._budget.release(record.ledger_id, self.price_of(record), record.accounts)
        except StoreUnavailable as away:
            log.warning("purchase.hold_not_released", error=str(away))

    def loaded(self, record: PurchaseRecord, answer: Answer, source: Source) -> Loaded:
        """Return *answer* as the memo stores it, with what is owed for it."""
        status, request = STATUS_OF[type(answer)], record.request
        bought = replace(
            record,
            stage=Stage.BOUGHT,
            ledger_entry=record.entry(
                PurchaseOutcome(status),
                answer.cost_micros,
                estimated=answer.cost_estimated,
                protocol=self.seller.protocol,
                settled_at=self._clock(),
            ),
            answer=payload_of(
                answer,
                request.company,
                record.ledger_id,
                request.billing.bought_for,
                subject=request.subject,
                asked=request.asked,
            ),
        )
        return Loaded(
            status,
            bought.answer or {},
            self._freshness.ttl(status, random.random()),  # noqa: S311 - spreads expiries
            # The seller's data is no older: when exactly it was read is not known.
            record.started_at_ms,
            source,
            record=bought.to_json(),
            settle=partial(self.settle, bought),
            postponed_by=(StoreUnavailable, DatabaseUnavailable),
        )

    async def archived(self, record: PurchaseRecord) -> Loaded | None:
        """Return the answer of *record*'s attempt, if it was archived and never reached the memo.

        Raises:
            DatabaseUnavailable: The archive cannot be read, so nothing may be bought.
        """
        answers = await self.archive.of([record.ledger_id])
        if record.ledger_id not in answers:
            return None
        answer = answers[record.ledger_id]
        status = EnrichmentStatus(answer.outcome)
        ttl = self._freshness.ttl(status, random.random())  # noqa: S311 - spreads expiries
        return Loaded(status, dict(answer.payload), ttl, record.started_at_ms, Source.ADOPTED)

    async def charge(
        self, record: PurchaseRecord, outcome: PurchaseOutcome, cost_micros: int | None = None
    ) -> None:
        """Settle *record*'s attempt without an answer, at the worst case if no price is known."""
        entry = record.entry(
            outcome,
            self.price_of(record) if cost_micros is None else cost_micros,
            estimated=cost_micros is None,
            protocol=self.seller.protocol,
            settled_at=self._clock(),
        )
        await self.settle(replace(record, ledger_entry=entry, answer=None))

    async def settle(self, record: PurchaseRecord) -> None:
        """Enter *record*, which has its entry, into ledger and archive, once, then pay for it.

        Resolves an attempt that was entered as uncertain.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It may or may not be settled; repeat it.
        """
        entry, accounts, price_micros = record.ledger_entry, record.accounts, self.price_of(record)
        assert entry is not None  # noqa: S101 - a BOUGHT record has one
        entered = await self.ledger.settle(entry, record.answer)
        was_micros = entered.was_micros
        is_known = not entered.is_new and was_micros is None
        if is_known and not await self.ledger.has(entry.purchase_id):
            # Another purchase has its run, and pays for it.
            log.warning("purchase.run_of_another", company_key=entry.company_key)
            await self._budget.release(entry.purchase_id, price_micros, accounts)
            return
        await self._budget.settle(
            entry.purchase_id,
            price_micros,
            entry.cost_micros if was_micros is None else was_micros,
            accounts,
            is_new=entered.is_new,
        )
        if was_micros is not None:
            log.info("purchase.resolved", company_key=entry.company_key, outcome=entry.outcome)
            difference = entry.cost_micros - was_micros
            # No account has a trace of it, so each that it concerns is read from the ledger again.
            await self._budget.settle(
                f"{entry.purchase_id}!", 0, difference, accounts, is_new=False
            )

    async def spent_on(
        self,
        company_key: str,
        bought_for: tuple[str | None, int],
        lost: Mapping[str, PurchaseRecord],
    ) -> Spending:
        """Return what the ledger has for one item of a job.

        Args:
            company_key: The company of the item.
            bought_for: The job and the item's number.
            lost: What was bought about the company without an answer: see `lost_purchases`.

        Raises:
            DatabaseUnavailable: The ledger or the archive cannot be read.
        """
        job_id, _ = bought_for
        entries = [
            each
            for each in await self.ledger.purchases_of(company_key)
            if each.job_id == job_id and not each.is_uncertain
        ]
        answers = await self.archive.of([each.purchase_id for each in entries])
        own = {id_ for id_, each in lost.items() if each.request.billing.bought_for == bought_for}
        own |= {
            id_
            for id_, each in answers.items()
            if each.payload.get("bought_for") == list(bought_for)
        }
        paid = [each.cost_micros for each in entries if each.purchase_id in own]
        return Spending(sum(paid), len(paid))

    async def cost_of(self, record: PurchaseRecord) -> int:
        """Return what *record*'s attempt has cost for certain, by the ledger.

        Raises:
            DatabaseUnavailable: The ledger cannot be read.
        """
        entries = await self.ledger.purchases_of(record.request.company_key)
        ours = (each for each in entries if each.purchase_id == record.ledger_id)
        return sum(each.cost_micros for each in ours if not each.is_uncertain)

    async def resolve_as_free(self, record: PurchaseRecord) -> None:
        """Note that *record*'s attempt has cost nothing, if a successor entered it as uncertain.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It may or may not be noted; repeat it.
        """
        if await self.ledger.has(record.ledger_id):
            await self.charge(record, PurchaseOutcome.NOT_CHARGED, 0)

    async def write_off(self, flight: Flight, record: PurchaseRecord) -> PurchaseRecord:
        """Enter the intent *record* of a buyer that is gone as uncertain; return it as LOST.

        Raises:
            LeaseLost: Its buyer, or another leader, has come first.
            StoreUnavailable, DatabaseUnavailable: It may be entered or not; repeat it.
        """
        price_micros = self.price_of(record)
        error = AnswerLost(record.request.company, "its buyer stopped before it came", price_micros)
        await self.charge(record, PurchaseOutcome.UNCERTAIN)
        lost = record.as_lost(to_record(error))
        try:
            # A buyer whose attempt is repeated must not call it free.
            await flight.amend_record(lost.to_json(), take=self.honours_key)
        except RecordGone:
            # Its buyer has settled it in the meantime, or withdrawn it: then it was free.
            await self.resolve_as_free(record)
            raise
        log.warning("purchase.answer_lost", company_key=record.request.company_key)
        return lost

    async def lose(
        self, flight: Flight, record: PurchaseRecord, error: AnswerLost | MalformedAnswer
    ) -> NoReturn:
        """Enter *record*'s attempt without an answer, and bar another purchase for its window.

        Raises:
            AnswerLost, MalformedAnswer: What lookups get; it names what is uncertain.
            LeaseLost: Another leader has taken over, and does the same.
            StoreUnavailable, DatabaseUnavailable: The intent stays, so the next leader does it.
        """
        price_micros = self.price_of(record)
        shared: AnswerLost | MalformedAnswer
        if isinstance(error, MalformedAnswer):
            await self.charge(record, PurchaseOutcome.FAILED, error.cost_micros)
            uncertain_micros = price_micros if error.cost_micros is None else 0
            shared = MalformedAnswer(error.company, error.field, uncertain_micros)
        else:
            await self.charge(record, PurchaseOutcome.UNCERTAIN)
            shared = AnswerLost(error.company, error.cause, price_micros)
        if isinstance(shared, MalformedAnswer) or not self.honours_key:
            shared.retry_in = max(self.window_left(flight, record), _MS)
        await flight.write_record(record.as_lost(to_record(shared)).to_json())
        raise shared from error

    async def void(self, flight: Flight, record: PurchaseRecord) -> None:
        """Forget an attempt that has cost nothing."""
        if record.failure is not None:
            # It was repeated in vain; what was sent before is as uncertain as it was.
            await flight.write_record(record.as_lost(record.failure).to_json())
            return
        await self.release(record)
        if not await flight.drop_record():
            return  # a successor that has taken the record over settles it
        # If this process stood still meanwhile, a successor may have entered it as uncertain.
        try:
            await self.resolve_as_free(record)
        except (StoreUnavailable, DatabaseUnavailable) as away:
            log.warning("purchase.not_resolved", purchase_id=record.ledger_id, error=str(away))

    def is_over(self, flight: Flight, record: PurchaseRecord) -> bool:
        """Return whether the freshness window of *record*'s attempt has passed."""
        return self.window_left(flight, record) <= timedelta(0)

    def window_left(self, flight: Flight, record: PurchaseRecord) -> timedelta:
        """Return what is left of the freshness window of *record*'s attempt."""
        age_ms = flight.past_ms() - record.started_at_ms
        return self._freshness.found - timedelta(milliseconds=age_ms)

"""Settles purchases: the ledger once, then what was reserved for them."""

from datetime import UTC, datetime

import structlog

from orchestrator.database.schema import PurchaseOutcome
from orchestrator.purchasing.archive import ArchivedAnswer, EvidenceArchive
from orchestrator.purchasing.budget import Budget
from orchestrator.purchasing.journal import Page
from orchestrator.purchasing.ledger import Ledger, PurchaseRecord

log = structlog.get_logger(__name__)

#: What the ledger calls the seller.
SELLER = "surfsense"


class Settlement:
    """Ledger and budget of one fleet. `price_micros` is what every attempt has reserved."""

    def __init__(
        self,
        budget: Budget,
        ledger: Ledger,
        archive: EvidenceArchive,
        *,
        price_micros: int,
        protocol: str,
    ) -> None:
        self._budget = budget
        self._ledger = ledger
        self._archive = archive
        self._price_micros = price_micros
        self._protocol = protocol

    async def reserve(self, page: Page) -> None:
        """Hold the worst case of *page*'s attempt.

        Raises:
            BudgetExhausted: A cap refuses it.
            StoreUnavailable, DatabaseUnavailable: It cannot be told.
        """
        await self._budget.reserve(
            page.ledger_id,
            self._price_micros,
            page.accounts,
            refresh=page.order.purpose.refresh,
        )

    async def release(self, page: Page) -> None:
        """Give back what *page*'s attempt holds: it has cost nothing."""
        await self._budget.release(page.ledger_id, self._price_micros, page.accounts)

    async def runs_of_others(self, page: Page) -> frozenset[str]:
        """Return the runs that the ledger has for other attempts at *page*'s company."""
        purchases = await self._ledger.purchases_of(page.order.company_key)
        return frozenset(
            purchase.run_id
            for purchase in purchases
            if purchase.run_id and purchase.purchase_id != page.ledger_id
        )

    async def answer_of(self, page: Page) -> ArchivedAnswer | None:
        """Return the answer of *page*'s attempt, if it has reached the archive.

        Raises:
            DatabaseUnavailable: It cannot be told.
        """
        return (await self._archive.of([page.ledger_id])).get(page.ledger_id)

    async def settle(self, page: Page, record: PurchaseRecord) -> None:
        """Enter *record* into the ledger and *page*'s answer into the archive, then pay for it.

        What was entered as uncertain is resolved by it. What fails is to be repeated.
        """
        entered = await self._ledger.settle(record, page.answer)
        is_known = not entered.is_new and entered.was_micros is None
        if is_known and not await self._ledger.has(record.purchase_id):
            # Another purchase has its run, and pays for it.
            log.warning("purchase.run_of_another", company_key=record.company_key)
            await self.release(page)
            return
        was_micros = entered.was_micros
        cost_micros = record.cost_micros if was_micros is None else was_micros
        await self._budget.settle(
            page.ledger_id,
            self._price_micros,
            cost_micros,
            page.accounts,
            is_new=entered.is_new,
        )
        if was_micros is not None:
            log.info("purchase.resolved", company_key=record.company_key, outcome=record.outcome)
            # No account has a trace of it, so each that it concerns is read from the ledger again.
            await self._budget.settle(
                f"{page.ledger_id}!",
                0,
                record.cost_micros - was_micros,
                page.accounts,
                is_new=False,
            )

    async def charge(
        self, page: Page, outcome: PurchaseOutcome, cost_micros: int | None = None
    ) -> None:
        """Settle *page*'s attempt without an answer, at the worst case if no price is known."""
        micros = self._price_micros if cost_micros is None else cost_micros
        await self.settle(page, self.record(page, outcome, micros, estimated=cost_micros is None))

    async def resolve_as_free(self, page: Page) -> None:
        """Note that *page*'s attempt has cost nothing, if it was entered as uncertain meanwhile.

        Raises:
            StoreUnavailable, DatabaseUnavailable: It may or may not be noted; repeat it.
        """
        if await self._ledger.has(page.ledger_id):
            await self.settle(
                page, self.record(page, PurchaseOutcome.NOT_CHARGED, 0, estimated=False)
            )

    def record(
        self, page: Page, outcome: PurchaseOutcome, cost_micros: int, *, estimated: bool
    ) -> PurchaseRecord:
        """Return what the ledger is told of *page*'s attempt."""
        order = page.order
        return PurchaseRecord(
            purchase_id=page.ledger_id,
            company_key=order.company_key,
            company=order.company,
            job_id=order.purpose.job_id,
            tenant=order.purpose.tenant,
            source=SELLER,
            protocol=self._protocol,
            started_at=page.started_at,
            settled_at=datetime.now(UTC),
            cost_micros=cost_micros,
            estimated=estimated,
            outcome=outcome,
            run_id=page.run_id,
            refresh=order.purpose.refresh,
        )

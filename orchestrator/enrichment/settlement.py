"""Settles purchases: the ledger once, then what was reserved for them."""

from datetime import UTC, datetime

import structlog

from orchestrator.enrichment.journal import Page
from orchestrator.spend import Budget, Ledger, PurchaseOutcome, PurchaseRecord

log = structlog.get_logger(__name__)

#: What the ledger calls the seller.
SELLER = "surfsense"


class Settlement:
    """Ledger and budget of one fleet. `price_micros` is what every attempt has reserved."""

    def __init__(self, budget: Budget, ledger: Ledger, *, price_micros: int, protocol: str) -> None:
        self._budget = budget
        self._ledger = ledger
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

    async def settle(self, page: Page, record: PurchaseRecord) -> bool:
        """Enter *record* into the ledger and *page*'s answer into the archive, then pay for it.

        What fails is to be repeated.

        Returns:
            Whether the ledger did not know it.
        """
        is_new = await self._ledger.settle(record, page.answer)
        if not is_new and not await self._ledger.has(record.purchase_id):
            # Another purchase has its run, and pays for it.
            log.warning("purchase.run_of_another", company_key=record.company_key)
            await self.release(page)
            return False
        await self._budget.settle(
            page.ledger_id,
            self._price_micros,
            record.cost_micros,
            page.accounts,
            is_new=is_new,
        )
        return is_new

    async def charge_estimate(self, page: Page, outcome: PurchaseOutcome) -> bool:
        """Settle *page*'s attempt at the worst case, since the seller has not named its price."""
        record = self.record(page, outcome, self._price_micros, estimated=True)
        return await self.settle(page, record)

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

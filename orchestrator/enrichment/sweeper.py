"""Finishes purchases that nobody asks for any more: their leaders died, or could not settle.

Runs in every worker, harmless in any number: the ledger counts a purchase once, and what is
collected is collected under the memo's lease.
"""

import asyncio
from datetime import timedelta

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.enrichment.journal import Page, Step, first_step
from orchestrator.enrichment.purchase import NothingOrdered, Purchaser
from orchestrator.enrichment.settlement import Settlement
from orchestrator.memo import LeftNote, Memo, MemoError, NotShared, StoreUnavailable
from orchestrator.spend import PurchaseOutcome
from orchestrator.surfsense import EnrichmentError

log = structlog.get_logger(__name__)

#: Notes that one look takes up.
BATCH = 100
#: When a note is looked at again that is still there.
LOOK_AGAIN = timedelta(minutes=1)


class Sweeper:
    """Looks every *period* for pages of the journal that are older than *patience*."""

    def __init__(
        self,
        memo: Memo,
        purchaser: Purchaser,
        settlement: Settlement,
        *,
        gives_run_ids: bool,
        patience: timedelta = timedelta(seconds=30),
        period: timedelta = timedelta(seconds=5),
        look_again: timedelta = LOOK_AGAIN,
    ) -> None:
        self._memo = memo
        self._purchaser = purchaser
        self._settlement = settlement
        self._gives_run_ids = gives_run_ids
        self._patience = patience
        self._period = period
        self._look_again = look_again

    async def run(self) -> None:
        """Sweep until cancelled; servers that are away are waited out."""
        while True:
            try:
                await self.sweep()
            except (StoreUnavailable, DatabaseUnavailable) as away:
                log.warning("sweeper.postponed", error=str(away))
            await asyncio.sleep(self._period.total_seconds())

    async def sweep(self) -> int:
        """Finish every purchase that was left behind; return how many were looked at."""
        left = await self._memo.notes.left(for_at_least=self._patience, limit=BATCH)
        for note in left:
            # First, so that one that cannot be finished does not keep others waiting.
            await self._memo.notes.look_again(note, after=self._look_again)
            if not note.led:
                await self._try_to_finish(note)
        return len(left)

    async def _try_to_finish(self, left: LeftNote) -> None:
        try:
            await self._finish(left)
        except NothingOrdered:
            await self._memo.notes.discard(left)
        except (StoreUnavailable, DatabaseUnavailable):
            raise
        except (EnrichmentError, MemoError, NotShared) as failed:
            log.warning("purchase.not_swept", key=left.key, error=str(failed))
        except Exception:
            log.exception("purchase.not_swept", key=left.key)

    async def _finish(self, left: LeftNote) -> None:
        page = Page.from_note(left.note)
        match first_step(page, gives_run_ids=self._gives_run_ids):
            case Step.SETTLE if page.record is not None:
                await self._settlement.settle(page, page.record)
                await self._memo.notes.discard(left)
            case Step.WRITE_OFF:
                # Its note stays: the next purchase repeats its Idempotency-Key.
                await self._settlement.charge_estimate(page, PurchaseOutcome.LOST)
                await self._memo.notes.look_again(left, after=timedelta(days=2))
            case _:
                await self._memo.get(left.key, self._purchaser.finish)
        log.info("purchase.swept", company_key=page.order.company_key, stage=page.stage.value)

"""Finishes purchases that no caller asks about: their leaders crashed, or could not settle.

The sweeper runs in every worker, harmless in any number: the ledger counts a purchase once, and an
answer is collected under the memo's lease.
"""

from datetime import timedelta
from typing import Final

import structlog

from orchestrator.database import DatabaseUnavailable
from orchestrator.database.schema import PurchaseOutcome
from orchestrator.infra.background import Loop
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import Flight, LeftRecord, Loaded, Memo, MemoError, NotShared, Source
from orchestrator.purchasing.intents import PurchaseRecord, PurchaseRequest, Stage
from orchestrator.purchasing.orphans import OrphanedRuns, next_look
from orchestrator.purchasing.purchase import NothingToCollect, Purchaser
from orchestrator.surfsense import AnswerLost, EnrichmentError, MalformedAnswer

log = structlog.get_logger(__name__)

#: Purchase records, and orphaned runs, of one round.
BATCH: Final = 100
#: When a record is looked at again that is still there.
LOOK_AGAIN: Final = timedelta(minutes=1)


class Sweeper:
    """Looks every *period* for purchase records that are older than *patience*."""

    def __init__(
        self,
        memo: Memo,
        purchaser: Purchaser,
        orphans: OrphanedRuns,
        *,
        clock: Clock = utc_now,
        patience: timedelta = timedelta(seconds=30),
        period: timedelta = timedelta(seconds=5),
        look_again: timedelta = LOOK_AGAIN,
    ) -> None:
        self._memo = memo
        self._purchaser = purchaser
        self._orphans = orphans
        self._clock = clock
        self._patience = patience
        self._period = period
        self._look_again = look_again

    @property
    def loop(self) -> Loop:
        """The loop that every worker runs."""
        return Loop("sweeper", self._round, self._period)

    async def _round(self) -> None:
        try:
            await self.sweep()
        finally:
            await self.recheck()  # whatever keeps the records from being swept

    async def sweep(self) -> int:
        """Finish every purchase that was left behind; return how many were looked at."""
        left = await self._memo.records.older_than(age=self._patience, limit=BATCH)
        for each in left:
            # First, so that one that cannot be finished does not keep others waiting.
            await self._memo.records.look_again(each, after=self._look_again)
            if each.leader is None or await self._memo.end_if_gone(each.key, each.leader):
                await self._try_to_finish(each)
        return len(left)

    async def recheck(self) -> int:
        """Look at orphaned runs that are due; return how many were looked at."""
        due = await self._orphans.list_due(BATCH)
        for record in due:
            company_key = record.request.company_key
            pause = next_look(self._clock() - record.started_at)
            # First, as above.
            await self._orphans.look_again(record, after=pause or self._look_again)
            try:
                await self._recheck(record, is_last=pause is None)
            except (StoreUnavailable, DatabaseUnavailable):
                raise
            except EnrichmentError as failed:
                log.warning("stray.postponed", company_key=company_key, error=str(failed))
            except Exception:
                log.exception("stray.not_settled", company_key=company_key)
        return len(due)

    async def _recheck(self, record: PurchaseRecord, *, is_last: bool) -> None:
        if await self.settle_orphan(record):
            if await self._offer(record.request):
                await self._orphans.drop(record)
        elif is_last:
            log.info("stray.never_charged", company_key=record.request.company_key)
            await self._orphans.drop(record)

    async def settle_orphan(self, record: PurchaseRecord) -> bool:
        """Enter what an orphaned run has cost; return whether it has been charged by now."""
        if record.run_id in await self._purchaser.settled_runs_of_others(record):
            return True  # another leader has found and collected it since
        try:
            answer = await self._purchaser.look(record)
        except MalformedAnswer as error:
            await self._purchaser.books.charge(record, PurchaseOutcome.FAILED, error.cost_micros)
            return True
        if answer is None:
            return False
        settle = self._purchaser.books.loaded(record, answer, Source.ADOPTED).settle
        if settle is not None:
            await settle()
        return True

    async def _offer(self, request: PurchaseRequest) -> bool:
        """Store the answer of an orphaned run where it is wanted; False if that is unknown now."""

        async def load(flight: Flight) -> Loaded:
            # Another purchase has left its record: that one comes first.
            if flight.record is None:
                loaded = await self._purchaser.adopt_orphan(flight, request)
                if loaded is not None:
                    return loaded
            raise NothingToCollect

        try:
            await self._memo.get(request.entry_key, load, patience=self._period)
        except StoreUnavailable:
            raise
        except NotShared:
            return True
        except (EnrichmentError, MemoError):
            return False  # another flight is under way, or has just failed
        return True

    async def _try_to_finish(self, left: LeftRecord) -> None:
        try:
            await self._finish(left)
        except NothingToCollect:
            await self._memo.records.discard(left)
        except (StoreUnavailable, DatabaseUnavailable):
            raise
        except (EnrichmentError, MemoError, NotShared) as failed:
            log.warning("purchase.not_swept", key=left.key, error=str(failed))
        except Exception:
            log.exception("purchase.not_swept", key=left.key)

    async def _finish(self, left: LeftRecord) -> None:
        record = PurchaseRecord.from_json(left.record)
        if record.stage is Stage.BOUGHT and record.ledger_entry is not None:
            await self._purchaser.books.settle(record)
            await self._memo.records.discard(left)
        else:
            try:
                await self._memo.get(left.key, self._purchaser.finish)
            except (AnswerLost, MalformedAnswer):
                # It is entered, and lookups get this; unless its run may still be collected.
                if record.stage is Stage.LOST:
                    return
                if record.has_run_id:
                    raise
        log.info("purchase.swept", company_key=record.request.company_key, stage=record.stage.value)

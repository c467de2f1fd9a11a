"""Finishes purchases that nobody asks for any more: their leaders died, or could not settle.

Runs in every worker, harmless in any number: the ledger counts a purchase once, and what is
collected is collected under the memo's lease.
"""

import contextlib
from datetime import timedelta
from time import time_ns

import structlog

from orchestrator.cache.keys import entry_key
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.background import Loop
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.memo import Flight, LeftRecord, Loaded, Memo, MemoError, NotShared
from orchestrator.purchasing.journal import Page, Step, first_step
from orchestrator.purchasing.purchase import NothingOrdered, Purchaser
from orchestrator.purchasing.settlement import Settlement
from orchestrator.purchasing.strays import Strays, next_look
from orchestrator.surfsense import AnswerLost, EnrichmentError, MalformedAnswer

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
        strays: Strays,
        *,
        gives_run_ids: bool,
        patience: timedelta = timedelta(seconds=30),
        period: timedelta = timedelta(seconds=5),
        look_again: timedelta = LOOK_AGAIN,
    ) -> None:
        self._memo = memo
        self._purchaser = purchaser
        self._settlement = settlement
        self._strays = strays
        self._gives_run_ids = gives_run_ids
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
            await self.recheck()  # whatever keeps the others from being swept

    async def sweep(self) -> int:
        """Finish every purchase that was left behind; return how many were looked at."""
        left = await self._memo.records.left(for_at_least=self._patience, limit=BATCH)
        for note in left:
            # First, so that one that cannot be finished does not keep others waiting.
            await self._memo.records.look_again(note, after=self._look_again)
            if note.leader is None or await self._memo.end_if_gone(note.key, note.leader):
                await self._try_to_finish(note)
        return len(left)

    async def recheck(self) -> int:
        """Look at strays that are due; return how many were looked at."""
        due = await self._strays.due(BATCH)
        for page in due:
            pause = next_look(timedelta(milliseconds=_now_ms() - page.started_at_ms))
            # First, as above.
            await self._strays.look_again(page, after=pause or self._look_again)
            try:
                await self._recheck(page, is_last=pause is None)
            except (StoreUnavailable, DatabaseUnavailable):
                raise
            except EnrichmentError as failed:
                log.warning(
                    "stray.postponed", company_key=page.order.company_key, error=str(failed)
                )
            except Exception:
                log.exception("stray.not_settled", company_key=page.order.company_key)
        return len(due)

    async def _recheck(self, page: Page, *, is_last: bool) -> None:
        if await self._purchaser.settle_stray(page):
            if await self._offer(page):
                await self._strays.drop(page)
        elif is_last:
            log.info("stray.never_charged", company_key=page.order.company_key)
            await self._strays.drop(page)

    async def _offer(self, page: Page) -> bool:
        """Store what a stray has brought where it is wanted; False if that cannot be told now."""
        company_key = page.order.company_key

        async def load(flight: Flight) -> Loaded:
            return await self._purchaser.finish_stray(flight, company_key)

        try:
            await self._memo.get(entry_key(company_key), load, patience=self._period)
        except StoreUnavailable:
            raise
        except NotShared:
            return True
        except (EnrichmentError, MemoError):
            return False  # somebody is at work on it, or has just failed
        return True

    async def _try_to_finish(self, left: LeftRecord) -> None:
        try:
            await self._finish(left)
        except NothingOrdered:
            await self._memo.records.discard(left)
        except (StoreUnavailable, DatabaseUnavailable):
            raise
        except (EnrichmentError, MemoError, NotShared) as failed:
            log.warning("purchase.not_swept", key=left.key, error=str(failed))
        except Exception:
            log.exception("purchase.not_swept", key=left.key)

    async def _finish(self, left: LeftRecord) -> None:
        page = Page.from_note(left.record)
        match first_step(page, gives_run_ids=self._gives_run_ids):
            case Step.SETTLE if page.record is not None:
                await self._settlement.settle(page, page.record)
                await self._memo.records.discard(left)
            case Step.WAIT:
                # Its failure is what lookups are told; here it only counts whether that is over.
                with contextlib.suppress(AnswerLost, MalformedAnswer):
                    await self._memo.get(left.key, self._purchaser.finish)
                return
            case Step.WRITE_OFF:
                with contextlib.suppress(AnswerLost):
                    await self._memo.get(left.key, self._purchaser.finish)
            case _:
                await self._memo.get(left.key, self._purchaser.finish)
        log.info("purchase.swept", company_key=page.order.company_key, stage=page.stage.value)


def _now_ms() -> int:
    return time_ns() // 1_000_000

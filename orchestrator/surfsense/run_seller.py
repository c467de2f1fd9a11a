"""Buys by the `workspace` protocol: a run is started, written down above, and collected."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

import structlog

from orchestrator.surfsense.errors import (
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    RunUnknown,
    TransientEnrichmentError,
)
from orchestrator.surfsense.exchange import Sleep
from orchestrator.surfsense.polling import Rhythm
from orchestrator.surfsense.run_finder import RunFinder
from orchestrator.surfsense.run_verdict import verdict_on_run
from orchestrator.surfsense.run_wire import Run, RunStatus
from orchestrator.surfsense.search import is_searchable
from orchestrator.surfsense.seller import Accepted
from orchestrator.surfsense.verdict import Answer
from orchestrator.surfsense.workspace_api import WorkspaceApi

log = structlog.get_logger(__name__)

#: SurfSense's price of one page of search results, in micro-USD: all that a purchase buys.
SEARCH_PAGE_MICROS = 5_500


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what.

    `accept` bounds the POST, which only starts the work; `answer` one wait for a run, and one
    look through the list of runs; `interrupted` is the grace for a run that a restart ended.
    """

    accept: timedelta = timedelta(seconds=30)
    answer: timedelta = timedelta(seconds=240)
    interrupted: timedelta = timedelta(seconds=30)
    rhythm: Rhythm = field(default_factory=Rhythm)


class RunSeller:
    """A `Seller` with run ids. Waiting holds no thread and, between looks, no connection."""

    protocol: ClassVar[str] = "workspace"
    gives_run_ids: ClassVar[bool] = True

    def __init__(
        self,
        api: WorkspaceApi,
        *,
        price_micros: int = SEARCH_PAGE_MICROS,
        patience: Patience | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.price_micros = price_micros
        self._api = api
        self._patience = patience or Patience()
        self._sleep = sleep
        self._finder = RunFinder(
            api, rhythm=self._patience.rhythm, within=self._patience.answer, sleep=sleep
        )

    @property
    def answers_within(self) -> timedelta:
        """How long starting a run may take."""
        return self._patience.accept

    async def submit(self, company: str, *, purchase_id: str) -> Accepted:
        """Start a run about *company*; *purchase_id* travels as `X-Request-ID`.

        Raises:
            AnswerLost: The run may have been started; `find` tells.
            EnrichmentError: Nothing was started.
        """
        if not is_searchable(company):
            raise RequestRejected(company, 422, "the name has nothing to search for")
        within = self._patience.accept
        return Accepted(
            await self._api.start_search(company, request_id=purchase_id, within=within)
        )

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Return the answer of a run once it has ended; see `Seller.collect`."""
        run = await self._watch(run_id, company, _has_ended, self._patience.answer)
        if run is not None and run.is_interrupted:
            grace = self._patience.interrupted
            run = await self._watch(run_id, company, _has_really_ended, grace) or run
        if run is None or run.status is RunStatus.RUNNING:
            raise AnswerLost(company, f"{run_id} has not ended, as far as can be seen")
        return verdict_on_run(run, company=company, price_micros=self.price_micros)

    async def look(self, run_id: str, *, company: str) -> Answer | None:
        """Return the answer of a run if it has one by now; see `Seller.look`."""
        try:
            run = await self._look(run_id, company)
        except RunUnknown:
            return None
        if run is None or run.status is not RunStatus.SUCCESS:
            return None
        return verdict_on_run(run, company=company, price_micros=self.price_micros)

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str] = ()
    ) -> str | None:
        """Return the run that *company* was submitted in; see `Seller.find`."""
        return await self._finder.find(company, submitted_after=submitted_after, exclude=exclude)

    async def cancel(self, run_id: str) -> bool:
        """Stop a run. True means that it was stopped and is not charged; False, that it may be."""
        try:
            return await self._api.cancel(run_id)
        except EnrichmentError as error:
            log.info("run.not_cancelled", run_id=run_id, reason=error.code)
            return False

    async def _watch(
        self, run_id: str, company: str, is_over: Callable[[Run], bool], within: timedelta
    ) -> Run | None:
        """Look at a run until *is_over*; return it as it was last seen, None if it never was."""
        seen: Run | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                for pause in self._patience.rhythm.pauses(within):
                    await self._sleep(pause)
                    seen = await self._look(run_id, company) or seen
                    if seen is not None and is_over(seen):
                        break
        return seen

    async def _look(self, run_id: str, company: str) -> Run | None:
        """Return the run, or None if it cannot be seen for now: looking again is free."""
        try:
            return await self._api.run(run_id, company=company)
        except RunUnknown:
            raise
        except (TransientEnrichmentError, MalformedAnswer):
            return None


def _has_ended(run: Run) -> bool:
    return run.status is not RunStatus.RUNNING


def _has_really_ended(run: Run) -> bool:
    return _has_ended(run) and not run.is_interrupted

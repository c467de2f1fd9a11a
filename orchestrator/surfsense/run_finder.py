"""Finds the run of a purchase whose POST was sent, but whose run id nobody knows.

SurfSense has no idempotency, but it lists its runs. The list tells when each was created, not
what was asked, so the runs of the right time are looked at one by one, the likeliest first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from orchestrator.surfsense.errors import (
    MalformedAnswer,
    RunUnknown,
    ServiceUnavailable,
    TransientEnrichmentError,
)
from orchestrator.surfsense.exchange import Sleep
from orchestrator.surfsense.polling import Rhythm
from orchestrator.surfsense.run_wire import RunRow
from orchestrator.surfsense.search import is_search_for
from orchestrator.surfsense.workspace_api import PAGE, WorkspaceApi

T = TypeVar("T")

#: How far SurfSense's clock may be behind or ahead of ours.
CLOCK_SKEW = timedelta(seconds=60)
#: Pages of the list that are read at most: 10,000 runs, over an hour of a workspace's limit.
MOST_PAGES = 100
#: Runs that are looked at side by side.
ABREAST = 20
#: Requests that are remembered, since a run's request never changes.
MEMORY = 10_000


class RunFinder:
    """Looks through the searches of a workspace; remembers what each one asked for."""

    def __init__(
        self, api: WorkspaceApi, *, rhythm: Rhythm, within: timedelta, sleep: Sleep
    ) -> None:
        self._api = api
        self._rhythm = rhythm
        self._within = within
        self._sleep = sleep
        self._requests: dict[str, dict[str, Any] | None] = {}
        # Of runs that somebody asks about now.
        self._asking = WeakValueDictionary[str, asyncio.Lock]()

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str]
    ) -> str | None:
        """Return the run that *company* was submitted in; see `Seller.find`."""
        try:
            async with asyncio.timeout(self._within.total_seconds()):
                rows = await self._rows(company, submitted_after - CLOCK_SKEW)
                candidates = [row for row in rows if row.may_be_charged and row.id not in exclude]
                # A run is created right after its POST was sent.
                candidates.sort(key=lambda row: abs(row.created_at - submitted_after))
                return await self._first_for(company, [row.id for row in candidates])
        except TimeoutError as error:
            cause = f"its runs could not be looked through within {self._within}"
            raise ServiceUnavailable(company, cause) from error

    async def _rows(self, company: str, since: datetime) -> list[RunRow]:
        """Return the searches that were created *since* then; a new one may come up twice."""
        rows: list[RunRow] = []
        for number in range(MOST_PAGES):
            page = await self._patiently(company, self._page(number * PAGE, company))
            rows += [row for row in page if row.created_at >= since]
            if len(page) < PAGE or page[-1].created_at < since:
                return rows
        # "None was found" would be a guess, and the guess would be paid for.
        cause = f"more than {MOST_PAGES * PAGE} runs since {since:%Y-%m-%d %H:%M} UTC"
        raise ServiceUnavailable(company, cause)

    async def _first_for(self, company: str, run_ids: list[str]) -> str | None:
        for start in range(0, len(run_ids), ABREAST):
            abreast = run_ids[start : start + ABREAST]
            requests = await asyncio.gather(*(self._request_of(id_, company) for id_ in abreast))
            for run_id, request in zip(abreast, requests, strict=True):
                if is_search_for(company, request):
                    return run_id
        return None

    async def _request_of(self, run_id: str, company: str) -> dict[str, Any] | None:
        # After a crash hundreds look for their runs in the same list: one of them asks.
        async with self._asking.setdefault(run_id, asyncio.Lock()):
            if run_id in self._requests:
                return self._requests[run_id]
            try:
                run = await self._patiently(company, lambda: self._api.run(run_id, company=company))
            except RunUnknown:  # removed since it was listed
                return None
            self._requests[run_id] = run.input
            if len(self._requests) > MEMORY:
                del self._requests[next(iter(self._requests))]
            return run.input

    def _page(self, offset: int, company: str) -> Callable[[], Awaitable[list[RunRow]]]:
        return lambda: self._api.searches(offset=offset, company=company)

    async def _patiently(self, company: str, look: Callable[[], Awaitable[T]]) -> T:
        """Return what *look* sees; looking is free, so it is repeated while SurfSense is unwell."""
        for pause in self._rhythm.pauses(self._within):
            try:
                return await look()
            except RunUnknown:
                raise
            except (TransientEnrichmentError, MalformedAnswer):
                await self._sleep(pause)
        raise ServiceUnavailable(company, "its runs cannot be listed")

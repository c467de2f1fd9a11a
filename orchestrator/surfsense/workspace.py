"""Buys by the `workspace` protocol: a run is started, written down above, polled and collected.

`WorkspaceApi` is SurfSense's API as far as a purchase needs it, `RunFinder` finds the run of a
purchase whose run id was lost, `WorkspaceSeller` is the port.
"""

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
)
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Protocol, TypeVar
from weakref import WeakValueDictionary

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError

from orchestrator.evidence.model import Step
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.surfsense.account import API_PREFIX, FindWorkspace
from orchestrator.surfsense.capabilities import LIST_PRICES, StepPrice, cost_of
from orchestrator.surfsense.errors import (
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    RunUnknown,
    ServiceUnavailable,
    TransientEnrichmentError,
)
from orchestrator.surfsense.http import Http, Reply, Sleep
from orchestrator.surfsense.runs import (
    RUN,
    RUN_LIST,
    LookTimes,
    Run,
    RunRow,
    RunStatus,
    Started,
    verdict_on_run,
)
from orchestrator.surfsense.seller import Accepted, Answer, failure_on
from orchestrator.surfsense.verbs import (
    CAPABILITY,
    SEARCH_PAGE_MICROS,
    VERBS,
    answer_of,
    is_request,
    is_search_for,
    is_searchable,
    payload_from,
    search_request,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Most rows that one page of the list of runs may have.
PAGE = 100
#: How long a request may take that starts no work and can be repeated for free.
LOOK_WITHIN = timedelta(seconds=10)
_WRONG_URL = "there is no workspace API at SURFSENSE_URL; is it the origin of the service?"

#: A pause between two looks is this share of the time already waited, so that the end of a run is
#: seen soon in proportion to how long the run took. SurfSense counts requests per address.
POLL_SHARE = 0.5

#: How far SurfSense's clock may be behind or ahead of ours.
CLOCK_SKEW = timedelta(seconds=60)
#: Pages of the list that are read at most: 10,000 runs, over an hour of a workspace's limit.
MOST_PAGES = 100
#: Runs whose requests one search reads concurrently.
ABREAST = 20
#: Requests of all searches at once, each of which takes a connection: after a crash there is a
#: search for every purchase.
MOST_READS = 100
#: Requests of runs that are remembered; a run's request never changes.
MEMORY = 10_000


@dataclass(frozen=True, slots=True)
class RunTimeouts:
    """How long to wait for what.

    Attributes:
        accept: Bound of the POST, which only starts the work.
        answer: Bound of one wait for a run, and of one search through the list of runs.
        interrupted: Grace for a run that a restart ended.
        poll_first: Pause before the first look at a run, which takes seconds.
        poll_longest: Longest pause between two looks; an answer is used up to this much late.
    """

    accept: timedelta = timedelta(seconds=30)
    answer: timedelta = timedelta(seconds=240)
    interrupted: timedelta = timedelta(seconds=30)
    poll_first: timedelta = timedelta(seconds=0.2)
    poll_longest: timedelta = timedelta(seconds=5)

    def pauses(self, within: timedelta) -> Iterator[float]:
        """Yield the seconds to wait before each look; they add up to *within*, exactly.

        >>> timeouts = RunTimeouts(
        ...     poll_first=timedelta(seconds=1), poll_longest=timedelta(seconds=3)
        ... )
        >>> list(timeouts.pauses(timedelta(seconds=10)))
        [1.0, 1.0, 1.0, 1.5, 2.25, 3.0, 0.25]
        """
        waited, total = 0.0, within.total_seconds()
        while waited < total:
            wanted = max(self.poll_first.total_seconds(), waited * POLL_SHARE)
            pause = min(wanted, self.poll_longest.total_seconds(), total - waited)
            yield pause
            waited += pause


class WorkspaceApi:
    """The runs of one workspace. Its methods raise `EnrichmentError` and nothing else.

    `workspace_id` is a number, or what finds it for the company that an error names, as
    `SurfSenseAccount.workspace_id` does; it is asked before each request.
    """

    def __init__(
        self, http: Http, *, workspace_id: str | FindWorkspace, clock: Clock = utc_now
    ) -> None:
        self._workspace_id = workspace_id
        self._http = http.without_suffix(API_PREFIX)
        self._clock = clock

    async def start(
        self,
        capability: str,
        request: dict[str, Any],
        *,
        company: str,
        request_id: str,
        within: timedelta,
    ) -> str:
        """Start a run of a verb, which will be charged, and return its id.

        Args:
            capability: The verb, as `google_search.scrape`.
            request: Body of the POST.
            company: The name that errors carry.
            request_id: Sent as `Idempotency-Key` and `X-Request-ID`.
            within: How long the POST may take.

        Raises:
            AnswerLost: It may have been started: its answer did not come or cannot be read.
            EnrichmentError: It was not started.
        """
        path = await self._path(f"/{capability.replace('.', '/')}?mode=async", company)
        try:
            reply = await self._http.send(
                "POST",
                path,
                company=company,
                within=within,
                body=orjson.dumps(request),
                request_id=request_id,
            )
            if reply.is_success:
                return Started.model_validate_json(reply.body).run_id
        except (MalformedAnswer, ValidationError) as error:
            raise AnswerLost(company, "it was accepted without a readable run id") from error
        raise self._failure(reply, company)

    async def run(self, run_id: str, *, company: str) -> Run:
        """Return the run of that id.

        Raises:
            RunUnknown: There is none.
        """
        reply = await self._get(f"/runs/{run_id}", company)
        if reply.status == HTTPStatus.NOT_FOUND and not _is_bare(reply):
            raise RunUnknown(company, run_id)
        return self._read(reply, RUN, company)

    async def events(self, run_id: str, company: str) -> AsyncGenerator[bytes]:
        """Return the event stream of the run, which counts towards no limit; to be closed."""
        return self._http.stream(await self._path(f"/runs/{run_id}/events", company))

    async def runs(self, capability: str, *, offset: int, company: str) -> list[RunRow]:
        """Return a page of this workspace's runs of a verb, newest first, *offset* rows on."""
        query = f"limit={PAGE}&offset={offset}&capability={capability}"
        return self._read(await self._get(f"/runs?{query}", company), RUN_LIST, company)

    async def cancel(self, run_id: str) -> bool:
        """Stop a run; True means that it was stopped in time."""
        path = await self._path(f"/runs/{run_id}/cancel", run_id)
        reply = await self._http.send("POST", path, company=run_id, within=LOOK_WITHIN)
        return reply.is_success

    async def _get(self, path: str, company: str) -> Reply:
        return await self._http.send(
            "GET", await self._path(path, company), company=company, within=LOOK_WITHIN
        )

    async def _path(self, path: str, company: str) -> str:
        found = self._workspace_id
        workspace_id = found if isinstance(found, str) else await found(company)
        return f"{API_PREFIX}/workspaces/{workspace_id}/scrapers{path}"

    def _read(self, reply: Reply, shape: TypeAdapter[T], company: str) -> T:
        if not reply.is_success:
            raise self._failure(reply, company)
        try:
            return shape.validate_json(reply.body)
        except ValidationError as error:
            raise MalformedAnswer(company, "what it says about its runs") from error

    def _failure(self, reply: Reply, company: str) -> EnrichmentError:
        status, headers = reply.status, reply.headers
        if status == HTTPStatus.NOT_FOUND and _is_bare(reply):
            return RequestRejected(company, status, _WRONG_URL)
        return failure_on(status, headers, reply.body, company=company, now=self._clock())


def _is_bare(reply: Reply) -> bool:
    """Return whether a 404 is about the path, which SurfSense answers without an `error` object."""
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return True
    return not (isinstance(body, dict) and "error" in body)


class Inquiry(Protocol):
    """What a run is asked, how it is recognized, and what its items say."""

    @property
    def capability(self) -> str:
        """The verb, as the list of runs has it."""

    def request_about(self, company: str) -> dict[str, Any]:
        """Return the body of the POST.

        Raises:
            RequestRejected: There is nothing to ask for.
        """

    def is_about(self, company: str, request: Mapping[str, Any] | None) -> bool:
        """Return whether a run with *request* is this inquiry's about *company*."""

    def answer_in(self, items: list[dict[str, Any]], company: str) -> dict[str, Any]:
        """Return what *items* say; empty for nothing."""


class CompanySearch:
    """One search for a company's name, as purchases without a step are made of."""

    capability = CAPABILITY

    def request_about(self, company: str) -> dict[str, Any]:
        """Return the search for *company*."""
        if not is_searchable(company):
            raise RequestRejected(company, 422, "the name has nothing to search for")
        return search_request(company)

    def is_about(self, company: str, request: Mapping[str, Any] | None) -> bool:
        """Return whether *request* searches for a name with the same company key."""
        return is_search_for(company, request)

    def answer_in(self, items: list[dict[str, Any]], company: str) -> dict[str, Any]:
        """Return what the hits say, in the form of `POST /enrich`."""
        return payload_from(items, company)


@dataclass(frozen=True, slots=True)
class StepInquiry:
    """One step about a company: *body* is its request, which identifies it."""

    step: Step
    body: Mapping[str, Any]

    @property
    def capability(self) -> str:
        """The verb of the step."""
        return VERBS[self.step].capability

    def request_about(self, company: str) -> dict[str, Any]:
        """Return the body; *company* stands in it."""
        del company
        return dict(self.body)

    def is_about(self, company: str, request: Mapping[str, Any] | None) -> bool:
        """Return whether *request* is the body."""
        del company
        return is_request(request, self.body)

    def answer_in(self, items: list[dict[str, Any]], company: str) -> dict[str, Any]:
        """Return what is kept of *items*."""
        del company
        return answer_of(self.step, items)


class RunFinder:
    """Finds the run of a purchase whose POST was sent, but whose run id is not known.

    SurfSense has no idempotency, but it lists its runs. The list has when each was created, not
    what was asked, so the runs of the right time are read one by one, the likeliest first.
    """

    def __init__(self, api: WorkspaceApi, *, timeouts: RunTimeouts, sleep: Sleep) -> None:
        self._api = api
        self._timeouts = timeouts
        self._sleep = sleep
        self._requests: dict[str, dict[str, Any] | None] = {}
        self._reads = asyncio.Semaphore(MOST_READS)
        # Of runs that are being read.
        self._locks = WeakValueDictionary[str, asyncio.Lock]()

    async def find(
        self, inquiry: Inquiry, company: str, submitted_after: datetime, exclude: Collection[str]
    ) -> str | None:
        """Return the run of *inquiry* that *company* was submitted in; see `Seller.find`."""
        within = self._timeouts.answer
        try:
            async with asyncio.timeout(within.total_seconds()):
                since = submitted_after - CLOCK_SKEW
                rows = await self._rows(inquiry.capability, company, since)
                candidates = [row for row in rows if row.may_be_charged and row.id not in exclude]
                # A run is created right after its POST was sent.
                candidates.sort(key=lambda row: abs(row.created_at - submitted_after))
                return await self._first_for(inquiry, company, [row.id for row in candidates])
        except TimeoutError as error:
            cause = f"its runs could not be looked through within {within}"
            raise ServiceUnavailable(company, cause) from error

    async def _rows(self, capability: str, company: str, since: datetime) -> list[RunRow]:
        """Return the runs that were created *since* then; a new one may come up twice."""
        rows: list[RunRow] = []
        for number in range(MOST_PAGES):
            page = await self._read(company, self._page(capability, number * PAGE, company))
            rows += [row for row in page if row.created_at >= since]
            if len(page) < PAGE or page[-1].created_at < since:
                return rows
        # "None was found" would be a guess, and the guess would be paid for.
        cause = f"more than {MOST_PAGES * PAGE} runs since {since:%Y-%m-%d %H:%M} UTC"
        raise ServiceUnavailable(company, cause)

    async def _first_for(self, inquiry: Inquiry, company: str, run_ids: list[str]) -> str | None:
        for start in range(0, len(run_ids), ABREAST):
            abreast = run_ids[start : start + ABREAST]
            requests = await asyncio.gather(*(self._request_of(id_, company) for id_ in abreast))
            for run_id, request in zip(abreast, requests, strict=True):
                if inquiry.is_about(company, request):
                    return run_id
        return None

    async def _request_of(self, run_id: str, company: str) -> dict[str, Any] | None:
        # After a crash hundreds of purchases look for their runs in one list: each is read once.
        async with self._locks.setdefault(run_id, asyncio.Lock()):
            if run_id in self._requests:
                return self._requests[run_id]
            try:
                run = await self._read(company, lambda: self._api.run(run_id, company=company))
            except RunUnknown:  # removed since it was listed
                return None
            self._requests[run_id] = run.input
            if len(self._requests) > MEMORY:
                del self._requests[next(iter(self._requests))]
            return run.input

    def _page(
        self, capability: str, offset: int, company: str
    ) -> Callable[[], Awaitable[list[RunRow]]]:
        return lambda: self._api.runs(capability, offset=offset, company=company)

    async def _read(self, company: str, look: Callable[[], Awaitable[T]]) -> T:
        """Return what *look* returns, repeated while SurfSense cannot be read: looks are free."""
        for pause in self._timeouts.pauses(self._timeouts.answer):
            try:
                async with self._reads:
                    return await look()
            except RunUnknown:
                raise
            except (TransientEnrichmentError, MalformedAnswer):
                await self._sleep(pause)
        raise ServiceUnavailable(company, "its runs cannot be listed")


class WorkspaceSeller:
    """A `Seller` with run ids. Waiting holds no thread, and a connection for few runs only.

    `prices` tells what a run of a step costs that does not say so.
    """

    protocol: ClassVar[str] = "workspace"
    gives_run_ids: ClassVar[bool] = True

    def __init__(
        self,
        api: WorkspaceApi,
        *,
        price_micros: int = SEARCH_PAGE_MICROS,
        prices: Callable[[], Mapping[Step, StepPrice]] = lambda: LIST_PRICES,
        timeouts: RunTimeouts | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.price_micros = price_micros
        self._prices = prices
        self._api = api
        self._timeouts = timeouts or RunTimeouts()
        self._finder = RunFinder(api, timeouts=self._timeouts, sleep=sleep)
        self._looks = LookTimes(sleep, api.events)
        self._inquiry: Inquiry = CompanySearch()

    def of_step(
        self, step: Step, body: Mapping[str, Any], price_micros: int | None
    ) -> "WorkspaceSeller":
        """Return the seller of one step; it shares what this one remembers of runs."""
        seller = copy(self)
        if price_micros is not None:
            seller.price_micros = price_micros
        seller._inquiry = StepInquiry(step, body)  # noqa: SLF001 - its own copy
        return seller

    @property
    def answers_within(self) -> timedelta:
        """How long starting a run may take."""
        return self._timeouts.accept

    async def submit(self, company: str, *, purchase_id: str) -> Accepted:
        """Start a run about *company*; *purchase_id* travels as `X-Request-ID`.

        Raises:
            AnswerLost: The run may have been started; `find` tells.
            EnrichmentError: Nothing was started.
        """
        run_id = await self._api.start(
            self._inquiry.capability,
            self._inquiry.request_about(company),
            company=company,
            request_id=purchase_id,
            within=self._timeouts.accept,
        )
        return Accepted(run_id)

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Return the answer of a run once it has ended; see `Seller.collect`."""
        run = await self._poll(
            run_id, company, lambda run: not run.is_running, self._timeouts.answer
        )
        if run is not None and run.is_interrupted:
            run = (
                await self._poll(
                    run_id,
                    company,
                    lambda run: not (run.is_running or run.is_interrupted),
                    self._timeouts.interrupted,
                )
                or run
            )
        if run is None or run.is_running:
            raise AnswerLost(company, f"{run_id} has not ended, as far as can be seen")
        return self._verdict_on(run, company)

    async def look(self, run_id: str, *, company: str) -> Answer | None:
        """Return the answer of a run if it has one by now; see `Seller.look`."""
        try:
            run = await self._look(run_id, company)
        except RunUnknown:
            return None
        if run is None or run.status is not RunStatus.SUCCESS:
            return None
        return self._verdict_on(run, company)

    async def find(
        self, company: str, *, submitted_after: datetime, exclude: Collection[str] = ()
    ) -> str | None:
        """Return the run that *company* was submitted in; see `Seller.find`."""
        return await self._finder.find(self._inquiry, company, submitted_after, exclude)

    async def cancel(self, run_id: str) -> bool:
        """Stop a run. True means that it was stopped and is not charged; False, that it may be."""
        try:
            return await self._api.cancel(run_id)
        except EnrichmentError as error:
            log.info("run.not_cancelled", run_id=run_id, reason=error.code)
            return False

    def _verdict_on(self, run: Run, company: str) -> Answer:
        return verdict_on_run(run, self._inquiry.answer_in, company=company, cost_of=self._cost_of)

    def _cost_of(self, items: list[dict[str, Any]]) -> int:
        if isinstance(self._inquiry, StepInquiry):
            return cost_of(self._inquiry.step, items, self._prices())
        return self.price_micros

    async def _poll(
        self, run_id: str, company: str, is_over: Callable[[Run], bool], within: timedelta
    ) -> Run | None:
        """Look at a run until *is_over*; return it as last seen, None if it was never seen."""
        seen: Run | None = None
        times = self._looks.times(self._timeouts.pauses(within), run_id, company)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()), contextlib.aclosing(times):
                async for _ in times:
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

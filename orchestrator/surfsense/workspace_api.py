"""SurfSense's workspace API over HTTP, as far as a purchase with a run id needs it."""

import asyncio
from datetime import timedelta
from typing import TypeVar

import httpx
import orjson
from pydantic import TypeAdapter, ValidationError

from orchestrator.infra.clock import Clock, utc_now
from orchestrator.surfsense.errors import (
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    RunUnknown,
)
from orchestrator.surfsense.exchange import Sleep, connected, exchange
from orchestrator.surfsense.run_wire import RUN_LIST, Run, RunRow, Started
from orchestrator.surfsense.search import CAPABILITY, VERB_PATH, search_request
from orchestrator.surfsense.verdict import failure_on

T = TypeVar("T")

_PREFIX = "/api/v1"
#: Most rows that one page of the list of runs may have.
PAGE = 100
#: How long a door may take that starts no work in the request, and is free to ask again.
LOOK_PATIENCE = timedelta(seconds=10)

_RUN: TypeAdapter[Run] = TypeAdapter(Run)
_WRONG_URL = "there is no workspace API at SURFSENSE_URL; is it the origin of the service?"


class WorkspaceApi:
    """The runs of one workspace. Its methods raise `EnrichmentError` and nothing else."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        workspace_id: str,
        clock: Clock = utc_now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        origin = base_url.rstrip("/").removesuffix(_PREFIX)
        self._scrapers = f"{origin}{_PREFIX}/workspaces/{workspace_id}/scrapers"
        self._http = http
        self._clock = clock
        self._sleep = sleep

    async def start_search(self, company: str, *, request_id: str, within: timedelta) -> str:
        """Start a search for *company*, which will be charged, and return its run id.

        Raises:
            AnswerLost: It may have been started: its answer did not come or cannot be read.
            EnrichmentError: It was not started.
        """
        request = connected(lambda: self._post_search(company, request_id), sleep=self._sleep)
        try:
            response = await exchange(request, company=company, within=within)
            if response.is_success:
                return Started.model_validate_json(response.content).run_id
        except (MalformedAnswer, ValidationError) as error:
            raise AnswerLost(company, "it was accepted without a readable run id") from error
        raise self._failure(response, company)

    async def run(self, run_id: str, *, company: str) -> Run:
        """Return the run of that id.

        Raises:
            RunUnknown: There is none.
        """
        response = await self._get(f"/runs/{run_id}", company)
        if response.status_code == httpx.codes.NOT_FOUND and not _is_bare(response):
            raise RunUnknown(company, run_id)
        return self._read(response, _RUN, company)

    async def searches(self, *, offset: int, company: str) -> list[RunRow]:
        """Return a page of the searches in this workspace, newest first, *offset* rows on."""
        query = f"limit={PAGE}&offset={offset}&capability={CAPABILITY}"
        response = await self._get(f"/runs?{query}", company)
        return self._read(response, RUN_LIST, company)

    async def cancel(self, run_id: str) -> bool:
        """Stop a run; True means that it was stopped in time."""
        url = f"{self._scrapers}/runs/{run_id}/cancel"
        request = connected(lambda: self._http.post(url), sleep=self._sleep)
        response = await exchange(request, company=run_id, within=LOOK_PATIENCE)
        return response.is_success

    async def _post_search(self, company: str, request_id: str) -> httpx.Response:
        return await self._http.post(
            f"{self._scrapers}/{VERB_PATH}",
            params={"mode": "async"},
            content=orjson.dumps(search_request(company)),
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": request_id,
                "X-Request-ID": request_id,
            },
        )

    async def _get(self, path: str, company: str) -> httpx.Response:
        request = self._http.get(f"{self._scrapers}{path}")
        return await exchange(request, company=company, within=LOOK_PATIENCE)

    def _read(self, response: httpx.Response, shape: TypeAdapter[T], company: str) -> T:
        if not response.is_success:
            raise self._failure(response, company)
        try:
            return shape.validate_json(response.content)
        except ValidationError as error:
            raise MalformedAnswer(company, "what it says about its runs") from error

    def _failure(self, response: httpx.Response, company: str) -> EnrichmentError:
        status, headers = response.status_code, response.headers
        if status == httpx.codes.NOT_FOUND and _is_bare(response):
            return RequestRejected(company, status, _WRONG_URL)
        return failure_on(status, headers, response.content, company=company, now=self._clock())


def _is_bare(response: httpx.Response) -> bool:
    """Say whether a 404 is about the path, which SurfSense answers without an `error` object."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return True
    return not (isinstance(body, dict) and "error" in body)

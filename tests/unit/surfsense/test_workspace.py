"""The workspace API over HTTP: what is sent, and what odd answers become."""

from collections.abc import Callable
from datetime import timedelta

import aiohttp
import httpx
import orjson
import pytest
import respx

from orchestrator.surfsense import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    Http,
    MalformedAnswer,
    RequestRejected,
    RunUnknown,
    ServiceUnavailable,
    WorkspaceApi,
)
from orchestrator.surfsense.verbs import CAPABILITY, search_request
from tests.support.over_httpx import OverHttpx
from tests.unit.surfsense.test_enrich import Failing, RecordedSleep

SCRAPERS = "https://surfsense.example/api/v1/workspaces/7/scrapers"
SOON = timedelta(seconds=5)
ROW = {"id": "run_1", "status": "success", "created_at": "2026-11-23T12:00:00Z"}


def api_over(
    transport: httpx.AsyncBaseTransport, base_url: str = "https://surfsense.example"
) -> WorkspaceApi:
    """Return an API whose requests go to *transport*."""
    return WorkspaceApi(
        Http(base_url, OverHttpx(transport), sleep=RecordedSleep()), workspace_id="7"
    )


def answering(status: int, body: object) -> WorkspaceApi:
    """Return an API that always gets this answer."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return api_over(httpx.MockTransport(lambda _: httpx.Response(status, content=content)))


async def start(api: WorkspaceApi) -> str:
    """Start a search for Acme."""
    return await api.start(
        CAPABILITY, search_request("Acme"), company="Acme", request_id="p-1", within=SOON
    )


@pytest.mark.parametrize(
    "base_url", ["https://surfsense.example", "https://surfsense.example/api/v1/"]
)
async def test_a_search_sends_the_documented_request(base_url: str) -> None:
    """To the same address, whether or not the base has the prefix; with an id for the log."""
    router = respx.Router()
    route = router.post(f"{SCRAPERS}/google_search/scrape", params={"mode": "async"})
    route.respond(202, json={"run_id": "run_1", "status": "running"})

    run_id = await start(api_over(httpx.MockTransport(router.async_handler), base_url))

    request = route.calls.last.request
    assert run_id == "run_1"
    assert orjson.loads(request.content) == {"queries": ['"Acme"'], "max_pages_per_query": 1}
    assert request.headers["X-Request-ID"] == request.headers["Idempotency-Key"] == "p-1"
    router.assert_all_called()


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"run_id": None}, {"run_id": "../x"}])
async def test_an_acceptance_without_a_run_id_is_lost(body: object) -> None:
    """It was accepted, so it has to be found, not repeated."""
    with pytest.raises(AnswerLost, match="run id"):
        await start(answering(202, body))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDenied),
        (402, AccessDenied),
        (403, AccessDenied),
        (422, RequestRejected),
        (404, RequestRejected),
        (500, AnswerLost),
        (503, ServiceUnavailable),
        (504, AnswerLost),
        (524, AnswerLost),
    ],
)
async def test_a_refusal_is_typed(status: int, error: type[EnrichmentError]) -> None:
    """A proxy that gave up leaves open whether the run was started."""
    with pytest.raises(error):
        await start(answering(status, {"detail": "no"}))


async def test_a_connection_that_cannot_be_made_is_tried_again() -> None:
    """Nothing was sent."""
    server = Failing(aiohttp.ConnectionTimeoutError, times=2, answer={"run_id": "run_1"})

    run_id = await start(api_over(httpx.MockTransport(server)))

    assert (run_id, server.requests) == ("run_1", 3)


@pytest.mark.parametrize("error", [aiohttp.ServerDisconnectedError, aiohttp.SocketTimeoutError])
async def test_what_may_have_been_sent_is_never_sent_again(error: Callable[[], Exception]) -> None:
    """A repeat could pay twice."""
    server = Failing(error, times=1, answer={"run_id": "run_1"})

    with pytest.raises(AnswerLost):
        await start(api_over(httpx.MockTransport(server)))

    assert server.requests == 1


@pytest.mark.parametrize("body", [b"", b"<html>", [], {"id": "run_1"}, ROW | {"status": "odd"}])
async def test_a_run_that_cannot_be_read_is_malformed(body: object) -> None:
    """A proxy's page with status 200 is no run."""
    with pytest.raises(MalformedAnswer, match="runs"):
        await answering(200, body).run("run_1", company="Acme")


async def test_a_missing_run_is_told_from_a_missing_path() -> None:
    """Only SurfSense's own 404 has an `error`."""
    own = {"error": {"code": "NOT_FOUND"}, "detail": "Run not found."}

    with pytest.raises(RunUnknown, match="run_1"):
        await answering(404, own).run("run_1", company="Acme")
    for body in ({"detail": "Not Found"}, b"<html>", b"null"):
        with pytest.raises(RequestRejected, match="SURFSENSE_URL"):
            await answering(404, body).run("run_1", company="Acme")


async def test_the_list_is_asked_for_in_pages() -> None:
    """As long as SurfSense allows, of this verb only."""
    router = respx.Router()
    query = {"limit": "100", "offset": "200", "capability": "google_search.scrape"}
    router.get(f"{SCRAPERS}/runs", params=query).respond(json=[ROW])

    (row,) = await api_over(httpx.MockTransport(router.async_handler)).runs(
        CAPABILITY, offset=200, company="Acme"
    )

    assert row.id == "run_1"
    router.assert_all_called()

"""A purchase over HTTP: what is sent, what is never sent twice, what errors become."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta

import aiohttp
import httpx
import orjson
import pytest
import respx

from orchestrator.surfsense import (
    AnswerLost,
    EnrichSeller,
    Found,
    Http,
    RateLimited,
    ServiceUnavailable,
)
from orchestrator.surfsense.http import CONNECT_ATTEMPTS
from tests.support.over_httpx import OverHttpx

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
URL = "https://surfsense.example/enrich"

Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


class RecordedSleep:
    """Waits no time and remembers for how long it was asked to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Return at once."""
        self.seconds.append(seconds)


def client_over(
    handler: Handler,
    *,
    timeout: timedelta = timedelta(seconds=30),
    sleep: RecordedSleep | None = None,
) -> EnrichSeller:
    """Return a client whose requests go to *handler*."""
    transport = OverHttpx(httpx.MockTransport(handler))
    http = Http("https://surfsense.example/", transport, sleep=sleep or RecordedSleep())
    return EnrichSeller(http, price_micros=46_500, answers_within=timeout, clock=lambda: NOW)


class Failing:
    """A server that fails *times* times, then answers; it counts what reaches it."""

    def __init__(self, error: Callable[[], Exception], times: int, answer: object = None) -> None:
        self._error = error
        self._times = times
        self._answer = answer or {"empresa": "Acme"}
        self.requests = 0

    async def __call__(self, _request: httpx.Request) -> httpx.Response:
        """Fail or answer."""
        self.requests += 1
        if self.requests <= self._times:
            raise self._error()
        return httpx.Response(200, json=self._answer)


async def test_a_purchase_sends_the_documented_request() -> None:
    """The name goes out as typed, with an identity that a server may use against repeats."""
    router = respx.Router()
    route = router.post(URL).respond(json={"empresa": "Café Ñandú", "cost_micros": 22_000})
    client = client_over(router.async_handler)

    answer = await client.submit("Café Ñandú", purchase_id="p-1")

    request = route.calls.last.request
    assert orjson.loads(request.content) == {"empresa": "Café Ñandú"}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == request.headers["X-Request-ID"] == "p-1"
    assert answer == Found({"empresa": "Café Ñandú", "cost_micros": 22_000}, 22_000, False)
    router.assert_all_called()


async def test_a_refusal_is_judged_at_the_time_it_arrives() -> None:
    """A date in Retry-After is measured with the client's clock."""
    router = respx.Router()
    router.post(URL).respond(429, headers={"Retry-After": "Mon, 23 Nov 2026 12:00:45 GMT"})
    client = client_over(router.async_handler)

    with pytest.raises(RateLimited) as caught:
        await client.submit("Acme", purchase_id="p-1")

    assert caught.value.retry_after_s == 45


async def test_a_connection_that_cannot_be_made_is_tried_again() -> None:
    """Nothing was sent, so trying again costs nothing; it waits in between, with jitter."""
    server, sleep = Failing(aiohttp.ConnectionTimeoutError, times=2), RecordedSleep()
    client = client_over(server, sleep=sleep)

    answer = await client.submit("Acme", purchase_id="p-1")

    assert isinstance(answer, Found)
    assert server.requests == 3
    assert len(sleep.seconds) == 2
    assert all(0 <= seconds <= 2 for seconds in sleep.seconds)


async def test_attempts_at_connecting_are_bounded() -> None:
    """A service that stays away is reported, with its cause."""
    server = Failing(aiohttp.ConnectionTimeoutError, times=100)
    client = client_over(server)

    with pytest.raises(ServiceUnavailable, match="Acme") as caught:
        await client.submit("Acme", purchase_id="p-1")

    assert server.requests == CONNECT_ATTEMPTS
    assert isinstance(caught.value.__cause__, aiohttp.ConnectionTimeoutError)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ServerDisconnectedError,
        aiohttp.SocketTimeoutError,
        aiohttp.ClientPayloadError,
        aiohttp.ClientConnectionResetError,
        lambda: aiohttp.ClientOSError(104, "reset"),
        lambda: aiohttp.ClientConnectionError("half an answer"),
        lambda: ValueError("a header that cannot be sent"),
    ],
)
async def test_what_may_have_been_sent_is_never_sent_again(error: Callable[[], Exception]) -> None:
    """After the first byte a repeat could pay twice, so the answer is lost instead."""
    server = Failing(error, times=1)
    client = client_over(server)

    with pytest.raises(AnswerLost, match="may have been charged"):
        await client.submit("Acme", purchase_id="p-1")

    assert server.requests == 1


async def test_the_timeout_covers_the_whole_answer() -> None:
    """A server that never ends its answer does not keep the client waiting without limit."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.001)

    async def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    client = client_over(handler, timeout=timedelta(milliseconds=50))

    with pytest.raises(AnswerLost, match=r"0:00:00\.05"):
        await client.submit("Acme", purchase_id="p-1")

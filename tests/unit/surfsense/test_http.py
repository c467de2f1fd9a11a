"""Which failures leave a request certainly unsent, and where the API key can be read."""

import ssl
from datetime import timedelta

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey
from pydantic import SecretStr

from orchestrator.surfsense import AnswerLost, EnrichmentError, Http, ServiceUnavailable
from tests.support.over_httpx import OverHttpx
from tests.unit.surfsense.test_enrich import RecordedSleep

SOON = timedelta(seconds=30)
KEY = ConnectionKey("surfsense.example", 443, True, True, None, None, None)


async def error_after(failure: Exception) -> EnrichmentError:
    """Return the error of a request whose transport fails."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise failure

    transport = OverHttpx(httpx.MockTransport(fail))
    http = Http("https://s.example", transport, sleep=RecordedSleep())
    with pytest.raises(EnrichmentError) as caught:
        await http.send("POST", "/enrich", company="Acme", within=SOON, body=b"{}")
    return caught.value


@pytest.mark.parametrize(
    "failure",
    [
        aiohttp.ClientConnectorError(KEY, OSError(111, "refused")),
        aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "name")),
        aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError("tls")),
        aiohttp.ClientProxyConnectionError(KEY, OSError(111, "refused")),
        aiohttp.ConnectionTimeoutError(),
        aiohttp.InvalidURL("https://"),
    ],
)
async def test_without_a_connection_nothing_was_sent(failure: Exception) -> None:
    """The request may be sent again."""
    assert type(await error_after(failure)) is ServiceUnavailable


@pytest.mark.parametrize(
    "failure",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError(104, "reset"),
        aiohttp.ClientConnectionResetError(),
        aiohttp.SocketTimeoutError(),
        aiohttp.ClientPayloadError(),
        aiohttp.ClientError(),
    ],
)
async def test_on_a_connection_anything_may_have_been_sent(failure: Exception) -> None:
    """A repeat of any could pay twice."""
    assert type(await error_after(failure)) is AnswerLost


async def test_the_key_goes_to_the_server_and_nowhere_else() -> None:
    """No repr of the client shows the key."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    for key in (SecretStr("ss_pat_secret"), None):
        http = Http("https://s.example", OverHttpx(httpx.MockTransport(handler)), api_key=key)
        await http.send("GET", "/health", company="", within=SOON)
        assert "ss_pat_secret" not in f"{http!r} {vars(http)!r}"

    with_key, without = sent
    assert with_key.headers["Authorization"] == "Bearer ss_pat_secret"
    assert "Authorization" not in without.headers

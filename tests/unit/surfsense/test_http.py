"""Which failures leave a request certainly unsent, and where the API key can be read."""

import ssl
from datetime import timedelta

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey
from pydantic import SecretStr

from orchestrator.surfsense import open_http
from orchestrator.surfsense.http import was_never_sent

KEY = ConnectionKey("surfsense.example", 443, True, True, None, None, None)


def raised(error: httpx.TransportError, cause: Exception | None) -> httpx.TransportError:
    """Return *error* as if raised from *cause*."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        raised(
            httpx.ConnectTimeout(""), aiohttp.ClientConnectorError(KEY, OSError(111, "refused"))
        ),
        raised(httpx.ConnectTimeout(""), aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "name"))),
        raised(httpx.ConnectTimeout(""), aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError("tls"))),
        raised(httpx.ConnectTimeout(""), aiohttp.ConnectionTimeoutError()),
        raised(httpx.ConnectError(""), None),
        raised(httpx.ConnectTimeout(""), None),
        raised(httpx.PoolTimeout(""), None),
    ],
)
def test_without_a_connection_nothing_was_sent(error: httpx.TransportError) -> None:
    """These may be tried again."""
    assert was_never_sent(error)


@pytest.mark.parametrize(
    "error",
    [
        raised(httpx.ConnectTimeout(""), aiohttp.ServerDisconnectedError()),
        raised(httpx.ConnectTimeout(""), aiohttp.ClientOSError(104, "reset")),
        raised(httpx.ConnectTimeout(""), aiohttp.ClientConnectionResetError()),
        raised(httpx.ReadTimeout(""), aiohttp.SocketTimeoutError()),
        raised(httpx.ReadError(""), aiohttp.ClientPayloadError()),
        raised(httpx.ReadTimeout(""), None),
        raised(httpx.RemoteProtocolError(""), None),
    ],
)
def test_on_a_connection_anything_may_have_been_sent(error: httpx.TransportError) -> None:
    """httpx-aiohttp calls three of these ConnectTimeout; a repeat of any could pay twice."""
    assert not was_never_sent(error)


async def test_the_key_goes_to_the_server_and_nowhere_else() -> None:
    """No repr of the client shows the key."""
    client = open_http(api_key=SecretStr("ss_pat_secret"), timeout=timedelta(seconds=30))

    async with client:
        shown = f"{client!r} {client.headers!r} {vars(client)!r}"

    assert client.headers["Authorization"] == "Bearer ss_pat_secret"
    assert "ss_pat_secret" not in shown


async def test_without_a_key_none_is_sent() -> None:
    """The documented service may ask for no key at all."""
    async with open_http(api_key=None, timeout=timedelta(seconds=30)) as client:
        assert "Authorization" not in client.headers

"""The HTTP connection to SurfSense, and what its failures say about a sent request.

httpx over aiohttp's connector, because httpx's own pool collapses at 100 open requests.
httpx-aiohttp reports a refused connection and a connection lost after sending alike, as
`httpx.ConnectTimeout`; only the aiohttp error behind it tells whether anything was sent.
"""

import asyncio
from datetime import timedelta
from time import monotonic

import aiohttp
import httpx
import structlog
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

from orchestrator.infra.redis_address import is_loopback
from orchestrator.surfsense.permit import current_guard

log = structlog.get_logger(__name__)

#: Seconds until a connection attempt, TLS included, fails.
CONNECT_TIMEOUT_S = 5.0

#: Raised by aiohttp before the first byte of a request; `ClientOSError` and
#: `ServerDisconnectedError`, their neighbours, come after it as well.
_BEFORE_SENDING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class _NotPermitted(aiohttp.ClientConnectionError):
    """The permit was over when the bytes should have left; none did."""


class _PermittedRequest(aiohttp.ClientRequest):
    """Asks for its permit when it is connected, and nothing but the write is left to do."""

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Write head and body, which leave together, or end the connection unused."""
        guard = current_guard()
        if guard is not None and not guard.may_leave():
            if conn.protocol is not None:
                conn.protocol.set_exception(_NotPermitted("the permit is over"))
            conn.close()
            return
        if guard is not None:
            guard.has_left = True
        asked_at = monotonic()
        await super().write_bytes(writer, conn, content_length)
        await asyncio.sleep(0)  # uvloop writes at the end of its turn
        if guard is not None and not guard.may_leave():
            # What is late by less than the permit's margin has done no harm.
            late_ms = round((monotonic() - asked_at) * 1000)
            log.warning("surfsense.sent_late", ms_after_permit=late_ms)


class _OneConnectionPerRequest(AiohttpTransport):
    """Keeps no connection, since a kept one may have been closed by the server, unnoticed.

    A POST that meets such an end may or may not have been bought. To know is worth the
    0.3 ms (measured on loopback) that a new connection adds to a search of seconds.
    """

    def __init__(self, *, max_in_flight: int, through_proxy: bool) -> None:
        super().__init__(limits=httpx.Limits(max_connections=max_in_flight))
        self._max_in_flight = max_in_flight
        self._through_proxy = through_proxy

    def get_client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._max_in_flight, force_close=True, ssl=self.ssl_context
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_PermittedRequest,
            trust_env=self._through_proxy,
        )


class _OnTheirWay(httpx.AsyncBaseTransport):
    """Reaches services on this machine directly, others through the environment's proxy."""

    def __init__(self, *, max_in_flight: int) -> None:
        self._direct = _OneConnectionPerRequest(max_in_flight=max_in_flight, through_proxy=False)
        self._others = _OneConnectionPerRequest(max_in_flight=max_in_flight, through_proxy=True)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._direct if is_loopback(request.url.host) else self._others
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._direct.aclose()
        await self._others.aclose()


def open_http(
    *, api_key: SecretStr | None, max_in_flight: int, timeout: timedelta
) -> httpx.AsyncClient:
    """Return a client whose requests carry *api_key*, unseen by logs and reprs.

    Made in the process and on the loop that use it: a client made before a fork mixes up
    the answers of its children. Follows no redirects, keeps no connection or cookie, and
    never repeats a request.

    Args:
        api_key: Sent as a bearer token; None where the service asks for none.
        max_in_flight: Connections at most; further requests wait for a free one.
        timeout: How long to wait for a free connection, and for the next byte of an answer.
    """
    headers = {"Accept": "application/json"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key.get_secret_value()}"
    return httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(timeout.total_seconds(), connect=CONNECT_TIMEOUT_S),
        transport=_OnTheirWay(max_in_flight=max_in_flight),
    )


def was_not_permitted(error: httpx.TransportError) -> bool:
    """Say whether *error* is a permit's that was over: nothing was sent."""
    return isinstance(error.__cause__, _NotPermitted)


def was_never_sent(error: httpx.TransportError) -> bool:
    """Say whether *error* certainly came before the first byte of the request was sent.

    False means "perhaps sent", so a paid request must not be repeated.
    """
    if isinstance(error, httpx.PoolTimeout | httpx.UnsupportedProtocol | httpx.ProxyError):
        return True
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, _BEFORE_SENDING)
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)

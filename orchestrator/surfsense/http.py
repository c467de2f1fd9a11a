"""HTTP with SurfSense: connections, the send guard, and what a failure says about a sent request.

httpx over aiohttp's connector, because httpx's own pool collapses at 100 open requests.
httpx-aiohttp reports a refused connection and a connection lost after sending alike, as
`httpx.ConnectTimeout`; only the aiohttp error behind it tells whether anything was sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from time import monotonic

import aiohttp
import httpx
import structlog
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from orchestrator.infra.redis_address import is_loopback
from orchestrator.surfsense.errors import (
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    ServiceUnavailable,
)

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]

#: Seconds until a connection attempt, TLS included, fails.
CONNECT_TIMEOUT_S = 5.0
#: Attempts at making a connection, and the seconds after which no further one starts.
CONNECT_ATTEMPTS = 4
CONNECT_PATIENCE_S = 2.0

#: Raised by aiohttp before the first byte of a request; `ClientOSError` and
#: `ServerDisconnectedError`, their neighbours, come after it as well.
_BEFORE_SENDING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class SendGuard:
    """Guards one paid request: asked right before its bytes leave, and notes whether they did.

    A buyer makes sure that it may pay long before its bytes leave: the connection, TLS and other
    tasks of the loop come in between. So the socket asks once more, right before it writes.

    Attributes:
        may_leave: Returns whether its bytes may leave now; does no I/O.
        has_left: Whether they may have left. While it is False, nothing was sent for certain,
            whatever has gone wrong.
    """

    def __init__(self, may_leave: Callable[[], bool]) -> None:
        self.may_leave = may_leave
        self.has_left = False


_guard: ContextVar[SendGuard | None] = ContextVar("send_guard", default=None)


@contextmanager
def guarded(guard: SendGuard) -> Iterator[None]:
    """Let requests of this block leave only while *guard* allows it; others end in `NotSent`."""
    token = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(token)


def current_guard() -> SendGuard | None:
    """Return the guard of this context; a request without one may always leave."""
    return _guard.get()


class _Refused(aiohttp.ClientConnectionError):
    """The send guard refused the request before any byte left."""


class _GuardedRequest(aiohttp.ClientRequest):
    """Asks the send guard when it is connected, and nothing but the write is left to do."""

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Write head and body, which leave together, or end the connection unused."""
        guard = current_guard()
        if guard is not None and not guard.may_leave():
            if conn.protocol is not None:
                conn.protocol.set_exception(_Refused("the send guard refused"))
            conn.close()
            return
        if guard is not None:
            guard.has_left = True
        asked_at = monotonic()
        await super().write_bytes(writer, conn, content_length)
        await asyncio.sleep(0)  # uvloop writes at the end of its turn
        if guard is not None and not guard.may_leave():
            # What is late by less than the guard's margin has done no harm.
            late_ms = round((monotonic() - asked_at) * 1000)
            log.warning("surfsense.sent_late", ms_after_guard=late_ms)


class _OneConnectionPerRequest(AiohttpTransport):
    """Keeps no connection, since a kept one may have been closed by the server, unnoticed.

    A POST that meets such an end may or may not have been bought. To know is worth the
    0.3 ms (measured on loopback) that a new connection adds to a search of seconds.
    """

    def __init__(self, *, through_proxy: bool) -> None:
        super().__init__()
        self._through_proxy = through_proxy

    def get_client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=self.ssl_context),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_GuardedRequest,
            trust_env=self._through_proxy,
        )


class _Routed(httpx.AsyncBaseTransport):
    """Reaches services on this machine directly, others through the environment's proxy."""

    def __init__(self) -> None:
        self._direct = _OneConnectionPerRequest(through_proxy=False)
        self._others = _OneConnectionPerRequest(through_proxy=True)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._direct if is_loopback(request.url.host) else self._others
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._direct.aclose()
        await self._others.aclose()


def open_http(*, api_key: SecretStr | None, timeout: timedelta) -> httpx.AsyncClient:
    """Return a client whose requests carry *api_key*, unseen by logs and reprs.

    Made in the process and on the loop that use it: a client made before a fork mixes up
    the answers of its children. Follows no redirects, keeps no connection or cookie, and
    never repeats a request.

    Args:
        api_key: Sent as a bearer token; None where the service asks for none.
        timeout: How long to wait for a free connection, and for the next byte of an answer.
    """
    headers = {"Accept": "application/json"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key.get_secret_value()}"
    return httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(timeout.total_seconds(), connect=CONNECT_TIMEOUT_S),
        transport=_Routed(),
    )


def was_never_sent(error: httpx.TransportError) -> bool:
    """Return whether *error* certainly came before the first byte of the request was sent.

    False means "perhaps sent", so a paid request must not be repeated.
    """
    if isinstance(error, httpx.PoolTimeout | httpx.UnsupportedProtocol | httpx.ProxyError):
        return True
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, _BEFORE_SENDING)
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


async def exchange(
    request: Awaitable[httpx.Response], *, company: str, within: timedelta
) -> httpx.Response:
    """Return the response to *request*, of any status.

    Whether anything was sent is known from the guard of a paid request, whatever error it has
    ended in.

    Raises:
        NotSent: Its guard refused it.
        ServiceUnavailable: It could not be sent; nothing was.
        AnswerLost: The request may have been accepted, but was not answered within *within*.
        MalformedAnswer: The answer's content encoding is broken.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await request
    except TimeoutError as error:
        raise _unanswered(company, f"none within {within}") from error
    except httpx.DecodingError as error:
        raise MalformedAnswer(company, "its content encoding") from error
    except httpx.TransportError as error:
        if isinstance(error.__cause__, _Refused):
            raise NotSent(company) from error
        if was_never_sent(error):
            raise ServiceUnavailable(company, "no connection could be made") from error
        raise _unanswered(company, "the connection broke") from error
    except (aiohttp.ClientError, httpx.InvalidURL, ValueError, TypeError) as error:
        # No HTTP, or a header or address that cannot be sent. Without the original, which
        # quotes the request's headers and so the API key.
        raise _unanswered(company, f"a fault of HTTP: {type(error).__name__}") from None


def _unanswered(company: str, cause: str) -> EnrichmentError:
    """Return the error of an unanswered request, by whether it may have left."""
    guard = current_guard()
    if guard is not None and not guard.has_left:
        return ServiceUnavailable(company, f"nothing was sent; {cause}")
    return AnswerLost(company, cause)


async def connected(
    send: Callable[[], Awaitable[httpx.Response]], *, sleep: Sleep
) -> httpx.Response:
    """Return what *send* returns, repeated as long as no byte of it can have been sent."""
    attempts = AsyncRetrying(
        retry=retry_if_exception(_is_worth_another_attempt),
        stop=stop_after_attempt(CONNECT_ATTEMPTS) | stop_after_delay(CONNECT_PATIENCE_S),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        sleep=sleep,
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            response = await send()
    return response


def _is_worth_another_attempt(error: BaseException) -> bool:
    return isinstance(error, httpx.TransportError) and was_never_sent(error)

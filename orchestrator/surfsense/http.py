"""HTTP with SurfSense: kept connections, the send guard, and what a failure says about a request.

Through aiohttp itself: httpx's pool collapses at 100 open requests, and its requests and responses
cost as much CPU time as the exchange (docs/decisions/0002).
"""

import asyncio
import random
import select
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import ClassVar, Protocol, Self
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakSet

import aiohttp
import httpx
import structlog
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentEncodingError
from pydantic import SecretStr
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
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
#: Seconds for which an idle connection is kept. Servers close idle ones after 2 s (gunicorn), 5 s
#: (uvicorn, Node.js) or more: a request must not meet such an end, which would lose its answer.
KEEP_S = 1.0


@dataclass(slots=True, eq=False)
class SendGuard:
    """Guards one paid request: asked right before its bytes leave, and notes whether they did.

    A buyer makes sure that it may pay long before its bytes leave: the connection, TLS and other
    tasks of the loop come in between. So the socket asks once more, right before it writes.

    Attributes:
        may_leave: Returns whether its bytes may leave now; does no I/O.
        has_left: Whether they may have left. While it is False, nothing was sent for certain,
            whatever has gone wrong.
    """

    may_leave: Callable[[], bool]
    has_left: bool = False


#: The guard of this context; a request without one may always leave.
send_guard: ContextVar[SendGuard | None] = ContextVar("send_guard", default=None)


@contextmanager
def guarded(guard: SendGuard) -> Iterator[None]:
    """Let requests of this block leave only while *guard* allows it; others end in `NotSent`."""
    token = send_guard.set(guard)
    try:
        yield
    finally:
        send_guard.reset(token)


class _Unsent(aiohttp.ClientConnectionError):
    """Nothing of the request was written."""


class _Refused(_Unsent):
    """The send guard refused the request."""


class _Stale(_Unsent):
    """The kept connection was no longer idle: the server has closed it, or is about to."""


#: Errors that come before the first byte of a request. Their neighbours `ClientOSError` and
#: `ServerDisconnectedError` come after it as well.
BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    _Unsent,
)


class _GuardedRequest(aiohttp.ClientRequest):
    """Asks the send guard, and checks a kept connection, when nothing but the write is left to do.

    By then the loop may not have noticed that the server has closed the connection, so the socket
    is asked. What still goes wrong is a server that closes it while the request travels: its
    answer is lost, as if the server had died. No request is repeated for that.
    """

    _protocols: ClassVar[WeakSet[ResponseHandler]] = WeakSet()
    _is_kept = False
    _unsent: _Unsent | None = None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Begin the request; one without a body leaves here, and does not come to `write_bytes`."""
        assert conn.protocol is not None  # noqa: S101 - it was connected just now
        self._is_kept = conn.protocol in self._protocols
        self._protocols.add(conn.protocol)
        if self._is_kept and not _is_idle(conn):
            raise _Stale("the server has closed the connection")
        response = await super().send(conn)
        if self._unsent is not None:  # from Python 3.12 on, `write_bytes` has run by now
            raise self._unsent
        return response

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Write head and body, which leave together, or end the connection unused."""
        guard = send_guard.get()
        if guard is not None and not guard.may_leave():
            return self._close_unused(conn, _Refused("the send guard refused"))
        if self._is_kept and not _is_idle(conn):
            return self._close_unused(conn, _Stale("the server has closed the connection"))
        if guard is not None:
            guard.has_left = True
        asked_at = monotonic()
        await super().write_bytes(writer, conn, content_length)
        await asyncio.sleep(0)  # uvloop writes at the end of its turn
        if guard is not None and not guard.may_leave():
            # What is late by less than the guard's margin has done no harm.
            late_ms = round((monotonic() - asked_at) * 1000)
            log.warning("surfsense.sent_late", ms_after_guard=late_ms)
        return None

    def _close_unused(self, conn: Connection, error: _Unsent) -> None:
        self._unsent = error
        if conn.protocol is not None:
            conn.protocol.set_exception(error)
        conn.close()


def _is_idle(conn: Connection) -> bool:
    """Return whether a connection has nothing to read: neither its end nor bytes not asked for."""
    # What the loop has read already is not in the socket any more: it makes `should_close` true.
    if conn.protocol is None or conn.transport is None or conn.protocol.should_close:
        return False
    poll = select.poll()
    poll.register(conn.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not poll.poll(0)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status. `headers` are by case-insensitive name; `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is of the 200s."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of success


class Transport(Protocol):
    """Carries one request to its server. Raises aiohttp's errors."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the answer."""

    def stream(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """Yield the body of a GET as it comes; nothing if the answer is no success."""

    async def aclose(self) -> None:
        """Close all connections."""


class _Connections:
    """The `Transport` over kept connections. Made on the loop that uses it."""

    def __init__(
        self, *, tls: ssl.SSLContext | None, through_proxy: bool, timeout: timedelta
    ) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S, ssl=tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_GuardedRequest,
            timeout=aiohttp.ClientTimeout(
                sock_connect=CONNECT_TIMEOUT_S, sock_read=timeout.total_seconds()
            ),
            trust_env=through_proxy,
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        async with self._session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def stream(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            if response.ok:
                async for chunk in response.content.iter_any():
                    yield chunk

    async def aclose(self) -> None:
        await self._session.close()


class Http:
    """Sends requests to SurfSense and returns their answers. Follows no redirects.

    Made in the process and on the loop that use it: connections made before a fork mix up
    the answers of its children.
    """

    def __init__(
        self,
        base_url: str,
        transport: Transport,
        *,
        api_key: SecretStr | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._transport = transport
        self._api_key = api_key
        self._sleep = sleep

    def without_suffix(self, suffix: str) -> "Http":
        """Return one whose base URL does not end with *suffix*, over the same connections."""
        base_url = self.base_url.removesuffix(suffix)
        return Http(base_url, self._transport, api_key=self._api_key, sleep=self._sleep)

    async def send(
        self,
        method: str,
        path: str,
        *,
        company: str,
        within: timedelta,
        body: bytes = b"",
        request_id: str | None = None,
    ) -> Reply:
        """Return the answer.

        A connection that cannot be made is tried again, in count and time bounded. A request that
        may have been sent is not; whether it was is known from the guard of a paid request.

        Args:
            method: Of HTTP.
            path: Behind the base URL, with the query.
            company: The name that errors carry.
            within: How long the whole exchange may take.
            body: JSON.
            request_id: Sent as `Idempotency-Key` and `X-Request-ID`.

        Raises:
            NotSent: Its guard refused it.
            ServiceUnavailable: It could not be sent; nothing was.
            AnswerLost: The request may have been accepted, but was not answered in time.
            MalformedAnswer: The answer's content encoding is broken.
        """
        headers = self._headers("application/json")
        if body:
            headers["Content-Type"] = "application/json"
        if request_id is not None:
            headers["Idempotency-Key"] = headers["X-Request-ID"] = request_id
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._send(method, self.base_url + path, headers, body)
        except _Refused as error:
            raise NotSent(company) from error
        except BEFORE_SENDING as error:
            raise ServiceUnavailable(company, "no connection could be made") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            if isinstance(error.__cause__, ContentEncodingError):
                raise MalformedAnswer(company, "its content encoding") from error
            raise _no_answer(company, "the connection broke") from error
        except TimeoutError as error:
            raise _no_answer(company, f"none within {within}") from error
        except (aiohttp.ClientError, ValueError, TypeError) as error:
            # No HTTP, or a header or address that cannot be sent. Without the original, which
            # quotes the request's headers and so the API key.
            raise _no_answer(company, f"a fault of HTTP: {type(error).__name__}") from None

    async def stream(self, path: str) -> AsyncGenerator[bytes]:
        """Yield the body of a GET of *path* as it comes, and end where it ends or breaks.

        It is asked for once; a failure is not an error here, since no caller relies on it.
        """
        headers = self._headers("text/event-stream")
        # Errors quote headers, and so the API key: none of them goes further.
        with suppress(aiohttp.ClientError, TimeoutError, ValueError, TypeError):
            async with aclosing(self._transport.stream(self.base_url + path, headers)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        return headers

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the answer to a request, which is repeated while none of it can have been sent."""
        try:
            return await self._transport.send(method, url, headers, body)
        except _Refused:
            raise
        except BEFORE_SENDING as error:
            # The retry's objects are made for the one request in thousands that needs them.
            await self._sleep(_pause_s(1, error))
        async for attempt in AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_attempt(CONNECT_ATTEMPTS - 1) | stop_after_delay(CONNECT_PATIENCE_S),
            wait=_wait_s,
            retry=retry_if_exception(_may_be_repeated),
            reraise=True,
        ):
            with attempt:
                return await self._transport.send(method, url, headers, body)
        raise AssertionError  # the last attempt returns or raises

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close all connections."""
        await self._transport.aclose()


def open_http(base_url: str, *, api_key: SecretStr | None, timeout: timedelta) -> Http:
    """Return an open `Http` for the SurfSense at *base_url*, for the running event loop.

    A service on this machine is reached directly, others through the environment's proxy.

    Args:
        base_url: `SURFSENSE_URL`.
        api_key: Sent as a bearer token; None where the service requires none.
        timeout: How long to wait for the next byte of an answer.
    """
    url = urlsplit(base_url)
    transport = _Connections(
        # httpx trusts the same certificates on every machine, and those of SSL_CERT_FILE.
        tls=httpx.create_ssl_context() if url.scheme == "https" else None,
        through_proxy=bool(getproxies()) and not is_loopback(url.hostname or ""),
        timeout=timeout,
    )
    return Http(base_url, transport, api_key=api_key)


def _may_be_repeated(error: BaseException) -> bool:
    return isinstance(error, BEFORE_SENDING) and not isinstance(error, _Refused)


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return _pause_s(state.attempt_number + 1, error)


def _pause_s(attempt: int, error: BaseException | None) -> float:
    """Return how long to wait after that attempt, spread at random, in seconds."""
    # One turn of the loop is enough for it to notice all connections that have ended.
    longest_s = 0.0 if isinstance(error, _Stale) else min(0.1 * 2**attempt, 2.0)
    return random.uniform(0, longest_s)  # noqa: S311 - spreads retries


def _no_answer(company: str, cause: str) -> EnrichmentError:
    """Return the error of an unanswered request, by whether it may have left."""
    guard = send_guard.get()
    if guard is not None and not guard.has_left:
        return ServiceUnavailable(company, f"nothing was sent; {cause}")
    return AnswerLost(company, cause)

"""The FastAPI application, its parts in the order in which a request meets them, and its process.

The process is uvicorn on uvloop, until SIGINT or SIGTERM. Connections that are slow, idle or too
many are ended. uvicorn ends those that are idle after an answer; it waits without end for a first
request, for the rest of a header and for a client that does not read. What is slow in a body is
ended by `bodies`.
"""

import asyncio
import contextlib
import os
import re
import resource
import signal
import socket
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from operator import attrgetter
from typing import Any, Final

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from orchestrator.app import build, connect_runtime
from orchestrator.http import (
    failed_items,
    health,
    identity,
    jobs,
    lead_files,
    leads,
    money,
    openapi,
    opportunities,
    submitting,
    watches,
)
from orchestrator.infra.background import end_task, keep_responsive
from orchestrator.jobs import Notifier
from orchestrator.settings import ConfigurationError, Settings, warn_of_removed_settings

from .bodies import BodyLimit
from .errors import KNOWN_ERRORS, REQUEST_ID, RETRY_AFTER_S, Refusal, answer_error
from .health import HealthChecks
from .openapi import UNVERSIONED, Contract, DocumentedApi
from .security import KEY_DOCUMENTED, OPEN_PATHS, Guard, is_loopback

log = structlog.get_logger(__name__)

#: Shorter answers gain nothing by compression.
COMPRESSED_BYTES: Final = 2_000
# What a caller sends ends up in our logs, so only what can do no harm there is taken over.
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: Answers are about persons and money: not for caches, nor for guesses of browsers.
FIXED_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_INTERNAL = Refusal(
    "internal_error",
    f"An internal error stopped this request; the server's log has it under the {REQUEST_ID}.",
)

#: What the platform calls by names without a version is there by those with one, too.
_VERSIONED = re.compile(rf"^/api/v1(/(?:{'|'.join(UNVERSIONED)})(?:/|$))")

DESCRIPTION = """\
Asks for enrichment of companies and for the judgement of leads, and says how far it got.

An accepted job (202) completes or fails visibly, even if workers crash.
Repeating a request is safe: equal work that is not finished yet is the same job, a lead
is stored once, and a company is bought once while its evidence is fresh.

Every error is `application/problem+json` (RFC 9457): `code` is for programs, `detail` is one
sentence for people, `fields` names each fault of a request.
`X-Request-ID` is taken over from the request, or made up, and comes back with the answer.
"""


def create_api(settings: Settings, *, notifier: Notifier | None = None) -> FastAPI:
    """Return the application; its lifespan opens every connection and closes them again.

    *notifier* announces work instead of Celery's broker, and stays the caller's to close.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.openapi()  # half a second, for which the first request does not have to wait
        opened = (
            connect_runtime(settings) if notifier is None else build(settings, notifier=notifier)
        )
        async with opened as runtime, contextlib.aclosing(HealthChecks(runtime)) as checks:
            app.state.runtime, app.state.checks = runtime, checks
            app.state.one_at_a_time = defaultdict(asyncio.Lock)
            loops = (runtime.gateway.repairs.loop, runtime.gateway.comparison.loop)
            running = [runtime.worker.supervisor.start(loop) for loop in loops]
            try:
                yield
            finally:
                for each in running:
                    await end_task(each)

    app = DocumentedApi(
        title="EMASAI orchestrator",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog),
            Middleware(Guard, keys=settings.api_keys),
            Middleware(Contract),
            Middleware(GZipMiddleware, minimum_size=COMPRESSED_BYTES, compresslevel=6),
            Middleware(BodyLimit),
        ],
        exception_handlers=dict.fromkeys(KNOWN_ERRORS, answer_error),
        # A redirect would send key and body to whatever address a proxy has named, in clear.
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    # `failed` is no job id, so the failed items come before the jobs.
    for router in (
        submitting.router,
        failed_items.router,
        jobs.router,
        lead_files.router,
        leads.router,
        leads.details,
        opportunities.router,
        leads.persons,
        opportunities.dashboard,
        identity.router,
        money.router,
        watches.router,
        health.keyed,
    ):
        app.include_router(router, dependencies=KEY_DOCUMENTED)
    app.include_router(health.router)
    app.include_router(openapi.documentation)
    return app


class RequestLog:
    """ASGI middleware, the outermost: one log line and one id a request, and the last resort.

    Neither addresses nor bodies are logged: they may hold personal data.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = _request_id(scope)
        scope["path"] = _VERSIONED.sub(r"\1", scope["path"])
        answer = _Answer(scope[REQUEST_ID], send)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=answer.request_id):
            try:
                await self._app(scope, receive, answer.send)
            except Exception:
                log.exception("request.failed")
                if answer.status is not None:
                    raise
                await _INTERNAL.response(scope)(scope, receive, answer.send)
            _log_line(scope, answer.status, time.perf_counter() - started)


class _Answer:
    """An answer on its way out, which gets its id and whose status is kept."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.request_id = request_id
        self.status: int | None = None
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self.request_id
            headers.update(FIXED_HEADERS)
            if "ETag" in headers:
                # The caller may keep a version, and asks whether it is still the last one.
                headers["Cache-Control"] = "private, no-cache"
        await self._send(message)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SOUND_ID.fullmatch(given) else str(uuid.uuid4())


def _log_line(scope: Scope, status: int | None, seconds: float) -> None:
    # Health is asked for every few seconds.
    write = log.debug if scope["path"] in OPEN_PATHS else log.info
    write(
        "request.answered",
        method=scope["method"],
        operation=getattr(scope.get("route"), "name", None),
        status=status,
        duration_ms=round(seconds * 1000, 1),
    )


#: Connections that may wait to be accepted: a fleet's burst must not be refused.
BACKLOG = 2048
#: Seconds that requests in flight get at a shutdown.
LAST_ANSWERS_S = 10
#: From the beginning of a connection, or of a further request, to the end of the header.
HEADER_S: Final = 10.0
#: How long an answer may wait for its client to read.
WRITE_S: Final = 60.0
#: How long a connection that was closed may take to send what is left.
LINGER_S: Final = 5.0
#: Connections of one process at most, and file descriptors that are kept for its servers and files.
MOST: Final = 1_000
RESERVED: Final = 64

_TOO_MANY: Final = Refusal(
    "too_many_connections",
    "This server has too many connections; repeat the request in 5 seconds.",
    retry_s=RETRY_AFTER_S,
)
_NOT_HTTP: Final = Refusal(
    "invalid_http",
    "This is not a request of HTTP/1.1 that can be read; correct it.",
)


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8001) -> None:
    """Serve until SIGINT or SIGTERM, then answer what is in flight and close everything.

    Any *host* but loopback needs `EMASAI_API_KEY`; *port* 0 takes a free one.

    Raises:
        ConfigurationError: Other machines could ask, but there is no key; the address cannot be
            listened on; or the policy is unfit.
        DatabaseUnavailable: The database cannot be reached.
        SchemaMismatch: The database has the schema of another version.
    """
    if not settings.api_keys and not is_loopback(host):
        problem = (
            "EMASAI_API_KEY is not set; without a key the API listens on 127.0.0.1 only, "
            f"not on {host or 'all addresses'}"
        )
        raise ConfigurationError((problem,))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        problem = f"--host {host} --port {port} cannot be listened on ({reason}); choose another"
        raise ConfigurationError((problem,)) from error
    with listening as listener:
        keep_responsive()
        warn_of_removed_settings()
        uvloop.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    app = create_api(settings)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            http=BoundedProtocol,
            limit_concurrency=connection_limit(),
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
    )
    # Entered here and not by uvicorn, which answers a failure with a traceback and an exit.
    async with app.router.lifespan_context(app):
        host, port = listener.getsockname()[:2]
        log.info("api.listening", host=host, port=port)
        await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends `serve` on a signal; uvicorn's own raises it again, past what is still to close."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            # What is still to close can be interrupted, too.
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)


def connection_limit() -> int:
    """Return how many connections the process may have, with as many descriptors as it can get."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + RESERVED
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft - RESERVED, soft // 2)


class BoundedProtocol(H11Protocol):
    """One connection. `limit_concurrency` is how many there are at most, whatever they do."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limit = self.limit_concurrency or MOST
        # uvicorn would refuse requests of connections that it has let in.
        self.limit_concurrency = None
        self._header_timer = _Timer(self.loop, HEADER_S, self.end)
        self._write_timer = _Timer(self.loop, WRITE_S, self._abort)
        self.waiting_since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """Let the connection in; the one that has been idle for longest makes room for it."""
        super().connection_made(transport)
        self._watch_header()
        if len(self.connections) <= self._limit:
            return
        ours = [each for each in self.connections if isinstance(each, BoundedProtocol)]
        idle = [each for each in ours if each is not self and each.is_idle]
        if idle:
            min(idle, key=attrgetter("waiting_since")).end()
        else:
            self._refuse(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._header_timer.stop()
        self._write_timer.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a header has to be complete in time."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_header()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own text
        """Answer what is not HTTP as any other error, unless an answer has begun."""
        begun = not self.is_idle and self.cycle.response_started
        if not self.is_idle:
            self.cycle.disconnected = True
        if begun:
            self.end()
        else:
            self._refuse(_NOT_HTTP)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.waiting_since = self.loop.time()
        super().on_response_complete()
        self._watch_header()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that is idle after an answer."""
        super().timeout_keep_alive_handler()
        self.end()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not without end."""
        super().pause_writing()
        self._write_timer.start()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._write_timer.stop()
        super().resume_writing()

    def end(self) -> None:
        """Close the connection; its client has `LINGER_S` to send what is left."""
        self.connections.discard(self)
        self.transport.close()
        self.loop.call_later(LINGER_S, self._abort)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return cycle is None or cycle.response_complete

    def _refuse(self, refusal: Refusal) -> None:
        self.transport.write(_bytes_of(refusal))
        self.end()

    def _abort(self) -> None:
        self.transport.abort()

    def _watch_header(self) -> None:
        # Idle after an answer, uvicorn's own timer runs until the next byte comes.
        if not self.is_idle or self.timeout_keep_alive_task is not None:
            self._header_timer.stop()
        elif not self.transport.is_closing():
            self._header_timer.start()


def _bytes_of(refusal: Refusal) -> bytes:
    """Return an answer that no application has made, the last one of its connection."""
    answer = refusal.response({})
    lines = [
        f"HTTP/1.1 {refusal.status} {refusal.status.phrase}",
        *(f"{name}: {value}" for name, value in (answer.headers | FIXED_HEADERS).items()),
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(answer.body)


class _Timer:
    """Calls once, so long after its start; a start while it runs changes nothing."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, after_s: float, call: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._after_s = after_s
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._handle is None:
            self._handle = self._loop.call_later(self._after_s, self._call)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

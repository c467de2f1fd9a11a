"""The FastAPI application: its parts in the order in which a request meets them."""

import contextlib
import re
import time
import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.app import build, connect_runtime
from orchestrator.infra.background import end_task
from orchestrator.jobs import Notifier
from orchestrator.settings import Settings

from . import (
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
from .errors import KNOWN_ERRORS, REQUEST_ID, Refusal, answer_error
from .health import HealthChecks
from .limits import BodyLimit
from .openapi import UNVERSIONED, Contract, DocumentedApi
from .security import KEY_DOCUMENTED, OPEN_PATHS, Guard

log = structlog.get_logger(__name__)

#: Shorter answers gain nothing by compression.
COMPRESSED_BYTES: Final = 2_000
# What a caller sends ends up in our logs, so only what can do no harm there is taken over.
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: Answers are about persons and money: not for caches, nor for guesses of browsers.
FIXED_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_INTERNAL = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
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

    Args:
        settings: Of a configured installation.
        notifier: Announces work instead of Celery's broker; stays the caller's to close.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.openapi()  # half a second, for which the first request does not have to wait
        opened = (
            connect_runtime(settings) if notifier is None else build(settings, notifier=notifier)
        )
        async with opened as runtime, contextlib.aclosing(HealthChecks(runtime)) as checks:
            app.state.runtime, app.state.checks = runtime, checks
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

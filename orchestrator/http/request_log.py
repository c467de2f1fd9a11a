"""One line a request, an id that ties all lines of a request together, and the last resort.

What every answer carries is added here, too.

Neither addresses nor bodies are logged: they may hold personal data.
"""

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Refusal
from .security import OPEN_PATH

log = structlog.get_logger(__name__)

REQUEST_ID = "X-Request-ID"

# What a caller sends ends up in our logs, so only what can do no harm there is taken over.
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_INTERNAL = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error",
    f"An internal error stopped this request; the server's log has it under the {REQUEST_ID}.",
)


class RequestLog:
    """ASGI middleware; the outermost, so that every answer carries its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(_request_id(scope), send)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=answer.request_id):
            try:
                await self._app(scope, receive, answer.send)
            except Exception:
                log.exception("request.failed")
                if answer.status is not None:
                    raise
                await _INTERNAL.response()(scope, receive, answer.send)
            _log_line(scope, answer.status, time.perf_counter() - started)


class _Answer:
    """An answer on its way out: gets its id, and its status is noted."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.request_id = request_id
        self.status: int | None = None
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self.request_id
            # Answers are about persons and money: for whoever asked, as what they say they are.
            headers["Cache-Control"] = "no-store"
            headers["X-Content-Type-Options"] = "nosniff"
        await self._send(message)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SOUND_ID.fullmatch(given) else uuid.uuid4().hex


def _log_line(scope: Scope, status: int | None, seconds: float) -> None:
    # Health is asked for every few seconds.
    write = log.debug if scope["path"] == OPEN_PATH else log.info
    write(
        "request.answered",
        method=scope["method"],
        operation=getattr(scope.get("route"), "name", None),
        status=status,
        duration_ms=round(seconds * 1000, 1),
    )

"""How much one request may bring, in what form, and how long its body may take to come."""

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import MAX_BODY_BYTES, TOO_LARGE

#: Of a file, which is kept on disk.
MAX_UPLOAD_BYTES: Final = 1_000_000_000
#: Results of one page.
MAX_RESULTS: Final = 1_000
#: Seconds that a request may wait for its result; proxies often give up then.
MAX_WAIT_S: Final = 60
#: Bytes of all bodies that one process holds at a time; uploads are never in memory whole.
MAX_HELD_BYTES: Final = 5 * MAX_BODY_BYTES
#: How long all waiting for a body may take, and how many bytes buy a second more.
PATIENCE_S: Final = 30.0
BYTES_PER_S: Final = 16_000

JOBS_PATH: Final = "/api/v1/jobs"
IMPORT_PATH: Final = "/leads/import"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
#: What a lead file may be declared as. Its content tells what it is.
FILE_TYPES: Final = (
    *(CSV, "text/tab-separated-values", NDJSON, JSON, "application/octet-stream"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    *("application/vnd.oasis.opendocument.spreadsheet", "application/vnd.ms-excel"),
    *("application/gzip", "application/x-gzip"),
    *("application/zip", "application/x-zip-compressed"),
)
#: The media types of uploads, by address.
UPLOADED: Final = {
    JOBS_PATH: tuple(each for each in FILE_TYPES if each != JSON),
    IMPORT_PATH: FILE_TYPES,
}


def media_type_of(scope: Scope) -> str:
    """Return the media type that a request declares for its body, without parameters."""
    declared = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return str(declared.split(b";")[0].strip().lower(), "latin-1")


def is_upload(scope: Scope) -> bool:
    """Say whether a request brings a list or a file, which is never in memory whole."""
    return media_type_of(scope) in UPLOADED.get(scope["path"], ())


class BodyLimit:
    """ASGI middleware that refuses bodies that are too large or too slow.

    It believes a declared length, and counts where none is declared.
    """

    def __init__(
        self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES, patience_s: float = PATIENCE_S
    ) -> None:
        """Limit bodies to *max_bytes*, but for uploads, which are never in memory whole.

        *patience_s* is how long all waiting for a body may take that comes at less than
        `BYTES_PER_S`.
        """
        self._app = app
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 408, 413 or 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = is_upload(scope)
        limit = MAX_UPLOAD_BYTES if upload else self._max_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await TOO_LARGE.response(scope)(scope, receive, send)
            return
        body = _Body(receive, limit, self._patience_s)
        try:
            await self._app(scope, body.receive if upload else self._holding(body), send)
        finally:
            self._held -= body.held

    def _holding(self, body: "_Body") -> Receive:
        async def receive() -> Message:
            before = body.received
            message = await body.receive()
            body.held += body.received - before
            self._held += body.received - before
            if self._held > MAX_HELD_BYTES:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "5"})
            return message

        return receive


class _Body:
    """The body of one request on its way in."""

    def __init__(self, receive: Receive, limit: int, patience_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._patience_s = patience_s
        self._waited_s = 0.0
        self._is_complete = False
        self.received = 0
        self.held = 0

    async def receive(self) -> Message:
        """Return the next part; once the body is complete, wait for the client to go."""
        # HTTPException is the one kind that FastAPI lets out of the reading of a body.
        if self._is_complete:
            return await self._receive()
        began = monotonic()
        left_s = self._patience_s + self.received / BYTES_PER_S - self._waited_s
        try:
            async with asyncio.timeout(left_s):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"}
            ) from None
        self._waited_s += monotonic() - began
        self._is_complete = not message.get("more_body", False)
        self.received += len(message.get("body", b""))
        if self.received > self._limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

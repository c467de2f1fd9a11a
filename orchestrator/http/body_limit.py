"""Refuses bodies that are too large, or too slow, before they fill memory and connections."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Refusal
from .limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, TOO_LARGE

#: Bytes of all bodies that one process holds at a time; uploads are never in memory whole.
MAX_HELD_BYTES: Final = 5 * MAX_BODY_BYTES
#: How long all waiting for a body may take, and how many bytes buy a second more.
PATIENCE_S: Final = 30.0
BYTES_PER_S: Final = 16_000

_REFUSAL: Final = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", TOO_LARGE)


class BodyLimit:
    """ASGI middleware. Believes a declared length, and counts where none is declared."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int = MAX_BODY_BYTES,
        is_upload: Callable[[Scope], bool] = lambda _: False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Limit bodies to *max_bytes*, but for uploads, which never are in memory whole.

        *patience_s* is how long all waiting for a body may take that comes at less than
        `BYTES_PER_S`.
        """
        self._app = app
        self._max_bytes = max_bytes
        self._is_upload = is_upload
        self._patience_s = patience_s
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 408, 413 or 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = self._is_upload(scope)
        most = MAX_UPLOAD_BYTES if is_upload else self._max_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            await _REFUSAL.response()(scope, receive, send)
            return
        body = _Body(receive, most, self._patience_s)
        try:
            await self._app(scope, body.receive if is_upload else self._holding(body), send)
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

    def __init__(self, receive: Receive, most: int, patience_s: float) -> None:
        self._receive = receive
        self._most = most
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
        if self.received > self._most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

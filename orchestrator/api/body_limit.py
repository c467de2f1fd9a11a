"""Refuses bodies that are too large before they fill the memory."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Refusal
from .limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, TOO_LARGE

_REFUSAL = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", TOO_LARGE)


class BodyLimit:
    """ASGI middleware. Believes a declared length, and counts where none is declared."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int = MAX_BODY_BYTES,
        is_upload: Callable[[Scope], bool] = lambda _: False,
    ) -> None:
        """Limit bodies to *max_bytes*, but for uploads, which never are in memory whole."""
        self._app = app
        self._max_bytes = max_bytes
        self._is_upload = is_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MAX_UPLOAD_BYTES if self._is_upload(scope) else self._max_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            await _REFUSAL.response()(scope, receive, send)
            return
        await self._app(scope, _counted(receive, most), send)


def _counted(receive: Receive, most: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            # The one kind of exception that FastAPI lets out of the reading of a body.
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return counted

"""The error answers of SurfSense, in its envelope."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from orchestrator.embedded.sandbox import asgi

#: What proxies answer in place of the application: no envelope, no JSON.
UNAVAILABLE_PAGE = b"<html><body><h1>503 Service Unavailable</h1></body></html>"


class Refused(Exception):
    """The request gets an error answer and costs nothing."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        wait_s: int | None = None,
        detail: Mapping[str, Any] | None = None,
        fields: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self._error: dict[str, Any] = {"code": code, "message": message, "status": status}
        self._detail = detail or message
        self._fields = fields
        self.headers = () if wait_s is None else ((b"retry-after", str(wait_s).encode()),)

    def content(self, request_id: str, now: datetime) -> dict[str, Any]:
        """Return the body, as it is sent at *now*."""
        error = self._error | {
            "request_id": request_id,
            "timestamp": now.isoformat(),
            "report_url": f"https://report.example/{request_id}",
        }
        if self._fields:
            error["fields"] = self._fields
        return {"error": error, "detail": self._detail}


def invalid(error: ValidationError) -> Refused:
    """Return the refusal of a request that its model does not take."""
    fields = [{"loc": ["body", *fault["loc"]], "msg": fault["msg"]} for fault in error.errors()]
    return Refused(422, "VALIDATION_ERROR", "Request validation failed.", fields=fields)


def request_id_of(scope: asgi.Scope) -> str:
    """Return the request's own id, or a new one."""
    return asgi.header(scope, b"x-request-id") or uuid.uuid4().hex


async def fail(send: asgi.Send, attempt: int) -> None:
    """Fail in turn as the application does, with JSON, and as a proxy does, with a page.

    Raises:
        Refused: At odd attempts.
    """
    if attempt % 2:
        raise Refused(503, "INTERNAL_ERROR", "The service is unavailable.")
    await asgi.send_body(send, 503, UNAVAILABLE_PAGE, kind=b"text/html")

"""What all endpoints of the sandbox share: keys, the rate limit, counts, errors, JSON and bodies.

Faults of answers are simulated here, too: none, half of one, a broken one.
"""

import asyncio
import hmac
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from math import ceil, inf
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.embedded.sandbox.behaviour import (
    Behaviour,
    Fault,
    PollFault,
    RunFault,
    SandboxOptions,
)

#: Length of SurfSense's rate window in seconds.
WINDOW_S = 60.0


class Refused(Exception):
    """The request gets an error answer in SurfSense's envelope, and costs nothing."""

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
        self.headers = {} if wait_s is None else {"retry-after": str(wait_s)}
        self._error: dict[str, Any] = {"code": code, "message": message, "status": status}
        self._detail = detail or message
        self._fields = fields

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
    """Return the refusal of a request that its model does not accept."""
    fields = [{"loc": ["body", *fault["loc"]], "msg": fault["msg"]} for fault in error.errors()]
    return Refused(422, "VALIDATION_ERROR", "Request validation failed.", fields=fields)


class RateWindow:
    """SurfSense's rate limit: so many requests in a minute that begins with the first of them.

    Refused requests do not extend the window.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.reset()

    def reset(self) -> None:
        """Begin anew, as if nothing had been asked."""
        self._began = -inf
        self._admitted = 0

    def seconds_to_wait(self, limit: int | None) -> int:
        """Admit a request, returning 0, or refuse it and return when the window ends."""
        now = self._monotonic()
        if now - self._began >= WINDOW_S:
            self._began, self._admitted = now, 0
        if limit is not None and self._admitted >= limit:
            return ceil(self._began + WINDOW_S - now)
        self._admitted += 1
        return 0


class Auth:
    """Admits requests and counts them; its counts are in memory."""

    def __init__(self, options: SandboxOptions, monotonic: Callable[[], float]) -> None:
        self.behaviour: Behaviour = options.behaviour
        self.workspaces = options.workspaces
        self._api_key = options.api_key
        # By the workspace's id, which need not exist; blank for `/enrich`.
        self._windows: defaultdict[str, RateWindow] = defaultdict(partial(RateWindow, monotonic))
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget all requests but those in flight; faults begin again at the first attempt."""
        self._requests = 0
        self._looks = 0
        self._faults: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._windows.clear()

    def counts(self) -> dict[str, Any]:
        """Return the requests and looks seen, the work in flight, and the faults by kind."""
        return {
            "requests": self._requests,
            "looks": self._looks,
            "in_flight": self._in_flight,
            "faults": {
                fault.value: self._faults[fault] for fault in (*Fault, *PollFault, *RunFault)
            },
        }

    def admit(self, request: Request, *, names_wait: bool) -> None:
        """Admit a request for work; *names_wait* says whether a 429 has `Retry-After`.

        Raises:
            Refused: By the rate limit, then by the key, so bad keys consume the limit.
        """
        self._requests += 1
        window = self._windows[request.path_params.get("workspace_id", "")]
        wait_s = window.seconds_to_wait(self.behaviour.rate_limit)
        if wait_s:
            message = "Rate limit exceeded for this workspace. Try again shortly."
            named_s = wait_s if names_wait else None
            raise Refused(429, "RATE_LIMIT_EXCEEDED", message, wait_s=named_s)
        self.check_key(request)

    def admit_look(self, request: Request) -> None:
        """Admit a request that only looks, which no limit counts.

        Raises:
            Refused: By the key.
        """
        self._looks += 1
        self.check_key(request)

    def check_key(self, request: Request) -> None:
        """Check the bearer token, unless the sandbox has no key.

        Raises:
            Refused: It is missing or wrong.
        """
        if self._api_key is None:
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self._api_key.get_secret_value().encode()):
            raise Refused(401, "UNAUTHORIZED", "The API key is missing or wrong.")

    def check_workspace(self, request: Request) -> None:
        """Check that the token's owner may use the workspace of the path over the API.

        Raises:
            Refused: It has no such workspace, or its API access is switched off.
        """
        if request.path_params["workspace_id"] not in self.workspaces:
            raise Refused(403, "FORBIDDEN", "You don't have access to this workspace")
        if not self.behaviour.api_access:
            raise Refused(403, "FORBIDDEN", "API access is not enabled for this workspace.")

    def attempt_at(self, topic: str) -> int:
        """Return how many requests about *topic* there have been, this one included."""
        self._attempts[topic] += 1
        return self._attempts[topic]

    def count(self, fault: Fault | PollFault | RunFault | None) -> None:
        """Count a fault that a request meets, if it meets one."""
        if fault is not None:
            self._faults[fault] += 1

    @contextmanager
    def one_more_in_flight(self) -> Iterator[None]:
        """Count a search while it is under way."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1


#: Bytes of a request body beyond which it is refused.
LONGEST_BODY = 64 * 1024
#: What proxies answer in place of the application: no envelope, no JSON.
UNAVAILABLE_PAGE = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
#: Under this key of the request's state, the server puts the connection's transport.
TRANSPORT = "transport"


class Json(Response):
    """A JSON response."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return *content* as JSON."""
        return orjson.dumps(content)


async def deliver(request: Request, auth: Auth, fault: Fault | None, answer: Response) -> Response:
    """Return *answer* by way of *fault*: late, or never."""
    if fault is Fault.RESET:
        return await reset_connection(request)
    if fault is Fault.TIMEOUT:
        return await silence(request)
    if fault is Fault.LATE:
        await asyncio.sleep(auth.behaviour.late_ms / 1000)
    return answer


def unavailable(attempt: int) -> Response:
    """Fail in turn as the application does, with JSON, and as a proxy does, with a page.

    Raises:
        Refused: At odd attempts.
    """
    if attempt % 2:
        raise Refused(503, "INTERNAL_ERROR", "The service is unavailable.")
    return Response(UNAVAILABLE_PAGE, 503, media_type="text/html")


async def reset_connection(request: Request) -> Response:
    """End the connection at once, with a TCP reset instead of a goodbye."""
    transport: asyncio.Transport = request.scope["state"][TRANSPORT]
    at_once = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    transport.abort()
    return await silence(request)


async def silence(request: Request) -> Response:
    """Wait until the client has gone; the response that is returned reaches no client."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def body_of(request: Request) -> bytes:
    """Return the request's body, or an empty one when it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return b""
    return body

"""What the sandbox's endpoints send and read: JSON, bodies, and answers that do not come."""

import asyncio
import socket
import struct

import orjson
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.embedded.sandbox.auth import Auth, Refused
from orchestrator.embedded.sandbox.behaviour import Fault

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

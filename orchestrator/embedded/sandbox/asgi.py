"""The little of ASGI that the sandbox needs, and the abrupt end of a connection."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Bytes of a request body beyond which it is refused.
LONGEST_BODY = 64 * 1024

#: Under this key of the scope's state, `server` puts the connection's transport.
TRANSPORT = "transport"


def header(scope: Scope, name: bytes) -> str:
    """Return the request header *name* (lower case), or an empty text."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


async def body_of(receive: Receive) -> bytes | None:
    """Return the request's body, or None when it is too long."""
    body = b""
    more = True
    while more and len(body) <= LONGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return None if len(body) > LONGEST_BODY else body


async def send_body(
    send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes], kind: bytes
) -> None:
    """Send *body*, which is of content type *kind*, with further *headers*."""
    length = str(len(body)).encode()
    standard = ((b"content-type", kind), (b"content-length", length))
    await send({"type": "http.response.start", "status": status, "headers": [*standard, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_json(
    send: Send, status: int, content: object, *headers: tuple[bytes, bytes]
) -> None:
    """Send *content* as JSON."""
    body = orjson.dumps(content)
    await send_body(send, status, body, *headers, kind=b"application/json")


def with_header(send: Send, name: bytes, value: bytes) -> Send:
    """Return a *send* that adds one header to the response."""

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (name, value)]}
        await send(message)

    return send_more


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once, with a TCP reset instead of a goodbye."""
    at_once = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    transport.abort()

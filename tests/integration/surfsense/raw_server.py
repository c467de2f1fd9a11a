"""A server that misbehaves on the wire, byte by byte, and counts what it was sent."""

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Misbehaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"empresa":"Acme"}'


async def answer(writer: asyncio.StreamWriter) -> None:
    """Answer properly and keep the connection."""
    writer.write(ANSWER)
    await writer.drain()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close without an answer."""
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Send a TCP reset instead of an answer."""
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


async def keep_silent(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def say(text: bytes) -> Misbehaviour:
    """Return a server that sends *text* and closes."""

    async def misbehave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    return misbehave


class RawServer:
    """Plays one misbehaviour a request, the last one repeatedly, and counts what it gets."""

    def __init__(self, *script: Misbehaviour) -> None:
        self._script = list(script)
        self._conversations: set[asyncio.Task[None]] = set()
        self.requests = 0
        self.received: list[bytes] = []
        self.connections = 0
        self.url = ""

    @asynccontextmanager
    async def serve(self, address: str = "127.0.0.1") -> AsyncIterator["RawServer"]:
        """Listen on a free port of this machine."""
        server = await asyncio.start_server(self._accept, address, 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for conversation in self._conversations:
                conversation.cancel()
            await asyncio.gather(*self._conversations, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._conversations.add(asyncio.create_task(self._converse(reader, writer)))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                self.received.append(await _request(reader))
                misbehave = self._script[min(self.requests, len(self._script) - 1)]
                self.requests += 1
                await misbehave(writer)
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


class BlockingServer:
    """Answers properly, in a thread, and hangs up when told, whatever the event loop does."""

    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        """End all connections there are; when this returns, their ends have arrived."""
        while self._open:
            self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop serving."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                with connection:
                    self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        unread = b""
        while received := connection.recv(65_536):
            unread += received
            head, end, body = unread.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            if end and len(body) >= int(length[1] if length else 0):
                self.requests += 1
                unread = b""
                connection.sendall(ANSWER)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return head + await reader.readexactly(int(length[1]) if length else 0)

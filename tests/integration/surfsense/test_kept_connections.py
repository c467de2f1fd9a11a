"""A kept connection that the server has ended costs no answer, whatever was sent over it before."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from orchestrator.surfsense import SendGuard, guarded
from orchestrator.surfsense.http import Http, open_http

PATIENCE = timedelta(seconds=60)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
UNASKED = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"


class _Server:
    """Answers the first request of each connection; then, on `go`, does something unasked."""

    def __init__(self, listener: socket.socket, *, unasked: bytes) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.go, self.done = threading.Event(), threading.Event()
        self._listener, self._unasked = listener, unasked
        self.connections = 0

    def run(self) -> None:
        """Serve one connection after the other, until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(OK)
            self.go.wait(PATIENCE.total_seconds())
            if self._unasked:
                connection.sendall(self._unasked)
                self.done.set()
                connection.recv(65536)  # until the client ends it
        self.done.set()


@contextmanager
def _running(*, unasked: bytes = b"") -> Iterator[_Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Server(listener, unasked=unasked)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


async def _buy(http: Http) -> tuple[int, bool]:
    """Return the status that a paid request gets, and whether its bytes have left."""
    guard = SendGuard(lambda: True)
    with guarded(guard):
        reply = await http.send("POST", "/b", company="x", within=PATIENCE, body=b"{}")
    return reply.status, guard.has_left


@pytest.mark.parametrize("first", ["GET", "POST"])
async def test_a_connection_that_has_ended_unnoticed_is_not_used(first: str) -> None:
    """The loop is busy while the server closes it; the purchase takes another connection."""
    body = b"" if first == "GET" else b"{}"
    with _running() as server:
        async with open_http(server.url, api_key=None, timeout=PATIENCE) as http:
            await http.send(first, "/a", company="x", within=PATIENCE, body=body)
            server.go.set()
            assert server.done.wait(PATIENCE.total_seconds())  # the loop stands still meanwhile

            assert await _buy(http) == (200, True)

    assert server.connections == 2


async def test_bytes_that_no_request_has_asked_for_are_no_answer() -> None:
    """They were read while the connection was idle; a purchase must not take them for its own."""
    with _running(unasked=UNASKED) as server:
        async with open_http(server.url, api_key=None, timeout=PATIENCE) as http:
            await http.send("POST", "/a", company="x", within=PATIENCE, body=b"{}")
            server.go.set()
            await asyncio.to_thread(server.done.wait, PATIENCE.total_seconds())
            for _ in range(20):  # turns in which the loop reads what has come
                await asyncio.sleep(0.01)

            assert await _buy(http) == (200, True)

    assert server.connections == 2

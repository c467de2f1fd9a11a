"""What costs money leaves only while its buyer may pay, asked at the socket.

Each test counts the requests that reached the server, on both event loops that there are.
"""

import socket

import pytest
from structlog.testing import capture_logs

from orchestrator.surfsense import (
    EnrichmentError,
    Found,
    NotSent,
    RequestRejected,
    SendGuard,
    ServiceUnavailable,
    guarded,
)
from tests.integration.surfsense.buying import client_of, run_seller_of
from tests.integration.surfsense.conftest import Run
from tests.integration.surfsense.raw_server import RawServer, answer, say

NOT_FOUND = say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def test_nothing_leaves_once_the_guard_refuses(run: Run) -> None:
    """It ended while the connection was made: not a byte is sent, and none is tried again."""

    async def test() -> None:
        server = RawServer(answer)
        async with server.serve(), client_of(server.url) as client:
            with pytest.raises(NotSent), guarded(SendGuard(lambda: False)):
                await client.submit("Acme", purchase_id="p-1")
            with guarded(SendGuard(lambda: True)):
                sent = await client.submit("Acme", purchase_id="p-2")
        assert isinstance(sent, Found)
        assert (server.requests, server.connections) == (1, 2)

    run(test())


def test_a_run_is_not_started_once_the_guard_refuses(run: Run) -> None:
    """The same by the protocol with run ids."""

    async def test() -> None:
        server = RawServer(NOT_FOUND)
        async with server.serve(), run_seller_of(server.url) as seller:
            with pytest.raises(NotSent), guarded(SendGuard(lambda: False)):
                await seller.submit("Acme", purchase_id="p-1")
            with pytest.raises(RequestRejected), guarded(SendGuard(lambda: True)):
                await seller.submit("Acme", purchase_id="p-2")
        assert server.requests == 1

    run(test())


def test_the_guard_is_asked_when_all_else_is_done(run: Run) -> None:
    """Without a connection it is not asked: an earlier answer would say nothing."""
    asked: list[bool] = []

    def may_leave() -> bool:
        asked.append(True)
        return True

    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        async with client_of(f"http://127.0.0.1:{port}") as client:
            with pytest.raises(ServiceUnavailable), guarded(SendGuard(may_leave)):
                await client.submit("Acme", purchase_id="p-1")

    run(test())
    assert asked == []


def test_what_left_late_is_told(run: Run) -> None:
    """The process stood still between the question and the write: it stands in the log."""
    answers = iter((True, False))

    async def test() -> None:
        server = RawServer(answer)
        async with server.serve(), client_of(server.url) as client:
            with guarded(SendGuard(lambda: next(answers))):
                await client.submit("Acme", purchase_id="p-1")

    with capture_logs() as logs:
        run(test())
    assert [line["event"] for line in logs] == ["surfsense.sent_late"]


async def test_looking_needs_no_guard() -> None:
    """What costs nothing is asked for at any time."""
    server = RawServer(say(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"))

    async with server.serve(), run_seller_of(server.url) as seller:
        with pytest.raises(EnrichmentError):
            await seller.submit("Acme", purchase_id="p-1")

    assert server.requests == 1

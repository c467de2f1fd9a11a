"""Connections that are slow, idle or too many, to a real server with few file descriptors."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from orchestrator.embedded.stack import Valkey
from orchestrator.http import app
from orchestrator.http.app import BoundedProtocol
from tests.support.api_process import running_api
from tests.support.async_waiting import eventually
from tests.support.database import migrated_file

LIMIT = 8
#: Instead of seconds, so that the test has to wait for none of them.
SHORT_S = 0.2
Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and answer with as much as the address asks for."""
    while scope["path"] != "/unread" and (await receive()).get("more_body"):
        pass
    size = int(scope["query_string"] or 2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(size // 100_000 + 1):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
    await send({"type": "http.response.body"})


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEADER_S", "WRITE_S", "LINGER_S"):
        monkeypatch.setattr(app, name, SHORT_S)


@contextlib.contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
async def open_connection() -> AsyncIterator[Open]:
    """Run a server of `LIMIT` connections; return what opens one to it."""
    config = uvicorn.Config(
        _app,
        lifespan="off",
        ws="none",
        http=BoundedProtocol,
        limit_concurrency=LIMIT,
        timeout_keep_alive=1,
        log_config=None,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]  # they are pytest's
    writers: list[asyncio.StreamWriter] = []
    with _listener() as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writers.append(writer)
            return reader, writer

        await eventually(lambda: _true(server.started), "the server has started")
        yield opened
        for writer in writers:
            writer.close()
        for writer in writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        server.should_exit = True
        await serving


async def _true(value: object) -> object:
    return value


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what comes before the server ends the connection."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def asked(open_connection: Open) -> bytes:
    """Return the answer to an ordinary request."""
    reader, writer = await open_connection()
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return await ended(reader)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: local",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHo",
        b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1",
    ],
)
async def test_a_connection_that_asks_for_nothing_is_ended(
    open_connection: Open, sent: bytes
) -> None:
    """Whether it is silent, in the middle of a header, or was answered before it had sent all."""
    reader, writer = await open_connection()
    writer.write(sent)

    await ended(reader)


def _problem_in(answer: bytes) -> dict[str, object]:
    """Return the one problem that *answer* is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().splitlines()
    assert b"content-type: application/problem+json" in lines
    assert b"cache-control: no-store" in lines
    problem: dict[str, object] = json.loads(body)
    return problem


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 TLS\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_what_is_not_http_is_answered_as_other_errors(
    open_connection: Open, sent: bytes
) -> None:
    """In its first line, in a header or in the framing of its body; then the connection ends."""
    reader, writer = await open_connection()
    writer.write(sent)

    answer = await ended(reader)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert _problem_in(answer)["code"] == "invalid_http"


async def test_what_follows_an_answer_that_has_begun_ends_it(open_connection: Open) -> None:
    """A second answer in the middle of the first one would be read as a part of it."""
    reader, writer = await open_connection()
    head = (
        b"POST /unread?100000000 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    writer.write(head)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.write(b"xyz\r\n")

    assert b"invalid_http" not in await ended(reader)


async def test_a_header_that_trickles_is_ended(open_connection: Open) -> None:
    """Each byte would be in time; the header as a whole is not."""
    reader, writer = await open_connection()
    writer.write(b"GET / HTTP/1.1\r\n")

    async def trickle() -> None:
        with contextlib.suppress(OSError):
            while not writer.is_closing():
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(SHORT_S / 10)

    trickling = asyncio.create_task(trickle())
    await ended(reader)
    writer.close()
    await trickling


async def test_a_client_that_does_not_read_is_ended(open_connection: Open) -> None:
    """An answer of any size waits for it for a bounded time."""
    reader, writer = await open_connection()
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - it does not read
    writer.write(b"GET /?100000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await writer.drain()

    async def is_gone() -> bool:
        writer.write(b"x")
        return writer.transport.is_closing()

    await eventually(is_gone, "the connection is ended")


async def test_idle_connections_make_room_for_new_ones(open_connection: Open) -> None:
    """However many are open and silent, a request is answered."""
    silent = [await open_connection() for _ in range(5 * LIMIT)]

    for _ in range(3):
        assert (await asked(open_connection)).startswith(b"HTTP/1.1 200")
    assert all([await ended(reader) == b"" for reader, _ in silent])


async def test_busy_connections_are_not_ended_for_new_ones(open_connection: Open) -> None:
    """One more than there may be is refused, with when to come back."""
    busy = [await open_connection() for _ in range(LIMIT)]
    for _, writer in busy:
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n1")
    await asyncio.gather(*(writer.drain() for _, writer in busy))
    reader, _ = await open_connection()

    refused = await ended(reader)
    for _, writer in busy:
        writer.write(b"234")
    answers = [await reader.readline() for reader, _ in busy]

    assert refused.startswith(b"HTTP/1.1 503")
    assert _problem_in(refused)["code"] == "too_many_connections"
    assert b"retry-after: 5" in refused
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


def test_130_idle_connections_do_not_end_the_service(valkey: Valkey, tmp_path: Path) -> None:
    """At 128 file descriptors the API goes on answering, and accepting work."""
    variables = {
        "REDIS_URL": f"{valkey.url}/1",
        "DATABASE_URL": migrated_file(tmp_path),
        "SURFSENSE_URL": "http://127.0.0.1:9",
    }
    with contextlib.ExitStack() as stack:
        running = running_api(variables, tmp_path / "api.log", descriptors=128)
        child, client = stack.enter_context(running)
        address = (client.base_url.host, client.base_url.port)
        for _ in range(130):
            stack.enter_context(socket.create_connection(address))

        for number in range(3):
            wanted = {"kind": "enrich", "companies": [f"Acme {number}"]}
            assert client.get("/health").status_code == 200
            assert client.post("/api/v1/jobs", json=wanted).status_code == 202

        assert child.is_alive
        assert "Too many open files" not in child.log.read_text()

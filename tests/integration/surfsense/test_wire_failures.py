"""What the real transport makes of a server that fails on the wire, and what we make of that.

Each test counts the requests that reached the server: a purchase is sent at most once.
"""

import asyncio
import gzip
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator.surfsense import (
    AnswerLost,
    EnrichmentError,
    Found,
    MalformedAnswer,
    SendGuard,
    ServiceUnavailable,
    guarded,
)
from tests.integration.surfsense.buying import PATIENCE, client_of, error_of, run_seller_of
from tests.integration.surfsense.conftest import Run
from tests.integration.surfsense.raw_server import (
    ANSWER,
    BlockingServer,
    Misbehaviour,
    RawServer,
    answer,
    hang_up,
    keep_silent,
    reset,
    say,
)

_RUN = (
    b'{"id":"run_1","status":"success","created_at":"2026-11-23T12:00:00Z","cost_micros":5500,'
    b'"output_text":"{\\"empresa\\":{\\"empresa\\":\\"Acme\\"}}"}'
)
_AN_ENDED_RUN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_RUN), _RUN)
BROKEN_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"


async def error_from(server: RawServer, *, patience: timedelta = PATIENCE) -> EnrichmentError:
    """Return the error of one purchase from *server*."""
    async with server.serve():
        return await error_of(server.url, api_key="ss_pat_secret", patience=patience)


@pytest.mark.parametrize(
    "misbehave",
    [
        pytest.param(reset, id="reset"),
        pytest.param(hang_up, id="hang up"),
        pytest.param(say(b"HTTP/1.1 200 O"), id="half a status line"),
        pytest.param(say(b"HTTP/1.1 200 OK\r\nContent-Le"), id="half a header"),
        pytest.param(say(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"a":'), id="half a body"),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"), id="half a chunk"
        ),
        pytest.param(say(b"SSH-2.0-OpenSSH\r\n\r\n"), id="another protocol"),
    ],
)
async def test_a_lost_answer_is_said_to_be_lost(misbehave: Misbehaviour) -> None:
    """Whatever breaks after sending, the purchase may have happened and is not repeated."""
    server = RawServer(misbehave)

    error = await error_from(server)

    assert type(error) is AnswerLost
    assert server.requests == 1


async def test_a_broken_compression_is_malformed_not_lost() -> None:
    """The answer did come, and asking again would bring the same."""
    server = RawServer(say(BROKEN_GZIP))

    assert type(await error_from(server)) is MalformedAnswer


async def test_a_broken_compression_leaves_a_run_to_be_found() -> None:
    """The POST was accepted, whatever its answer says."""
    server = RawServer(say(BROKEN_GZIP.replace(b"200 OK", b"202 Accepted")))

    async with server.serve(), run_seller_of(server.url) as seller:
        with pytest.raises(AnswerLost, match="run id"):
            await seller.submit("Acme", purchase_id="p-1")


async def test_a_compressed_answer_is_read() -> None:
    """Whether or not it was asked for."""
    body = gzip.compress(b'{"empresa":"Acme"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    server = RawServer(say(head % len(body) + body))

    async with server.serve(), client_of(server.url) as client:
        answer = await client.submit("Acme", purchase_id="p-1")

    assert isinstance(answer, Found)
    assert answer.payload == {"empresa": "Acme"}


async def test_silence_is_a_lost_answer() -> None:
    """A server that took the request and never answers may charge it."""
    server = RawServer(keep_silent)

    error = await error_from(server, patience=timedelta(milliseconds=300))

    assert type(error) is AnswerLost
    assert server.requests == 1


async def test_nobody_listening_is_unavailable() -> None:
    """A refused connection certainly bought nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async with client_of(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ServiceUnavailable):
            await client.submit("Acme", purchase_id="p-1")


async def test_a_connection_is_kept_for_the_next_purchase() -> None:
    """If the server keeps it, too."""
    server = RawServer(answer)

    async with server.serve(), client_of(server.url) as client:
        bought = [await client.submit("Acme", purchase_id=str(number)) for number in range(3)]

    assert all(isinstance(one, Found) for one in bought)
    assert (server.requests, server.connections) == (3, 1)


async def test_a_kept_connection_that_has_ended_is_not_used() -> None:
    """The next purchase has a connection of its own, and is sent once."""
    server = RawServer(say(ANSWER))

    async with server.serve(), client_of(server.url) as client:
        bought = [await client.submit("Acme", purchase_id=str(number)) for number in range(3)]

    assert all(isinstance(one, Found) for one in bought)
    assert server.requests == server.connections == 3


def test_a_kept_connection_is_looked_at_right_before_the_write(run: Run) -> None:
    """Its end is seen even if the event loop has not noticed it; nothing was sent on it."""

    async def test() -> None:
        server = BlockingServer()
        async with client_of(server.url) as client:
            await client.submit("Acme", purchase_id="p-1")
            for _ in range(3):  # a connection is free for the next one a few turns later
                await asyncio.sleep(0)
            ends = iter([server.hang_up])

            def may_leave() -> bool:
                next(ends, lambda: None)()
                return True

            with guarded(SendGuard(may_leave)):
                bought = await client.submit("Acme", purchase_id="p-2")
        server.close()
        assert isinstance(bought, Found)
        assert (server.requests, server.connections) == (2, 2)

    run(test())


async def test_an_answer_lost_on_a_kept_connection_is_lost() -> None:
    """The server took the request and died: no second one is sent."""
    server = RawServer(answer, hang_up)

    async with server.serve(), client_of(server.url) as client:
        await client.submit("Acme", purchase_id="p-1")
        with pytest.raises(AnswerLost):
            await client.submit("Acme", purchase_id="p-2")

    assert (server.requests, server.connections) == (2, 1)


@pytest.mark.parametrize("misbehave", [reset, say(b"nonsense\r\n\r\n"), say(b"HTTP/1.1 200")])
async def test_no_error_shows_the_key(misbehave: Misbehaviour) -> None:
    """Neither the error nor anything that its traceback shows quotes the request's headers."""
    server = RawServer(misbehave)

    error = await error_from(server)

    assert b"ss_pat_secret" in server.received[0]
    assert all("ss_pat_secret" not in f"{each!r} {each}" for each in _behind(error))


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """Yield what a traceback shows, which may also print each error's repr."""
    if error is not None:
        yield error
        yield from _behind(error.__cause__)
        if not error.__suppress_context__:
            yield from _behind(error.__context__)


def an_endless_stream(text: bytes, *, gone: asyncio.Event) -> Misbehaviour:
    """Return a server that streams *text* without end, and sets *gone* once the client is."""

    async def misbehave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        try:
            while True:
                writer.write(text)
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            gone.set()

    return misbehave


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"x" * 100_000, id="one line"),
        pytest.param(b"data: {}\n\n" * 1_000, id="many events"),
        pytest.param(b'data: {"type":"run.finished","status":"running"}\n\n', id="never ends"),
    ],
)
async def test_an_endless_stream_of_events_is_left(text: bytes) -> None:
    """The run is collected by the looks, and the connection is closed."""
    gone = asyncio.Event()
    server = RawServer(an_endless_stream(text, gone=gone), say(_AN_ENDED_RUN))
    second = timedelta(seconds=1)

    async with (
        server.serve(),
        run_seller_of(server.url, looks=(second, second)) as seller,
        asyncio.timeout(PATIENCE.total_seconds()),
    ):
        answer = await seller.collect("run_1", company="Acme")
        await gone.wait()

    assert isinstance(answer, Found)
    assert server.requests == 2


@pytest.mark.parametrize(
    "misbehave",
    [
        pytest.param(reset, id="reset"),
        pytest.param(hang_up, id="hang up"),
        pytest.param(keep_silent, id="silent"),
        pytest.param(say(b"SSH-2.0-OpenSSH\r\n\r\n"), id="another protocol"),
        pytest.param(say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), id="none"),
        pytest.param(say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ndata: {"), id="cut"),
        pytest.param(say(BROKEN_GZIP), id="broken encoding"),
    ],
)
async def test_events_that_cannot_be_read_change_nothing(misbehave: Misbehaviour) -> None:
    """They are given up, and the run is looked at in its time."""
    server = RawServer(misbehave, say(_AN_ENDED_RUN))
    second = timedelta(seconds=1)

    async with server.serve(), run_seller_of(server.url, looks=(second, second)) as seller:
        answer = await seller.collect("run_1", company="Acme")

    assert isinstance(answer, Found)
    assert server.requests <= 3  # aiohttp repeats a GET once whose connection ends unanswered

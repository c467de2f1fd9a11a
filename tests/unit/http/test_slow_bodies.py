"""Bodies that come slowly, or beside too many others."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from orchestrator.http import limits
from orchestrator.http.limits import CSV, JOBS_PATH, BodyLimit

SCOPE: dict[str, Any] = {"type": "http", "headers": [], "path": "/"}
UPLOAD: Scope = {
    **SCOPE,
    "path": JOBS_PATH,
    "headers": [(b"content-type", CSV.encode())],
}


async def _reads_all(_scope: Scope, receive: Receive, _send: Send) -> None:
    while (await receive())["more_body"]:
        pass


async def _sent(_message: Message) -> None:
    """Send nothing."""


def part(size: int, *, more: bool = True) -> Message:
    """Return a part of a body."""
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def trickling(pause_s: float, size: int) -> Callable[[], Any]:
    """Return what receives *size* bytes after each pause, without end."""

    async def receive() -> Message:
        await asyncio.sleep(pause_s)
        return part(size)

    return receive


@pytest.mark.parametrize("pause_s", [0.01, 60])
async def test_a_body_that_trickles_is_ended(pause_s: float) -> None:
    """Whether the next byte comes soon or never: it is the whole that takes too long."""
    limited = BodyLimit(_reads_all, patience_s=0.1)

    with pytest.raises(HTTPException) as raised:
        await limited(SCOPE, trickling(pause_s, 1), _sent)

    assert raised.value.status_code == 408


async def test_what_comes_fast_may_take_long() -> None:
    """Each byte that has come buys time for the next; an upload of any length is read."""
    parts = 0

    async def receive() -> Message:
        nonlocal parts
        parts += 1
        await asyncio.sleep(0.02)
        return part(limits.BYTES_PER_S * 60, more=parts < 20)

    limited = BodyLimit(_reads_all, patience_s=0.1)

    await limited(UPLOAD, receive, _sent)

    assert parts == 20


async def test_a_complete_body_is_waited_behind_without_end() -> None:
    """Who streams an answer listens for the end of the connection, for as long as it takes."""
    came = asyncio.Event()

    async def receive() -> Message:
        if not came.is_set():
            came.set()
            return part(1, more=False)
        await asyncio.sleep(0.3)
        return {"type": "http.disconnect"}

    async def streams(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    await BodyLimit(streams, patience_s=0.05)(SCOPE, receive, _sent)


async def test_bodies_that_fill_the_memory_together_are_refused() -> None:
    """As many are held as fit; the next one is told when to come back, and room is given back."""
    limited = BodyLimit(_reads_all)
    hold = asyncio.Event()
    big = limits.MAX_HELD_BYTES // 5

    async def held() -> Message:
        await hold.wait()
        return part(0, more=False)

    def body() -> Receive:
        parts = iter([part(big)])

        async def receive() -> Message:
            return next(parts, None) or await held()

        return receive

    first = [asyncio.create_task(limited(SCOPE, body(), _sent)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(HTTPException) as raised:
        await limited(SCOPE, body(), _sent)
    hold.set()
    await asyncio.gather(*first)
    await limited(SCOPE, body(), _sent)

    assert raised.value.status_code == 503

"""When a run is looked at: at its times, and once more where its events tell the end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
import pytest

from orchestrator.surfsense import ServiceUnavailable
from orchestrator.surfsense.runs import MOST_BYTES, LookTimes

FINISHED = {"type": "run.finished", "run_id": "run_1", "status": "success", "item_count": 1}


def line(event: object) -> bytes:
    """Return *event* as SurfSense streams it."""
    return b"data: " + orjson.dumps(event) + b"\n\n"


class Stream:
    """A run's events: some bytes, then their end or silence; counts who follows and who left."""

    def __init__(self, *chunks: bytes, ends: bool = True) -> None:
        self._chunks = chunks
        self._ends = ends
        self.opened = 0
        self.closed = 0
        self.read = 0

    async def follow(self, _run_id: str, _company: str) -> AsyncGenerator[bytes]:
        """Open the stream."""
        self.opened += 1
        return self._bytes()

    async def _bytes(self) -> AsyncGenerator[bytes]:
        try:
            for chunk in self._chunks:
                self.read += len(chunk)
                yield chunk
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed += 1


class Night:
    """Sleeps until the test ends the night, and remembers for how long it was asked to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._morning = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        self.seconds.append(seconds)
        await self._morning.wait()

    def end(self) -> None:
        """Wake all sleepers; later ones do not sleep."""
        self._morning.set()


async def a_turn_later(_seconds: float) -> None:
    """Sleep as long as a stream of the tests needs to be read."""
    for _ in range(100):
        await asyncio.sleep(0)


async def looks_at(times: LookTimes, *pauses: float) -> int:
    """Return how many looks there are with *pauses* between them."""
    async with aclosing(times.times(pauses, "run_1", "Acme")) as looks:
        return len([None async for _ in looks])


async def test_a_told_end_is_looked_at_before_the_pause_is_over() -> None:
    """And the looks afterwards come when they would have come."""
    night, stream = Night(), Stream(line({"type": "run.started"}), line(FINISHED), ends=False)
    seen: list[int] = []

    async with aclosing(LookTimes(night.sleep, stream.follow).times([5, 6], "run_1", "A")) as looks:
        async for _ in looks:
            seen.append(len(night.seconds))
            night.end()

    assert seen == [1, 1, 2]
    assert night.seconds == [5, 6]
    assert (stream.opened, stream.closed) == (1, 1)


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_an_event_may_come_in_pieces(size: int) -> None:
    """A packet ends anywhere."""
    text = line({"type": "run.heartbeat"}) + line(FINISHED)
    stream = Stream(*(text[at : at + size] for at in range(0, len(text), size)))

    assert await looks_at(LookTimes(a_turn_later, stream.follow), 5) == 2


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(Stream(), id="empty"),
        pytest.param(Stream(ends=False), id="silent"),
        pytest.param(Stream(line(FINISHED)[:-2]), id="cut"),
        pytest.param(Stream(line(FINISHED | {"run_id": "run_2"})), id="another run"),
        pytest.param(Stream(line(FINISHED | {"status": "running"})), id="another process"),
        pytest.param(Stream(line(FINISHED | {"status": ["success"]})), id="no status"),
        pytest.param(Stream(line([FINISHED])), id="no object"),
        pytest.param(Stream(b"data: {\n\n", b"\xff\n\n", b"<html>\n"), id="no JSON"),
        pytest.param(Stream(b"[" * MOST_BYTES + b"\n"), id="deep JSON"),
        pytest.param(Stream(line({"type": "run.progress", "message": "run.finished"})), id="text"),
    ],
)
async def test_other_events_change_nothing(stream: Stream) -> None:
    """There are as many looks as pauses, and the stream is asked for once."""
    assert await looks_at(LookTimes(a_turn_later, stream.follow), 5, 5, 5) == 3
    assert (stream.opened, stream.closed) == (1, 1)


@pytest.mark.parametrize("chunk", [b"data", b"data: {}\n\n"], ids=["endless line", "endless lines"])
async def test_a_stream_without_end_is_left(chunk: bytes) -> None:
    """What is read of it is bounded, and so is what is kept of a line."""
    stream = Stream(*[chunk * 1000] * 1000, ends=False)

    assert await looks_at(LookTimes(a_turn_later, stream.follow), 5) == 1
    assert stream.read <= MOST_BYTES + len(chunk) * 1000
    assert stream.closed == 1


async def test_a_workspace_that_cannot_be_found_is_for_the_look_to_say() -> None:
    """The events fail silently."""

    async def follow(_run_id: str, company: str) -> AsyncGenerator[bytes]:
        raise ServiceUnavailable(company, "no workspace")

    assert await looks_at(LookTimes(a_turn_later, follow), 5, 5) == 2


async def test_short_pauses_open_no_stream() -> None:
    """It would cost a request to save less than a second."""
    stream = Stream(line(FINISHED))

    assert await looks_at(LookTimes(a_turn_later, stream.follow), 0.2, 0.9) == 2
    assert stream.opened == 0


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["over", "cancelled"])
async def test_a_wait_that_ends_leaves_nothing_open(*, is_cancelled: bool) -> None:
    """Neither a stream nor a task; the next run may have its stream."""
    night, stream, before = Night(), Stream(ends=False), asyncio.all_tasks()
    times = LookTimes(night.sleep, stream.follow, most_streams=1)

    for number in (1, 2):
        waiting = asyncio.create_task(looks_at(times, 5))
        await a_turn_later(0)
        assert stream.opened == number
        if is_cancelled:
            waiting.cancel()
        else:
            night.end()
        await asyncio.wait([waiting])

    assert stream.closed == 2
    assert asyncio.all_tasks() == before


async def test_few_streams_are_open_at_once() -> None:
    """SurfSense has a database connection for each; the other runs are looked at as ever."""
    night, stream = Night(), Stream(ends=False)
    times = LookTimes(night.sleep, stream.follow, most_streams=2)

    waits = [asyncio.create_task(looks_at(times, 5)) for _ in range(5)]
    await a_turn_later(0)
    opened = stream.opened
    night.end()

    assert await asyncio.gather(*waits) == [1] * 5
    assert (opened, stream.closed) == (2, 2)

"""The events of a run, as a hint when to look at it: they end a pause, and decide nothing.

What a run has come to is what a look says. The looks come at their times whatever the events are;
events that are wrong, cut, silent or hostile cause one more look at most.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Final, TypeAlias

import orjson

from orchestrator.infra.background import end_task
from orchestrator.surfsense.errors import EnrichmentError
from orchestrator.surfsense.http import Sleep
from orchestrator.surfsense.runs import RunStatus

#: Returns the bytes of a run's event stream, by its id and the company that errors name.
Follow: TypeAlias = Callable[[str, str], Awaitable[AsyncGenerator[bytes]]]

#: Streams of a process at once. SurfSense keeps a database connection for each as long as it is
#: open, and has 180 for everything that it does (docs/decisions/0034).
MOST_STREAMS: Final = 8
#: A shorter pause than this is not worth a stream, in seconds.
WORTH_S: Final = 1.0
#: What is read of one stream; the events of a run of ours are a few hundred bytes.
MOST_BYTES: Final = 64 * 1024

_ENDS: Final = tuple(set(RunStatus) - {RunStatus.RUNNING})


class LookTimes:
    """Says when to look at runs whose ends are waited for.

    Without *follow* no events are read.
    """

    def __init__(
        self, sleep: Sleep, follow: Follow | None = None, *, most_streams: int = MOST_STREAMS
    ) -> None:
        self._sleep = sleep
        self._follow = follow
        self._free_streams = most_streams

    async def times(
        self, pauses: Iterable[float], run_id: str, company: str
    ) -> AsyncGenerator[None]:
        """Yield after each of *pauses*, and once more when the events say that the run has ended.

        That look does not change the times of the others. To be closed (`aclosing`).
        """
        pause = events = None
        is_told = False
        try:
            for seconds in pauses:
                pause = asyncio.ensure_future(self._sleep(seconds))
                if seconds >= WORTH_S and not is_told:
                    events = events or asyncio.create_task(self._tell_end(run_id, company))
                    await asyncio.wait({pause, events}, return_when=asyncio.FIRST_COMPLETED)
                    is_told = events.done()
                    if is_told and events.result():
                        yield
                await pause
                yield
        finally:
            for task in (pause, events):
                if task is not None:
                    await end_task(task)

    async def _tell_end(self, run_id: str, company: str) -> bool:
        """Return True once the run's events say that it has ended, False if they do not."""
        if self._follow is None or not self._free_streams:
            return False
        self._free_streams -= 1
        try:
            async with aclosing(await self._follow(run_id, company)) as chunks:
                return await _tells_end(chunks, run_id)
        except EnrichmentError:  # of the search for the workspace; a look has it, too
            return False
        finally:
            self._free_streams += 1


async def _tells_end(chunks: AsyncGenerator[bytes], run_id: str) -> bool:
    """Return whether one of the lines of *chunks* tells the end of the run."""
    unread, left = b"", MOST_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return False
        *lines, unread = (unread + chunk).split(b"\n")
        if any(_is_end(line, run_id) for line in lines):
            return True
    return False


def _is_end(line: bytes, run_id: str) -> bool:
    """Return whether *line* tells the end of the run.

    Another process of SurfSense than the run's knows no more than that it is running, and says
    `run.finished` with that status. The stream has data lines only, one for each event.
    """
    try:
        event = orjson.loads(line.removeprefix(b"data:"))
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(event, dict)
        and event.get("type") == "run.finished"
        and event.get("status") in _ENDS
        and event.get("run_id", run_id) == run_id
    )

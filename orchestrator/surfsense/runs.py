"""Runs of SurfSense's workspace API: their wire models, when to look at one, and what it means.

The events of a run are a hint when to look at it: they end a pause, and decide nothing. What a run
has come to is what a look says. The looks come at their times whatever the events are; events that
are wrong, cut, silent or hostile cause one more look at most.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)

from orchestrator.infra.background import end_task
from orchestrator.surfsense.errors import (
    EnrichmentError,
    MalformedAnswer,
    RequestRejected,
    RunInterrupted,
    ServiceUnavailable,
    SourceRefused,
    is_refused_by_source,
    one_line,
)
from orchestrator.surfsense.http import Sleep
from orchestrator.surfsense.seller import Answer, NotFound, answer_in

#: Error of a run that was under way when its server restarted. It is not final: another process of
#: the server may still be at work on the run, and a late success is charged.
INTERRUPTED = "Interrupted by server restart"

_PREFIX = "run_"
#: An asynchronous run keeps only the text of its error, which may begin with a status.
_STATUS = re.compile(r"(4\d\d)\b:?\s*")
#: Statuses by which a *source* turned the scraper away for now, not SurfSense the request.
_FOR_NOW = frozenset({403, 408, 425, 429})


class RunStatus(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    CANCELLED = "cancelled"


def _with_prefix(run_id: str) -> str:
    return run_id if run_id.startswith(_PREFIX) else _PREFIX + run_id


def _aware(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# It becomes part of a path, so it must not lead elsewhere. Not `\w`: repeated up to 100 times, it
# would compile to a pattern of 10 MB.
_RunId = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,100}$"), AfterValidator(_with_prefix)
]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Started(_Wire):
    """The answer to an accepted POST."""

    run_id: _RunId


class RunRow(_Wire):
    """A run as the list has it. `id` always has its prefix; `created_at` is in UTC."""

    id: _RunId
    status: RunStatus
    created_at: Annotated[datetime, AfterValidator(_aware)]
    error: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status is RunStatus.RUNNING

    @property
    def is_interrupted(self) -> bool:
        """Whether a restart of the server ended it, perhaps not finally."""
        return self.status is RunStatus.ERROR and (self.error or "").startswith(INTERRUPTED)

    @property
    def may_be_charged(self) -> bool:
        """Whether it was charged, or may still be."""
        return self.status in {RunStatus.RUNNING, RunStatus.SUCCESS} or self.is_interrupted


class Run(RunRow):
    """A run with its request and its result."""

    cost_micros: Annotated[int, Field(ge=0)] | None = None
    input: dict[str, Any] | None = None
    output_text: str | None = None

    def items(self) -> list[dict[str, Any]]:
        """Return the result's items.

        Raises:
            ValueError: The result is not lines of JSON objects.
        """
        # Not `splitlines`: the text is not escaped, and a value may contain U+2028.
        lines = (self.output_text or "").split("\n")
        items = [orjson.loads(line) for line in lines if line.strip()]
        if not all(isinstance(item, dict) for item in items):
            raise ValueError("an item is not a JSON object")
        return items


RUN: TypeAdapter[Run] = TypeAdapter(Run)
RUN_LIST: TypeAdapter[list[RunRow]] = TypeAdapter(list[RunRow])


def verdict_on_run(
    run: Run,
    read: Callable[[list[dict[str, Any]], str], dict[str, Any]],
    *,
    company: str,
    cost_of: Callable[[list[dict[str, Any]]], int],
) -> Answer:
    """Return the answer of an ended *run*.

    Args:
        run: Of any status but running.
        read: Returns what items say about a company.
        company: The name as it was asked for.
        cost_of: Returns what items have cost whose run does not say so.

    Raises:
        EnrichmentError: Of the class that says what to do.
    """
    if run.status is not RunStatus.SUCCESS:
        raise _failure(run, company)
    try:
        items = run.items()
    except ValueError as error:
        unusable = MalformedAnswer(company, "the run's items")
        unusable.cost_micros = run.cost_micros
        raise unusable from error
    estimated = run.cost_micros is None
    if not items:  # Google did not let SurfSense in: nothing is known, and nothing charged
        return NotFound(run.cost_micros or 0, estimated)
    cost_micros = cost_of(items) if run.cost_micros is None else run.cost_micros
    answer = answer_in(read(items, company), cost_micros)
    return replace(answer, cost_micros=cost_micros, cost_estimated=estimated)


def _failure(run: Run, company: str) -> EnrichmentError:
    if run.status is RunStatus.CANCELLED:
        return ServiceUnavailable(company, "the run was cancelled")
    if run.is_interrupted:
        return RunInterrupted(company, run.id)
    text = one_line(run.error) or "it gave no reason"
    if is_refused_by_source(text):
        return SourceRefused(company, text)
    status = _STATUS.match(text)
    if status is None or int(status[1]) in _FOR_NOW:
        return ServiceUnavailable(company, f"the run failed: {text}")
    return RequestRejected(company, int(status[1]), text[status.end() :])


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

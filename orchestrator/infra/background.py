"""Runs background loops under one supervisor; shares the event loop; ends tasks reliably.

Every loop of a process (sweeper, pruner, outbox relay, job watch, heartbeat ...) is a `Loop` that
a `Supervisor` runs. To add one::

    supervisor.start(Loop("cleaner", self.clean, every=timedelta(seconds=5)))

`clean` does one round and returns; it neither loops nor sleeps nor catches what it cannot handle.
An error costs that round only: it is logged by its class (throttled, without its message, which may
quote data), counted, and shown in the worker's heartbeat, so that `emasai doctor` names the loop.
`Pruner` is such a loop: it drops what has been kept long enough.
"""

import asyncio
import gc
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Final, Protocol

import structlog

from .clock import Clock
from .logs import ThrottledLog, error_class

log = structlog.get_logger(__name__)

#: Seconds until a task that did not end is cancelled again. Far longer than it takes to close a
#: connection of the database, which the first cancellation begins: a second does not wait for that.
AGAIN_S: Final = 1.0
#: Pause after a failed round, unless the loop's own pause is shorter; each further doubles it.
FIRST_PAUSE: Final = timedelta(seconds=1)
#: Longest pause after failed rounds, unless the loop's own pause is longer: a backend that is back
#: is used again this soon.
LONGEST_PAUSE: Final = timedelta(seconds=5)
#: Innermost frames of an error that are logged.
_FRAMES: Final = 3
#: Doublings of a pause, at most: far beyond any bound, and no overflow.
_DOUBLINGS: Final = 20

#: New containers until the youngest are collected. One entry of the memo is about thirty; with
#: Python's default of 700, collections took most of the time of a bulk read.
YOUNG = 50_000
#: How long one piece of long work may keep the event loop before others get a turn.
TURN_S: Final = 0.001
#: After how many seconds a thread that waits for the GIL gets it. Shorter than a turn: the loop
#: drops the GIL for an instant between two turns, each such drop starts the wait of the other
#: threads anew, and with Python's default of 5 ms they starve. SQLite is asked in such threads.
GIL_S: Final = 0.0005


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel *task* until it has ended; its result or error is dropped.

    Once is not enough: in Python 3.11 `asyncio.wait_for`, through which redis-py sends its
    commands, swallows a cancellation that arrives together with its result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_S)
    if not task.cancelled():
        task.exception()  # marks it as seen


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` if the block takes longer, as `asyncio.timeout` does.

    It cancels again until the block has ended, for the reason that `end_task` gives.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - only a task can be cancelled
    before, times = task.cancelling(), 0
    timer: asyncio.TimerHandle

    def cancel() -> None:
        nonlocal times, timer
        times += 1
        task.cancel()
        timer = loop.call_later(AGAIN_S, cancel)

    timer = loop.call_later(seconds, cancel)
    try:
        yield
    except asyncio.CancelledError as error:
        if times and task.cancelling() - times <= before:
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        for _ in range(times):
            task.uncancel()


def raise_if_cancelled() -> None:
    """Raise a cancellation of the current task that was swallowed on the way, see `end_task`.

    For work of many steps whose canceller, such as the handler of Ctrl-C, cancels only once.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@dataclass(frozen=True, slots=True)
class Loop:
    """Work that is done again and again.

    Attributes:
        name: What logs, heartbeats and the doctor call it.
        work: Does one round. It returns True if there is more to do at once.
        every: Pause between two rounds. Zero for work that waits by itself.
    """

    name: str
    work: Callable[[], Awaitable[object]]
    every: timedelta


class Supervisor:
    """Runs the loops of one process, and knows which of them fail. Names of loops are unique."""

    def __init__(
        self, *, first_pause: timedelta = FIRST_PAUSE, longest_pause: timedelta = LONGEST_PAUSE
    ) -> None:
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._health: dict[str, _Health] = {}

    @property
    def failing(self) -> dict[str, str]:
        """The loops whose last round failed, each with the class of its error."""
        found = self._health.items()
        return {name: each.error for name, each in found if each.error is not None}

    @property
    def failures(self) -> dict[str, int]:
        """How many rounds have failed since the process began, of each loop."""
        return {name: each.failures for name, each in self._health.items()}

    def start(self, loop: Loop) -> "asyncio.Task[None]":
        """Run *loop* in a task of its own; end it with `end_task`."""
        return asyncio.create_task(self.run(loop), name=loop.name)

    async def run(self, loop: Loop) -> None:
        """Call the work of *loop* until this task is cancelled, whatever it raises.

        The pause after an error doubles with each further one, within bounds; it begins anew after
        a round that went well, or that went on for longer than the longest pause before it failed.
        """
        task, health = asyncio.current_task(), self._observe(loop.name, loop.every)
        assert task is not None  # noqa: S101 - a coroutine runs in one
        while not task.cancelling():
            health.begin()
            try:
                pause = timedelta(0) if await loop.work() is True else loop.every
                health.succeeded()
            except asyncio.CancelledError as error:
                if task.cancelling():
                    raise
                # A task that the work awaits was cancelled, and not the loop.
                pause = health.failed(error)
            except Exception as error:  # noqa: BLE001 - one error must not end the loop
                pause = health.failed(error)
            await asyncio.sleep(pause.total_seconds())
        # The work has swallowed the cancellation, see `end_task`.
        raise asyncio.CancelledError

    def run_in_thread(
        self, name: str, work: Callable[[], object], *, every: timedelta, over: threading.Event
    ) -> None:
        """Call *work* in this thread, *every* so often, until *over* is set.

        As `run`, but without longer pauses after errors: this is for what watches other things.
        """
        health = self._observe(name, every)
        while not over.wait(every.total_seconds()):
            health.begin()
            try:
                work()
                health.succeeded()
            except Exception as error:  # noqa: BLE001 - one error must not end the loop
                health.failed(error)

    def _observe(self, name: str, every: timedelta) -> "_Health":
        first = min(self._first_pause, every) if every else self._first_pause
        health = _Health(name, first, max(every, self._longest_pause))
        self._health[name] = health
        return health


class _Health:
    """The state of one loop: its last error, and the pause that follows from earlier ones."""

    def __init__(self, name: str, first_pause: timedelta, longest_pause: timedelta) -> None:
        self.failures = 0
        self.error: str | None = None
        self._name = name
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._in_a_row = 0
        self._began_at = 0.0
        self._throttled = ThrottledLog(log)

    def begin(self) -> None:
        self._began_at = monotonic()

    def succeeded(self) -> None:
        self.error, self._in_a_row = None, 0

    def failed(self, error: BaseException) -> timedelta:
        """Count and log *error*; return how long to wait before the next round."""
        if monotonic() - self._began_at > self._longest_pause.total_seconds():
            self._in_a_row = 0
        factor: int = 2 ** min(self._in_a_row, _DOUBLINGS)
        pause = min(self._first_pause * factor, self._longest_pause)
        self._in_a_row += 1
        self.failures += 1
        self.error = error_class(error)
        self._throttled.warning(
            "loop.failed",
            loop=self._name,
            error=self.error,
            at=_where(error),
        )
        return pause


def _where(error: BaseException) -> list[str]:
    """Return where *error* was raised, innermost last: files, lines and functions, no values."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]


class Turns:
    """Shares the event loop: work that takes long gives other tasks a turn now and then."""

    def __init__(self) -> None:
        self._began = perf_counter()

    async def give(self) -> None:
        """Let other tasks run, if this one has had the loop for `TURN_S`."""
        if perf_counter() - self._began > TURN_S:
            await asyncio.sleep(0)
            self._began = perf_counter()


def keep_responsive() -> None:
    """Tune the interpreter for an event loop; call it once a process, when all is imported.

    The cycle collector runs less often, and never again over what is there now, the imported code:
    that spares the event loop of a worker pauses of some 70 ms each. What has no cycles is freed
    at once, as before.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    sys.setswitchinterval(GIL_S)


#: How often each worker looks. What is kept for months is not dropped to the minute.
PERIOD: Final = timedelta(hours=1)
#: Rows of one transaction.
BATCH: Final = 500


class Prunable(Protocol):
    """What keeps rows that grow old."""

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Drop up to *limit* rows from before *before*; fewer say that none is left."""


class Pruner:
    """Drops what *kept*, which logs call *what*, has had for longer than *keep*."""

    def __init__(
        self,
        what: str,
        kept: Prunable,
        clock: Clock,
        *,
        keep: timedelta,
        batch: int = BATCH,
    ) -> None:
        self.what = what
        self._kept = kept
        self._clock = clock
        self._keep = keep
        self._batch = batch

    @property
    def loop(self) -> Loop:
        """The loop that every worker runs."""
        return Loop(f"pruner of {self.what}", self.prune, PERIOD)

    async def prune(self) -> int:
        """Drop all that is due, a short transaction at a time; return how many rows."""
        before = self._clock() - self._keep
        dropped = 0
        while True:
            batch = await self._kept.prune(before, limit=self._batch)
            dropped += batch
            if batch < self._batch:
                break
        if dropped:
            log.info("pruner.pruned", what=self.what, rows=dropped)
        return dropped

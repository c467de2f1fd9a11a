"""Opens the parts on the installation of a command, waits through restarts, and follows jobs.

A job is followed until it is finished, or until Ctrl-C.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from math import ceil
from time import monotonic
from typing import Final, Self, TypeVar

import uvloop
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from orchestrator.app import Runtime, connect_runtime
from orchestrator.database import DatabaseUnavailable
from orchestrator.infra.background import keep_responsive
from orchestrator.infra.redis_client import StoreRefused, StoreUnavailable
from orchestrator.jobs import Job, JobGone, NotNow
from orchestrator.memo import NotDurable
from orchestrator.settings import Settings
from orchestrator.surfsense.pace import Pace, PaceState

from .console import dollars, err, notice, number, span
from .installation import configured
from .spanish import translate

T = TypeVar("T")

#: Seconds for which a command waits for a backend that is unavailable.
LONGEST_S: Final = 120.0
#: Seconds between two tries.
AGAIN_S: Final = 1.0
#: Errors of an unavailable backend.
UNAVAILABLE: Final = (StoreUnavailable, DatabaseUnavailable, NotNow)
#: Refusals that end by themselves, after a failover or a restart.
_TEMPORARY: Final = ("READONLY", "NOREPLICAS")

_WAITING = "waiting for it, {} s at most. Accepted work continues when it is back."


def with_runtime(work: Callable[[Runtime], Awaitable[T]], *, workers: int = 0) -> T:
    """Open everything, run *work* to its end, and close everything."""

    async def main(settings: Settings) -> T:
        async with connect_runtime(settings) as runtime:
            return await work(runtime)

    keep_responsive()
    with (
        configured(workers=workers) as settings,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(main(settings))


class Patience:
    """Tolerates unavailable backends, for *longest_s* without a success in between."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._since: float | None = None
        self._was_reported = False

    def bear(self, error: Exception) -> None:
        """Return if a further try may succeed after *error*; report the first wait.

        Raises:
            Exception: *error*, where waiting does not help, or has lasted too long.
        """
        now = monotonic()
        self._since = now if self._since is None else self._since
        if not _is_temporary(error) or now - self._since > self._longest_s:
            raise error
        if not self._was_reported:
            self._was_reported = True
            waiting = translate(_WAITING, round(self._longest_s))
            notice(translate("A backend is unavailable;"), waiting)

    def succeeded(self) -> None:
        """Record that the backends answer."""
        self._since = None


async def patiently(work: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Return the result of *work*, which is called again while a backend is unavailable.

    For work that may be repeated: reads, and requests that are idempotent.
    """
    while True:
        try:
            result = await work()
        except UNAVAILABLE as error:
            patience.bear(error)
            await asyncio.sleep(AGAIN_S)
        else:
            patience.succeeded()
            return result


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, NotNow):
        return error.__cause__ is not None and _is_temporary(error.__cause__)
    if isinstance(error, StoreRefused):
        return error.reason in _TEMPORARY
    return isinstance(error, UNAVAILABLE) and not isinstance(error, NotDurable)


#: Seconds between two reads of the job's record.
LOOK_S: Final = 0.2
#: Seconds without any result until a notice says that no worker may be listening.
SILENCE_S: Final = 20.0
#: Seconds between two lines of progress where no terminal shows a bar.
LINE_S: Final = 10.0
#: Seconds between two looks at the pace gate.
PACE_S: Final = 2.0

_CONTINUES = "The job stays accepted: run the same command again to continue."
_NO_WORKER = (
    "It stays accepted; start one with celery -A orchestrator.celery_app worker --pool threads."
)


class TimeLeftColumn(ProgressColumn):
    """The time left by the speed so far, but never less than the pace gate needs (`least`)."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Return the time left as h:mm:ss, dashes while nothing is known."""
        least: timedelta | None = task.fields.get("least")
        seconds = task.time_remaining
        if least is not None:
            seconds = max(least.total_seconds(), seconds or 0.0)
        if seconds is None or task.total is None:
            return Text("-:--:--", style="progress.remaining")
        return Text(str(timedelta(seconds=round(seconds))), style="progress.remaining")


def time_by_pace(job: Job, gate: PaceState) -> timedelta | None:
    """Return how long the gate needs for what is left of *job*; None while none of it is done.

    What is left is expected to take as many purchases a row as what is done.
    """
    if not job.done:
        return None
    purchases = job.tally.get("source:bought", 0) + job.tally.get("further_purchases", 0)
    return gate.time_for(ceil(purchases * (job.total - job.done) / job.done))


class _PaceWatch:
    """Reads the pace gate now and then; without one, or without Redis, nothing is known."""

    def __init__(self, pace: Pace | None) -> None:
        self._pace = pace
        self._state: PaceState | None = None
        self._read_at = float("-inf")

    async def time_left(self, job: Job) -> timedelta | None:
        """Return how long the gate needs for what is left of *job*, if that is known."""
        if self._pace is not None and monotonic() - self._read_at > PACE_S:
            self._read_at = monotonic()
            try:
                self._state = await self._pace.state()
            except StoreUnavailable:
                self._state = None
        return None if self._state is None else time_by_pace(job, self._state)


class ProgressDisplay:
    """A live bar on a terminal, a line now and then elsewhere."""

    def __init__(self, *columns: ProgressColumn, total: int, quiet: bool) -> None:
        self._is_terminal = err.is_terminal
        self._quiet = quiet
        is_hidden = quiet or not self._is_terminal
        self._bar = Progress(*columns, console=err, transient=True, disable=is_hidden)
        self._task = self._bar.add_task("", total=total, note="")
        self._last_line = monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(
        self, completed: int, line: str, note: str = "", least: timedelta | None = None
    ) -> None:
        """Update the bar, or print *line* if the last one is old enough.

        *least* is how long the rest takes at least, for a `TimeLeftColumn`.
        """
        self._bar.update(self._task, completed=completed, note=note, least=least)
        now = monotonic()
        if not self._quiet and not self._is_terminal and now - self._last_line > LINE_S:
            self._last_line = now
            err.print(line)


async def follow(runtime: Runtime, job: Job, *, quiet: bool) -> Job:
    """Return the job's record when it is finished, or as it is at the first Ctrl-C.

    The job itself continues: Ctrl-C ends the watching, not the accepted work. So does a Ctrl-C
    while the job was being accepted, if a Redis command swallowed it (see `end_task`).

    Raises:
        JobGone: Redis has lost its record, so no worker continues it.
        UnreadableJob: Its record cannot be read, with the same effect.
        StoreUnavailable: Redis is unavailable.
    """
    stop, patience = asyncio.Event(), Patience()
    _take_over_cancellation(stop)
    loop, began = asyncio.get_running_loop(), monotonic()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    was_warned = False
    columns = (
        *(BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")),
        *(TimeElapsedColumn(), TextColumn(translate("left")), TimeLeftColumn()),
    )
    watch = _PaceWatch(runtime.purchasing.pace)
    try:
        with ProgressDisplay(*columns, total=job.total, quiet=quiet) as display:
            while not job.state.is_final and not stop.is_set():
                _show(display, job, await watch.time_left(job))
                if not job.done and not was_warned and monotonic() - began > SILENCE_S:
                    was_warned = True
                    unstarted = translate("No worker has started this job yet.")
                    notice(unstarted, translate(_NO_WORKER))
                await _pause(stop)
                job = await _read(runtime, job, patience)
            _show(display, job, None)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
    return job


def _take_over_cancellation(stop: asyncio.Event) -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
        stop.set()


async def _read(runtime: Runtime, job: Job, patience: Patience) -> Job:
    """Return the job's present record, or *job* while Redis is unavailable for a short time."""
    try:
        found = await runtime.jobs.records.job(job.job_id)
    except UNAVAILABLE as error:
        try:
            patience.bear(error)
        except UNAVAILABLE:
            err.print(translate(_CONTINUES))
            raise
        return job
    patience.succeeded()
    if found is None:
        raise JobGone(job.job_id)
    return found


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(LOOK_S):
            await stop.wait()
    except TimeoutError:
        return


def _show(display: ProgressDisplay, job: Job, least: timedelta | None) -> None:
    tally = job.tally
    bought = number(tally.get("source:bought", 0))
    spent, saved = (dollars(tally.get(name, 0)) for name in ("spent_micros", "saved_micros"))
    note = translate("{} bought, {} spent, {} saved", bought, spent, saved)
    done = translate("{}/{} done", number(job.done), number(job.total))
    left = [translate("at least {} left", span(least))] if least else []
    display.show(job.done, ", ".join([done, note, *left]), note=note, least=least)

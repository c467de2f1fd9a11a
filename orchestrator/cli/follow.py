"""Follows a job until it is finished, or until Ctrl-C."""

import asyncio
import signal
from time import monotonic
from typing import Final, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, err, notice
from orchestrator.cli.session import UNAVAILABLE, Patience
from orchestrator.jobs import Job, JobGone

#: Seconds between two reads of the job's record.
LOOK_S: Final = 0.2
#: Seconds without any result until a notice says that no worker may be listening.
SILENCE_S: Final = 20.0
#: Seconds between two lines of progress where no terminal shows a bar.
LINE_S: Final = 10.0

_CONTINUES = "The job stays accepted: run the same command again to continue."
_NO_WORKER = (
    "It stays accepted; start one with celery -A orchestrator.celery_app worker --pool threads."
)


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

    def show(self, completed: int, line: str, note: str = "") -> None:
        """Update the bar, or print *line* if the last one is old enough."""
        self._bar.update(self._task, completed=completed, note=note)
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
        *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    )
    try:
        with ProgressDisplay(*columns, total=job.total, quiet=quiet) as display:
            while not job.state.is_final and not stop.is_set():
                _show(display, job)
                if not job.done and not was_warned and monotonic() - began > SILENCE_S:
                    was_warned = True
                    notice("No worker has started this job yet.", _NO_WORKER)
                await _pause(stop)
                job = await _read(runtime, job, patience)
            _show(display, job)
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
            err.print(_CONTINUES)
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


def _show(display: ProgressDisplay, job: Job) -> None:
    tally = job.tally
    money = (
        f"{tally.get('source:bought', 0)} bought, "
        f"{dollars(tally.get('spent_micros', 0))} spent, "
        f"{dollars(tally.get('saved_micros', 0))} saved"
    )
    display.show(job.done, f"{job.done}/{job.total} done, {money}", note=money)

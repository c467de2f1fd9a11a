"""Follows a job until it is done or the person at the keyboard has had enough."""

import asyncio
import signal
from time import monotonic
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from orchestrator.app import Runtime
from orchestrator.cli.console import dollars, err, notice
from orchestrator.cli.session import AWAY, Patience
from orchestrator.jobs import Job, JobGone

#: Seconds between two looks at the job's record.
LOOK_S = 0.2
#: Seconds without any result after which it is said that no worker may be listening.
SILENCE_S = 20.0
#: Seconds between two lines of progress where no terminal shows a bar.
LINE_S = 10.0


async def follow(parts: Runtime, job: Job, *, quiet: bool) -> Job:
    """Return the job's record when it is done, or as it stands at the first Ctrl-C.

    The job itself goes on: Ctrl-C ends the watching, not the accepted work.

    Raises:
        JobGone: Redis has lost its record, so nobody works on it any more.
        UnreadableJob: Its record cannot be read, with the same effect.
        StoreUnavailable: Redis is away.
    """
    stop, patience = asyncio.Event(), Patience()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    try:
        with _Display(job.total, quiet=quiet) as display:
            while not job.state.is_final and not stop.is_set():
                display.show(job)
                await _pause(stop)
                try:
                    job = await _read(parts, job.job_id)
                except AWAY as error:
                    _bear(patience, error)
                else:
                    patience.succeeded()
            display.show(job)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
    return job


async def _read(parts: Runtime, job_id: str) -> Job:
    job = await parts.jobs.records.job(job_id)
    if job is None:
        raise JobGone(job_id)
    return job


def _bear(patience: Patience, error: Exception) -> None:
    try:
        patience.bear(error)
    except Exception:
        err.print(_STAYS)
        raise


_STAYS = "The job stays accepted: run the same command again, and it goes on from here."


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(LOOK_S):
            await stop.wait()
    except TimeoutError:
        return


class _Display:
    """A live bar on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[money]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=quiet or not err.is_terminal,
        )
        self._task = self._bar.add_task("leads", total=total, money="")
        self._quiet = quiet
        self._began = self._last_line = monotonic()
        self._warned = False

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, job: Job) -> None:
        """Bring the display up to date."""
        money = _money(job)
        self._bar.update(self._task, completed=job.done, money=money)
        now = monotonic()
        if not self._quiet and not err.is_terminal and now - self._last_line > LINE_S:
            self._last_line = now
            err.print(f"{job.done}/{job.total} done, {money}")
        if not job.done and not self._warned and now - self._began > SILENCE_S:
            self._warned = True
            notice("No worker has taken this up yet.", _NO_WORKER)


_NO_WORKER = (
    "It stays accepted; start one with celery -A orchestrator.celery_app worker --pool threads."
)


def _money(job: Job) -> str:
    tally = job.tally
    return (
        f"{tally.get('source:bought', 0)} bought, "
        f"{dollars(tally.get('spent_micros', 0))} spent, "
        f"{dollars(tally.get('saved_micros', 0))} saved"
    )

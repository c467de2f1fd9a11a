"""Takes chunks and works through them, lane by lane, on one event loop: no thread waits."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Final, Protocol

import structlog

from orchestrator.infra.background import Loop, Supervisor, end_task
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.infra.slots import Lane, Slots
from orchestrator.jobs.chunk import (
    MAX_ITEMS,
    POISON_ATTEMPTS,
    REST,
    Capacity,
    ChunkInFlight,
    ChunkWork,
    Handler,
    PoisonTracker,
    Tools,
)
from orchestrator.jobs.model import JobKind, JobState, NotNow, UnreadableJob
from orchestrator.jobs.records import ChunkLease, JobRecords

log = structlog.get_logger(__name__)

#: How soon a pause or a cancel is noticed.
WATCH_PERIOD: Final = timedelta(seconds=1)
#: How soon work is found whose wake-up was lost, or whose worker is gone.
RECONCILE_PERIOD: Final = timedelta(seconds=1)


class Notifier(Protocol):
    """Wakes workers for a lane. Best effort: every worker looks for work each second."""

    async def notify(self, lane: str, times: int = 1) -> None:
        """Send *times* wake-ups of *lane*. Raises nothing."""

    def lanes(self) -> Collection[str]:
        """Return the lanes whose wake-ups this process answers."""


class ChunkRunner:
    """Works on the chunks of all lanes; of each lane one task takes chunk after chunk."""

    def __init__(  # noqa: PLR0913 - parts, and bounds with defaults
        self,
        records: JobRecords,
        poison: PoisonTracker,
        handlers: Mapping[JobKind, Handler],
        notifier: Notifier,
        *,
        purchases: Slots | None = None,
        max_items: int = MAX_ITEMS,
        attempts: int = POISON_ATTEMPTS,
        watch_period: timedelta = WATCH_PERIOD,
        supervisor: Supervisor | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Work with *handlers*.

        Args:
            records: The job records.
            poison: Tracks items that may kill their worker.
            handlers: What is done with an item, by the kind of its job.
            notifier: Wakes other workers where more work is left than this process has begun.
            purchases: Slots that items come to need; without, items need none.
            max_items: Items that the process has in flight.
            attempts: How often an item is begun that kills its worker.
            watch_period: How soon a pause or a cancel is noticed.
            supervisor: Runs the loop that looks for pauses and cancels; its own by default.
            clock: What deadlines are compared with.
        """
        self._records = records
        self._handlers = handlers
        self._notifier = notifier
        self._attempts = attempts
        self._watch = _JobWatch(records, watch_period, supervisor or Supervisor())
        self._draining = asyncio.Event()
        self._takers: dict[Lane, asyncio.Task[None]] = {}
        self._woken: set[Lane] = set()
        self._chunks: set[asyncio.Task[None]] = set()
        self._capacity = Capacity(purchases or Slots(max_items), max_items=max_items)
        self._tools = Tools(
            records, poison, clock, self._pause, self._draining.is_set, self._attempts
        )

    def drain(self) -> None:
        """Begin no further item. Running ones end; unfinished chunks are handed back."""
        self._draining.set()
        self._capacity.close()

    def wake(self, lane: Lane) -> None:
        """Have the work of *lane* taken, as there is capacity. Never waits."""
        self._woken.add(lane)
        if not (self._draining.is_set() or lane in self._takers):
            self._takers[lane] = asyncio.create_task(self._take_all(lane), name=f"take {lane}")

    def reconcile(self) -> None:
        """Look for work in each lane of this process: its wake-up, or its worker, may be lost.

        Harmless in any number of workers: taking a chunk is a compare-and-set.
        """
        for lane in self._notifier.lanes():
            self.wake(Lane(lane))

    def reconciler(self, *, period: timedelta = RECONCILE_PERIOD) -> Loop:
        """Return the loop in which every worker reconciles."""

        async def work() -> None:
            self.reconcile()

        return Loop("reconciler", work, period)

    async def run_one(
        self, lane: Lane, taken: "asyncio.Future[ChunkLease | None] | None" = None
    ) -> int | None:
        """Take one chunk and work through it; return how many items got a result by this call.

        None if there was no chunk to take. *taken* gets the lease as soon as the chunk is taken.
        """
        with self._capacity.chunk(lane) as chunk:
            async with self._records.taken(lane) as lease:
                if taken is not None:
                    taken.set_result(lease)
                return None if lease is None else await self._work(lease, chunk)

    async def aclose(self) -> None:
        """Drain, and wait for what is running."""
        self.drain()
        while running := {*self._takers.values(), *self._chunks}:
            await asyncio.wait(running)
        await self._watch.aclose()

    async def _take_all(self, lane: Lane) -> None:
        """Take chunk after chunk, as there is capacity, until none is left or taking one fails."""
        try:
            has_notified = False
            while await self._capacity.wait_for(lane):
                self._woken.discard(lane)
                taken: asyncio.Future[ChunkLease | None] = asyncio.Future()
                task = asyncio.create_task(self._run(lane, taken), name=f"chunk {lane}")
                self._chunks.add(task)
                task.add_done_callback(self._chunks.discard)
                lease = await taken
                if lease is None:
                    if lane in self._woken:
                        continue
                    return
                if lease.more and not has_notified:
                    # Wakes one more worker, which does the same.
                    has_notified = True
                    await self._notifier.notify(lane)
        finally:
            del self._takers[lane]

    async def _run(self, lane: Lane, taken: "asyncio.Future[ChunkLease | None]") -> None:
        try:
            await self.run_one(lane, taken)
        except StoreUnavailable as error:
            log.warning("lane.store_unavailable", lane=lane, error=str(error))
        except Exception:
            log.exception("lane.failed", lane=lane)
        finally:
            if not taken.done():
                taken.set_result(None)

    async def _work(self, lease: ChunkLease, chunk: ChunkInFlight) -> int:
        try:
            job = lease.job()
            if lease.failures > self._attempts + 1:
                # Its items could not even be given up.
                await self._records.set_aside(lease.job_id)
                return 0
            work = ChunkWork(lease, job, self._handlers[job.kind], self._tools, chunk)
            with self._watch.over(lease.job_id, work):
                ended = await work.run()
        except UnreadableJob:
            await self._records.set_aside(lease.job_id)
            return 0
        except StoreUnavailable:
            lease.rest = REST
            raise
        except Exception as error:
            # Outside its items, which have errors of their own.
            lease.failed, lease.rest = True, REST
            fields = {"job_id": lease.job_id, "chunk": lease.chunk, "failures": lease.failures}
            log.exception("chunk.failed", error=error_class(error), **fields)
            return 0
        log.info(
            "chunk.worked",
            job_id=lease.job_id,
            chunk=lease.chunk,
            lane=job.lane,
            items=ended,
            done=lease.done,
        )
        return ended

    async def _pause(self, duration: timedelta) -> None:
        """Wait, unless the process drains: then another one does the work."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration.total_seconds()):
                await self._draining.wait()
        if self._draining.is_set():
            raise NotNow("the worker is shutting down")


class _JobWatch:
    """Notices that a job in flight was paused or cancelled: reads their states every *period*."""

    def __init__(self, records: JobRecords, period: timedelta, supervisor: Supervisor) -> None:
        self._records = records
        self._loop = Loop("job watch", self._look, period)
        self._supervisor = supervisor
        self._chunks: defaultdict[str, set[ChunkWork]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def over(self, job_id: str, chunk: ChunkWork) -> Iterator[None]:
        """Watch over *chunk* for the length of the block."""
        self._chunks[job_id].add(chunk)
        if self._looking is None:
            self._looking = self._supervisor.start(self._loop)
        try:
            yield
        finally:
            self._chunks[job_id].discard(chunk)
            if not self._chunks[job_id]:
                del self._chunks[job_id]

    async def aclose(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            await end_task(self._looking)

    async def _look(self) -> None:
        job_ids = list(self._chunks)
        if not job_ids:
            return
        states = await self._records.states(job_ids)
        for job_id, state in zip(job_ids, states, strict=True):
            for chunk in tuple(self._chunks.get(job_id, ())):
                if state is JobState.PAUSED:
                    chunk.hold_back()
                elif state is None or state in {JobState.CANCELLING, JobState.CANCELLED}:
                    chunk.abandon()

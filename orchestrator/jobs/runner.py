"""Takes chunks and works through them, lane by lane, on one event loop: no thread waits."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from orchestrator.infra.background import Supervisor
from orchestrator.infra.clock import Clock, utc_now
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.infra.slots import Lane, Slots
from orchestrator.jobs.chunkwork import REST, ChunkWork, Handler, Tools
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.model import JobKind, NotNow
from orchestrator.jobs.poison import PoisonTracker
from orchestrator.jobs.records import ChunkLease, JobRecords
from orchestrator.jobs.room import InHand, Room
from orchestrator.jobs.watch import JobWatch

log = structlog.get_logger(__name__)


class Notifier(Protocol):
    """Says that a lane has work. Best effort: every worker looks by itself each second."""

    async def notify(self, lane: str, times: int = 1) -> None:
        """Send the announcement. Raises nothing, whatever keeps it from leaving."""

    def lanes(self) -> Collection[str]:
        """Return the lanes whose wake-ups this process answers."""


#: Chunks of each lane under way in one process. Their items mostly wait, which costs memory
#: and nothing else; the limit keeps a process from claiming more than it can finish in good
#: time. Lanes do not take from each other. Items that buy bound it first: see `Room`.
QUOTAS: Final = MappingProxyType({Lane.INTERACTIVE: 50, Lane.PIPELINE: 100, Lane.REFRESH: 20})
#: Items of one process that are begun and not ended; others can still be held back.
MAX_ITEMS: Final = 1000
#: How soon a pause or a cancel is noticed.
WATCH_PERIOD: Final = timedelta(seconds=1)


class ChunkRunner:
    """Answers wake-ups. A place in a lane's quota takes chunk after chunk until there is none."""

    def __init__(  # noqa: PLR0913 - parts, and bounds with defaults
        self,
        records: JobRecords,
        poison: PoisonTracker,
        handlers: Mapping[JobKind, Handler],
        notifier: Notifier,
        *,
        quotas: Mapping[Lane, int] = QUOTAS,
        purchases: Slots | None = None,
        attempts: int = 3,
        watch_period: timedelta = WATCH_PERIOD,
        supervisor: Supervisor | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Work with *handlers*.

        Args:
            records: The truth about jobs.
            poison: Tracks items that may kill their worker.
            handlers: What is done with an item, by the kind of its job.
            notifier: Wakes other workers where more work is left than this process has begun.
            quotas: Chunks of each lane under way.
            purchases: Places that items come to need; without, nobody needs one but an item's.
            attempts: How often an item is begun that kills its worker.
            watch_period: How soon a pause or a cancel is noticed.
            supervisor: Runs the loop that looks for pauses and cancels; one of its own by default.
            clock: What deadlines are held against.
        """
        self._records = records
        self._handlers = handlers
        self._notifier = notifier
        self._quotas = quotas
        self._watch = JobWatch(records, watch_period, supervisor or Supervisor())
        self._draining = asyncio.Event()
        self._places: Counter[Lane] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        slots = Slots(MAX_ITEMS)
        self._room = Room(slots, purchases or Slots(MAX_ITEMS))
        self._tools = Tools(
            records, poison, clock, slots, self._pause, self._draining.is_set, attempts
        )

    def drain(self) -> None:
        """Start no further item. Running ones end; unfinished chunks are handed back."""
        self._draining.set()
        self._room.close()

    def wake(self, lane: Lane) -> None:
        """Answer a wake-up of *lane*: take work if the lane's quota has a place. Never waits.

        A wake-up too many finds nothing, and one that finds no place is not needed: places
        look for the next chunk by themselves.
        """
        if self._draining.is_set() or self._places[lane] >= self._quotas[lane]:
            return
        self._places[lane] += 1
        task = asyncio.create_task(self._fill(lane), name=f"place {lane}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def run_one(self, lane: Lane) -> int | None:
        """Take one chunk and work through it; return how many items have a result by this call.

        None if there was no chunk to take.
        """
        with self._room.hand(lane) as hand:
            async with self._records.taken(lane) as lease:
                return None if lease is None else await self._work(lease, hand)

    async def aclose(self) -> None:
        """Drain, and wait for what is running."""
        self.drain()
        while self._running:
            await asyncio.wait(self._running)
        await self._watch.aclose()

    async def _fill(self, lane: Lane) -> None:
        """Take chunk after chunk, as there is room, until there is none or one fails."""
        try:
            has_notified = False
            while True:
                async with self._room.another(lane) as hand:
                    if hand is None:
                        return
                    async with self._records.taken(lane) as lease:
                        if lease is None:
                            return
                        if lease.more and not has_notified:
                            # Wakes one more place here or elsewhere, which does the same.
                            await self._notifier.notify(lane)
                            has_notified = True
                        await self._work(lease, hand)
        except StoreUnavailable as away:
            log.warning("place.store_away", lane=lane, error=str(away))
        except Exception:
            log.exception("place.failed", lane=lane)
        finally:
            self._places[lane] -= 1

    async def _work(self, lease: ChunkLease, hand: InHand) -> int:
        try:
            job = await self._records.job(lease.job_id)
            if job is None:
                return 0
            if lease.failures > self._tools.attempts + 1:
                # Its items could not even be given up.
                await self._records.set_aside(lease.job_id)
                return 0
            chunk = ChunkWork(lease, job, self._handlers[job.kind], self._tools, hand)
            with self._watch.over(lease.job_id, chunk):
                ended = await chunk.run()
        except UnreadableJob:
            await self._records.set_aside(lease.job_id)
            return 0
        except StoreUnavailable:
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
        """Wait, unless the process drains: then there is another one that can."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration.total_seconds()):
                await self._draining.wait()
        if self._draining.is_set():
            raise NotNow("the worker is shutting down")

"""One chunk in hand: begins its items, reports each, and stops where it may not go on."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from orchestrator.infra.clock import Clock
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.infra.slots import Slots
from orchestrator.jobs.errors import UnreadableChunk, UnreadableJob
from orchestrator.jobs.model import (
    UNREADABLE_RESULT,
    DeadLetter,
    GivenUp,
    Item,
    Job,
    JobContext,
    NotNow,
    Pause,
    Report,
    Step,
)
from orchestrator.jobs.poison import PoisonTracker
from orchestrator.jobs.records import ChunkLease, JobRecords
from orchestrator.jobs.room import InHand

log = structlog.get_logger(__name__)

#: Workers that have vanished with a chunk before its items are begun one at a time.
CAREFUL_FROM = 2
#: How long a chunk rests whose items could not be worked on: a backend is unavailable.
REST = timedelta(seconds=1)


class Handler(Protocol):
    """Brings one item of a job to its result."""

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Work on *item*.

        Raises:
            NotNow: The item stays open and is tried again.
        """

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of an item that is not worked on any more.

        Raises:
            NotNow: The item stays open and is given up later.
        """


@dataclass(frozen=True, slots=True)
class Tools:
    """What the chunks of one process work with.

    `slots` bounds the items that are begun: one that waits for its slot can still be held back.
    An item that was begun *attempts* times and never ended is poison.
    """

    records: JobRecords
    poison: PoisonTracker
    clock: Clock
    slots: Slots
    pause: Pause
    is_draining: Callable[[], bool]
    attempts: int


class ChunkWork:
    """Works through one claimed chunk of *job*, once; *hand* is told what is left of it."""

    def __init__(
        self, lease: ChunkLease, job: Job, handler: Handler, tools: Tools, hand: InHand
    ) -> None:
        self._lease = lease
        self._hand = hand
        self._job = job
        self._handler = handler
        self._tools = tools
        self._held_back = False
        self._abandoned = False
        self._rows: dict[int, int] = {}
        self._running: set[asyncio.Task[bool]] = set()

    def hold_back(self) -> None:
        """Begin no further item; those under way go on."""
        self._held_back = True

    def abandon(self) -> None:
        """Begin no further item, and end those under way without a result."""
        self._held_back = self._abandoned = True
        for task in self._running:
            task.cancel()

    async def run(self) -> int:
        """Work on the items without a result; return how many have one now, and mark the claim."""
        items = await self._items()
        rows = await self._tools.records.row_counts(self._job, items)
        self._hand.read(len(items))
        self._rows = {number: n for (number, _), n in zip(items, rows, strict=True)}
        if self._is_poison:
            ended = [await self._task(self._lost(*item)) for item in items]
        elif self._lease.losses >= CAREFUL_FROM:
            ended = [await self._task(self._carefully(*item)) for item in items]
        else:
            ended = await asyncio.gather(*(self._task(self._freely(*item)) for item in items))
        self._lease.done = all(ended)
        self._lease.rest = timedelta(0) if self._must_stop else REST
        return sum(ended)

    @property
    def _is_poison(self) -> bool:
        """Whether the chunk has failed so often outside its items that these are given up."""
        return self._lease.failures >= self._tools.attempts

    async def _items(self) -> list[tuple[int, Item]]:
        records = self._tools.records
        try:
            return await records.open_items(self._job.job_id, self._lease.chunk)
        except UnreadableChunk:
            if not self._is_poison:
                raise
            return await records.lost_items(self._job, self._lease.chunk)

    @property
    def _must_stop(self) -> bool:
        return self._held_back or self._tools.is_draining()

    async def _task(self, work: Awaitable[bool]) -> bool:
        """Run *work* so that `abandon` can end it; whether the item has a result after it."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._abandoned and task.cancelled():
                return False
            task.cancel()
            raise
        finally:
            self._running.discard(task)
            self._hand.ended()

    async def _freely(self, number: int, item: Item) -> bool:
        async with self._tools.slots.hold(self._job.lane):
            return await self._worked(number, item, self._job.context.step)

    async def _carefully(self, number: int, item: Item) -> bool:
        """Mark the item before it begins and after it has ended; give it up if it kills."""
        poison, job_id = self._tools.poison, self._job.job_id
        if self._must_stop:
            return False
        begun, last_step = await poison.beginnings(job_id, number)
        if begun >= self._tools.attempts:
            log.error("item.poison", job_id=job_id, number=number, begun=begun, step=last_step)
            why = GivenUp(DeadLetter.POISON, begun, last_step)
            return await self._given_up(number, item, why)

        async def step(name: str) -> None:
            await poison.step(job_id, number, name)

        await poison.begin(job_id, number)
        try:
            return await self._worked(number, item, step)
        finally:
            await poison.end(job_id, number)

    async def _worked(self, number: int, item: Item, step: Step) -> bool:
        if self._must_stop:
            return False
        deadline = self._job.deadline
        if deadline is not None and self._tools.clock() >= deadline:
            why = GivenUp(DeadLetter.DEADLINE)
            return await self._given_up(number, item, why)
        context = replace(
            self._job.context,
            item=number,
            rows=self._rows[number],
            pause=self._tools.pause,
            step=step,
            is_abandoned=lambda: self._abandoned,
        )
        try:
            report = await self._handler(item, context)
        except (NotNow, StoreUnavailable) as later:
            self._postponed(number, later)
            return False
        except Exception:
            # A handler reports what it knows; this one did not know.
            log.exception("item.failed", job_id=self._job.job_id, number=number)
            why = GivenUp(DeadLetter.INTERNAL_ERROR, max(1, context.tries.count))
            return await self._given_up(number, item, why)
        return await self._reported(number, report, attempts=max(1, context.tries.count))

    async def _given_up(self, number: int, item: Item, why: GivenUp) -> bool:
        try:
            report = await self._handler.give_up(item, self._job.context, why)
        except (NotNow, StoreUnavailable) as later:
            self._postponed(number, later)
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, its siblings go on
            if not self._is_poison:
                return self._failed(number, error)
            report = Report(UNREADABLE_RESULT, failure=why.code)
        return await self._reported(number, report, attempts=why.attempts)

    async def _lost(self, number: int, item: Item) -> bool:
        """Give an item up whose chunk is poison."""
        if self._held_back:
            return False
        why = GivenUp(DeadLetter.INTERNAL_ERROR, self._lease.failures)
        return await self._given_up(number, item, why)

    async def _reported(self, number: int, report: Report, *, attempts: int) -> bool:
        report = replace(report, attempts=attempts).for_rows(self._rows[number])
        try:
            await self._tools.records.report(self._job.job_id, number, report)
        except StoreUnavailable as away:
            self._postponed(number, away)
            return False
        except UnreadableJob as damaged:
            self._postponed(number, damaged)
            self._held_back = True
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, its siblings go on
            return self._failed(number, error)
        return True

    def _failed(self, number: int, error: Exception) -> bool:
        """Leave an item open that can be neither worked on nor given up, and count that."""
        self._lease.failed = True
        job_id, chunk = self._job.job_id, self._lease.chunk
        log.error(
            "chunk.failed", job_id=job_id, chunk=chunk, number=number, error=error_class(error)
        )
        return False

    def _postponed(self, number: int, why: Exception) -> None:
        log.warning("item.postponed", job_id=self._job.job_id, number=number, why=str(why))

"""One chunk in flight: begins its items, reports each, and stops where it may not go on.

A chunk's turn is decided when it is taken: one that is taken before it can be worked on delays
all work that comes later. So a process takes another chunk only while it has `Capacity` for it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol, cast

import structlog
from redis.asyncio import Redis

from orchestrator.infra.clock import Clock
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreUnavailable, store_errors
from orchestrator.infra.slots import Lane, Slots
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
    Tries,
    UnreadableChunk,
    UnreadableJob,
)
from orchestrator.jobs.records import ChunkLease, JobRecords
from orchestrator.jobs.stored import JobKeys

#: Items that one process has in flight. They mostly wait, which costs memory and nothing else; the
#: limit keeps a process from taking more than it can finish in good time.
MAX_ITEMS: Final = 1_000
#: Items of a lane that may queue for a slot while more is taken, so that no slot stays empty until
#: the next chunk has been read. As many as the largest job of `interactive` has.
AHEAD: Final = 20
#: An item that has run for so long, and neither has nor wants a purchase slot, waits for something
#: else: another purchase of the same company, or a fault that is to pass.
SETTLING: Final = timedelta(milliseconds=250)


class ChunkInFlight:
    """A chunk that is being taken or worked on; how many items are left is known once it is read.

    Attributes:
        left: Items that have not ended.
        read_at: When they were read, by the loop's clock.
    """

    def __init__(self, lane: Lane, items: Slots, changed: asyncio.Event) -> None:
        self.left: int | None = None
        self.read_at = 0.0
        self._lane = lane
        self._items = items
        self._changed = changed

    def read(self, items: int) -> None:
        """Note how many items there are to work on."""
        self.left, self.read_at = items, asyncio.get_running_loop().time()
        self._items.in_use[self._lane] += items
        self._changed.set()

    def ended(self, items: int = 1) -> None:
        """Note that so many more *items* have ended, with or without a result."""
        if self.left:
            self.left -= items
            self._items.in_use[self._lane] -= items
        self._changed.set()


class Capacity:
    """Decides when a process takes another chunk. Of one event loop.

    The one rule: a lane takes a chunk while none of it is still being read, while its share of
    `MAX_ITEMS` is not used up, and while its items do not queue for purchase slots (backpressure).
    """

    def __init__(self, purchases: Slots, *, max_items: int = MAX_ITEMS) -> None:
        """Hold chunks against *purchases*, slots that most items come to need one of."""
        self._purchases = purchases
        self._items = Slots(max_items)
        self._chunks: dict[Lane, set[ChunkInFlight]] = {lane: set() for lane in Lane}
        self._changed = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Allow no further chunk."""
        self._closed = True
        self._changed.set()

    @contextmanager
    def chunk(self, lane: Lane) -> Iterator[ChunkInFlight]:
        """Count one more chunk of *lane* as in flight for the length of the block."""
        chunk = ChunkInFlight(lane, self._items, self._changed)
        self._chunks[lane].add(chunk)
        try:
            yield chunk
        finally:
            self._chunks[lane].discard(chunk)
            chunk.ended(chunk.left or 0)

    async def wait_for(self, lane: Lane) -> bool:
        """Wait until *lane* may take another chunk; return False once closed."""
        while not (self._closed or self._may_take(lane)):
            self._changed.clear()
            # Time, too, makes room: see `SETTLING`.
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLING.total_seconds()):
                    await self._changed.wait()
        return not self._closed

    def _may_take(self, lane: Lane) -> bool:
        chunks = self._chunks[lane]
        if any(chunk.left is None for chunk in chunks):
            return False
        if not self._items.free(lane) or self._purchases.waiting(lane) > AHEAD:
            return False
        # Items that have no purchase slot and may come to want one, at most.
        young = asyncio.get_running_loop().time() - SETTLING.total_seconds()
        unsettled = min(
            self._items.in_use[lane] - self._purchases.in_use[lane],
            sum(chunk.left or 0 for chunk in chunks if chunk.read_at > young),
        )
        return unsettled <= self._purchases.free(lane) + AHEAD


log = structlog.get_logger(__name__)

#: How often an item that kills its worker is begun: twice may be the machine's fault, three times
#: is the item's.
POISON_ATTEMPTS: Final = 3
#: Workers that were lost with a chunk before its items are begun one at a time.
CAREFUL_FROM: Final = 2
#: How long a chunk rests whose items could not be worked on because a backend is unavailable.
REST: Final = timedelta(seconds=1)


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


class PoisonTracker:
    """Tracks items that may kill their worker: begun, where they are, ended; for *ttl*.

    It is used only for chunks with which workers were lost, one item at a time, so that the
    item which was begun and never ended is the one that did it.
    """

    def __init__(self, redis: Redis, *, ttl: timedelta) -> None:
        self._redis = redis
        self._ttl = ttl

    async def beginnings(self, job_id: str, number: int) -> tuple[int, str | None]:
        """Return how often an item was begun and never ended, and the last step it began."""
        with store_errors("job poison"):
            found = await self._redis.hmget(JobKeys(job_id).begun, [str(number), f"{number}:step"])
        count, step = cast("list[bytes | None]", found)
        return int(count or 0), None if step is None else step.decode()

    async def begin(self, job_id: str, number: int) -> None:
        """Note that an item begins once more."""
        key = JobKeys(job_id).begun
        with store_errors("job begin"):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hincrby(key, str(number), 1)
            pipe.pexpire(key, self._ttl)
            await pipe.execute()

    async def step(self, job_id: str, number: int, step: str) -> None:
        """Note the *step* that an item begins."""
        key = JobKeys(job_id).begun
        with store_errors("job step"):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(key, f"{number}:step", step)
            pipe.pexpire(key, self._ttl)
            await pipe.execute()

    async def end(self, job_id: str, number: int) -> None:
        """Forget an item that has ended."""
        with store_errors("job end"):
            await self._redis.hdel(JobKeys(job_id).begun, str(number), f"{number}:step")


@dataclass(frozen=True, slots=True)
class Tools:
    """What the chunks of one process work with.

    An item that was begun *attempts* times and never ended is poison.
    """

    records: JobRecords
    poison: PoisonTracker
    clock: Clock
    pause: Pause
    is_draining: Callable[[], bool]
    attempts: int


class ChunkWork:
    """Works through one leased chunk of *job*, once."""

    def __init__(
        self, lease: ChunkLease, job: Job, handler: Handler, tools: Tools, chunk: ChunkInFlight
    ) -> None:
        self._lease = lease
        self._chunk = chunk
        self._job = job
        self._handler = handler
        self._tools = tools
        self._held_back = False
        self._abandoned = False
        self._running: set[asyncio.Task[bool]] = set()
        self._context = replace(
            job.context, pause=tools.pause, is_abandoned=lambda: self._abandoned
        )

    def hold_back(self) -> None:
        """Begin no further item; running ones go on."""
        self._held_back = True

    def abandon(self) -> None:
        """Begin no further item, and end running ones without a result."""
        self._held_back = self._abandoned = True
        for task in self._running:
            task.cancel()

    async def run(self) -> int:
        """Work on the items without a result; return how many have one now, and mark the lease."""
        items = await self._items()
        rows = await self._tools.records.row_counts(self._job, items)
        self._chunk.read(len(items))
        each = [(number, item, n) for (number, item), n in zip(items, rows, strict=True)]
        ended: list[bool] = []
        if self._is_poison:
            for item in each:
                ended += await self._run_all([self._give_up(*item)])
        elif self._lease.losses >= CAREFUL_FROM:
            for item in each:
                ended += await self._run_all([self._carefully(*item)])
        else:
            ended = await self._run_all(self._work_on(*item, self._context) for item in each)
        self._lease.done = all(ended)
        self._lease.rest = timedelta(0) if self._must_stop else REST
        return sum(ended)

    @property
    def _is_poison(self) -> bool:
        """Whether the chunk has failed so often outside its items that these are given up."""
        return self._lease.failures >= self._tools.attempts

    async def _items(self) -> list[tuple[int, Item]]:
        try:
            return await self._tools.records.items_of(self._lease)
        except UnreadableChunk:
            if not self._is_poison:
                raise
            return await self._tools.records.lost_items(self._job, self._lease.chunk)

    @property
    def _must_stop(self) -> bool:
        return self._held_back or self._tools.is_draining()

    async def _run_all(self, works: Iterable[Coroutine[Any, Any, bool]]) -> list[bool]:
        """Run *works* at once, in tasks that `abandon` can end; return which items have ended."""
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            self._running.add(task)
            task.add_done_callback(self._on_end)
        outcomes: list[bool | BaseException] = await asyncio.gather(*tasks, return_exceptions=True)
        ended = []
        for outcome in outcomes:
            is_abandoned = self._abandoned and isinstance(outcome, asyncio.CancelledError)
            if isinstance(outcome, BaseException) and not is_abandoned:
                raise outcome
            ended.append(outcome is True)
        return ended

    def _on_end(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        self._chunk.ended()

    async def _carefully(self, number: int, item: Item, rows: int) -> bool:
        """Track the item from before it begins until it has ended; give it up if it kills."""
        poison, job_id = self._tools.poison, self._job.job_id
        if self._must_stop:
            return False
        begun, last_step = await poison.beginnings(job_id, number)
        if begun >= self._tools.attempts:
            log.error("item.poison", job_id=job_id, number=number, begun=begun, step=last_step)
            return await self._given_up(
                number, item, rows, GivenUp(DeadLetter.POISON, begun, last_step)
            )

        async def step(name: str) -> None:
            await poison.step(job_id, number, name)

        await poison.begin(job_id, number)
        try:
            tracked = replace(self._context, step=step)
            return await self._work_on(number, item, rows, tracked)
        finally:
            await poison.end(job_id, number)

    async def _work_on(self, number: int, item: Item, rows: int, context: JobContext) -> bool:
        if self._must_stop:
            return False
        deadline = self._job.deadline
        if deadline is not None and self._tools.clock() >= deadline:
            return await self._given_up(number, item, rows, GivenUp(DeadLetter.DEADLINE))
        context = replace(context, item=number, rows=rows, tries=Tries())
        try:
            report = await self._handler(item, context)
        except (NotNow, StoreUnavailable) as later:
            return self._postpone(number, later)
        except Exception:
            # A handler reports the errors that it knows; it does not know this one.
            log.exception("item.failed", job_id=self._job.job_id, number=number)
            why = GivenUp(DeadLetter.INTERNAL_ERROR, max(1, context.tries.count))
            return await self._given_up(number, item, rows, why)
        return await self._report_item(number, report, rows, max(1, context.tries.count))

    async def _give_up(self, number: int, item: Item, rows: int) -> bool:
        """Give an item up whose chunk is poison."""
        if self._held_back:
            return False
        why = GivenUp(DeadLetter.INTERNAL_ERROR, self._lease.failures)
        return await self._given_up(number, item, rows, why)

    async def _given_up(self, number: int, item: Item, rows: int, why: GivenUp) -> bool:
        context = replace(self._job.context, item=number)
        try:
            report = await self._handler.give_up(item, context, why)
        except (NotNow, StoreUnavailable) as later:
            return self._postpone(number, later)
        except Exception as error:  # noqa: BLE001 - whatever it is, its siblings go on
            if not self._is_poison:
                return self._leave_open(number, error)
            report = Report(UNREADABLE_RESULT, failure=why.code)
        return await self._report_item(number, report, rows, why.attempts)

    async def _report_item(self, number: int, report: Report, rows: int, attempts: int) -> bool:
        report = report.for_rows(rows, attempts=attempts)
        try:
            await self._tools.records.report(self._job.job_id, number, report)
        except StoreUnavailable as error:
            return self._postpone(number, error)
        except UnreadableJob as damaged:
            self._held_back = True
            return self._postpone(number, damaged)
        except Exception as error:  # noqa: BLE001 - whatever it is, its siblings go on
            return self._leave_open(number, error)
        return True

    def _leave_open(self, number: int, error: Exception) -> bool:
        """Leave an item open that can be neither worked on nor given up, and count that."""
        self._lease.failed = True
        job_id, chunk = self._job.job_id, self._lease.chunk
        log.error(
            "chunk.failed", job_id=job_id, chunk=chunk, number=number, error=error_class(error)
        )
        return False

    def _postpone(self, number: int, why: Exception) -> bool:
        log.warning("item.postponed", job_id=self._job.job_id, number=number, why=str(why))
        return False

"""Job records in Redis DB 3: taking, reporting, reading."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar, cast

import orjson
from redis.asyncio import Redis

from orchestrator.infra.batching import Batcher
from orchestrator.infra.lease import Renewal
from orchestrator.infra.redis_client import (
    DAMAGE,
    StoreRefused,
    StoreUnavailable,
    call_together,
    load_script,
    store_errors,
)
from orchestrator.infra.slots import Lane
from orchestrator.jobs.damage import set_aside, undamaged
from orchestrator.jobs.errors import UnreadableChunk, UnreadableJob
from orchestrator.jobs.keys import ACTIVE, ROOT, JobKeys
from orchestrator.jobs.model import Item, Job, Report
from orchestrator.jobs.paging import is_wrong_type, read_jobs, readable
from orchestrator.jobs.reading import TALLY, items_in
from orchestrator.jobs.rowmap import ROW_COUNT, row_count_in
from orchestrator.jobs.state import Command, JobState, origins, target

T = TypeVar("T")
_MS = timedelta(milliseconds=1)


class NotTogether(Exception):
    """Reports of several jobs could not be stored in one round trip; each alone may be."""


class ChunkLease:
    """A chunk in the caller's hands, until the block that took it is left.

    Set `done` when every item has its result; `rest`, how long nobody is to take it, else; and
    `failed` if that is so because of an error outside its items.

    `losses` counts workers that have vanished with this chunk, `failures` how often it has failed,
    `more` says whether the lane has further work.
    """

    def __init__(
        self, job_id: str, chunk: int, *, losses: int, failures: int = 0, more: bool
    ) -> None:
        self.job_id = job_id
        self.chunk = chunk
        self.losses = losses
        self.failures = failures
        self.more = more
        self.done = False
        self.failed = False
        self.rest = timedelta(0)


class JobRecords:
    """The truth about jobs.

    A claim is a lease that is renewed while its chunk is worked on; a dead worker's chunk is
    taken by another one after *chunk_lease*.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        ttl: timedelta,
        chunk_lease: timedelta = timedelta(seconds=5),
    ) -> None:
        self._redis = redis
        self._ttl = ttl
        self._ttl_ms = ttl // _MS
        self._lease_ms = chunk_lease // _MS
        self._renewal = Renewal(redis, chunk_lease)
        self._take = load_script(redis, "orchestrator.jobs", "job", "take")
        self._report = load_script(redis, "orchestrator.jobs", "job", "report")
        self._reports = Batcher(self._report_all, shared=(StoreUnavailable, UnreadableJob))
        self._discard = load_script(redis, "orchestrator.jobs", "job", "discard")
        self._finish = load_script(redis, "orchestrator.jobs", "job", "finish")
        self._move = load_script(redis, "orchestrator.jobs", "job", "move")

    async def job(self, job_id: str) -> Job | None:
        """Return the record of *job_id*; None if there is none (any more).

        Raises:
            UnreadableJob: There is something else than a record.
        """
        with store_errors("job job"):
            (job,) = await read_jobs(self._redis, [job_id])
        if isinstance(job, UnreadableJob):
            raise job
        return job

    async def states(self, job_ids: Sequence[str]) -> list[JobState | None]:
        """Return the state of each job in one round trip; None for one that is not there.

        None, too, where it cannot be read: nobody is to work on that.
        """
        with store_errors("job states"):
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hget(JobKeys(job_id).record, "state")
            found = await pipe.execute(raise_on_error=False)
            return [_state(each) for each in found]

    async def active(self) -> list[str]:
        """Return the ids of unfinished jobs, oldest first."""

        async def read() -> list[bytes]:
            return cast("list[bytes]", await self._redis.zrange(ACTIVE, 0, -1))

        return [readable(job_id) for job_id in await self._undamaged("job active", read)]

    async def command(self, job_id: str, command: Command) -> JobState | None:
        """Ask *command* of a job; return the state that it is in after that, None without a job.

        Where the command changes nothing, the state is the one that there was.

        Raises:
            UnreadableJob: Its record cannot be read. `discard` removes it.
        """

        async def move() -> bytes | None:
            args: list[Any] = [self._ttl_ms, job_id, target(command), *sorted(origins(command))]
            return cast("bytes | None", await self._move(keys=[ROOT], args=args))

        await self.job(job_id)
        state = await self._undamaged(f"job {command}", move, job_id=job_id)
        return None if state is None else JobState(state.decode())

    async def set_aside(self, job_id: str) -> None:
        """Have nobody work on a job that cannot be worked on; it is named by `emasai doctor`."""
        await set_aside(self._redis, job_id, ttl=self._ttl)

    async def discard(self, job_id: str) -> None:
        """Remove a job whose record cannot be read."""
        with store_errors("job discard"):
            await self._discard(keys=[ROOT], args=[self._ttl_ms, job_id])

    @asynccontextmanager
    async def taken(self, lane: Lane) -> AsyncIterator[ChunkLease | None]:
        """Hold the next chunk of *lane* for the length of the block; None if there is none.

        On leaving, the chunk is handed back unless the claim was marked as done.
        """
        token = uuid.uuid4().hex

        async def take() -> list[Any] | None:
            args: list[Any] = [self._ttl_ms, lane, token, self._lease_ms]
            return cast("list[Any] | None", await self._take(keys=[ROOT], args=args))

        got = await self._undamaged("job take", take)
        if got is None:
            yield None
            return
        job_id, chunk, losses, more, failures = got
        lease = ChunkLease(
            readable(job_id), chunk, losses=losses, failures=failures, more=bool(more)
        )
        async with self._renewal.keeping(JobKeys(lease.job_id).chunk_lease(chunk), token):
            try:
                yield lease
            finally:
                await self._let_go(lease, token)

    async def _let_go(self, lease: ChunkLease, token: str) -> None:
        async def finish() -> None:
            await self._finish(
                keys=[ROOT],
                args=[
                    *(self._ttl_ms, lease.job_id, lease.chunk, token),
                    *(int(lease.done), lease.rest // _MS, int(lease.failed)),
                ],
            )

        with suppress(UnreadableJob):  # it is set aside, and its lease lapses
            await self._undamaged("job finish", finish, job_id=lease.job_id)

    async def open_items(self, job_id: str, chunk: int) -> list[tuple[int, Item]]:
        """Return the items of *chunk* that have no result yet, with their numbers.

        Raises:
            UnreadableChunk: What is stored of them is no list of items.
        """
        items = await self._items(job_id, chunk)
        if items is None:
            raise UnreadableChunk(job_id, chunk)
        return await self._open(job_id, items)

    async def lost_items(self, job: Job, chunk: int) -> list[tuple[int, Item]]:
        """Return the numbers of the open items of a *chunk* that cannot be read, with no items.

        They lie between those of the nearest chunks that can be read.
        """
        first, last = 0, job.items
        for before in range(chunk - 1, -1, -1):
            if items := await self._items(job.job_id, before):
                first = items[-1][0] + 1
                break
        for after in range(chunk + 1, job.chunks):
            if items := await self._items(job.job_id, after):
                last = items[0][0]
                break
        return await self._open(job.job_id, [(number, "") for number in range(first, last)])

    async def _items(self, job_id: str, chunk: int) -> list[tuple[int, Item]] | None:
        """Return the items of a chunk: none where they have expired, None if unreadable."""
        with store_errors("job items"):
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(JobKeys(job_id).items(chunk))
            (stored,) = await pipe.execute(raise_on_error=False)
            if is_wrong_type(stored):
                return None
            if isinstance(stored, Exception):
                raise stored
        return [] if stored is None else items_in(stored)

    async def _open(self, job_id: str, items: Sequence[tuple[int, Item]]) -> list[tuple[int, Item]]:
        if not items:
            return []
        numbers = [str(number) for number, _ in items]

        async def read() -> list[bytes | None]:
            found = await self._redis.hmget(JobKeys(job_id).results, numbers)
            return cast("list[bytes | None]", found)

        known = await self._undamaged("job items", read, job_id=job_id)
        return [item for item, result in zip(items, known, strict=True) if result is None]

    async def row_counts(self, job: Job, items: Sequence[tuple[int, Item]]) -> list[int]:
        """Return how many rows of *job* each of *items* answers, in order of their numbers."""
        if not (items and job.has_row_map):
            return [1] * len(items)
        first, last = items[0][0], items[-1][0]

        async def read() -> bytes:
            key = JobKeys(job.job_id).row_counts
            bounds = ROW_COUNT.size * first, ROW_COUNT.size * (last + 1) - 1
            return cast("bytes", await self._redis.getrange(key, *bounds))

        packed = await self._undamaged("job row counts", read, job_id=job.job_id)
        counts = [row_count_in(packed, number - first) for number, _ in items]
        # More rows than there are: something else has written the counts.
        return [count if count <= job.total else 1 for count in counts]

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store the result of one item and count it; False if it had one, or the job is over.

        Concurrent calls share a round trip.
        """
        return await self._reports.submit((job_id, number, report))

    async def _report_all(self, reports: Sequence[tuple[str, int, Report]]) -> list[bool]:
        calls = [((ROOT,), self._report_args(*report)) for report in reports]
        job_ids = {job_id for job_id, _, _ in reports}
        if len(job_ids) > 1:
            try:
                with store_errors("job report"):
                    counted = await call_together(self._redis, self._report, calls)
            except StoreRefused as refused:
                if refused.reason not in DAMAGE:
                    raise
                # One of the jobs may be damaged: the batch is parted until it is found.
                raise NotTogether from refused
        else:
            counted = await self._undamaged(
                "job report",
                lambda: call_together(self._redis, self._report, calls),
                job_id=next(iter(job_ids)),
            )
        return [bool(each) for each in counted]

    async def _undamaged(
        self, operation: str, step: Callable[[], Awaitable[T]], *, job_id: str | None = None
    ) -> T:
        return await undamaged(self._redis, operation, step, job_id=job_id, ttl=self._ttl)

    def _report_args(self, job_id: str, number: int, report: Report) -> list[Any]:
        tally = {"done": 1, **report.tally}
        return [
            *(self._ttl_ms, job_id, number, orjson.dumps(report.result)),
            *(report.failure or "", report.attempts),
            *(part for name, n in tally.items() for part in (TALLY + name, n)),
        ]


def _state(found: object) -> JobState | None:
    if isinstance(found, Exception) and not is_wrong_type(found):
        raise found
    try:
        return JobState(found.decode()) if isinstance(found, bytes) else None
    except ValueError:
        return None

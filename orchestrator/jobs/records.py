"""Job records in Redis DB 3: taking, reporting, reading."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar, cast

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
from orchestrator.jobs.model import (
    MOVES,
    Command,
    Item,
    Job,
    JobState,
    Report,
    UnreadableChunk,
    UnreadableJob,
)
from orchestrator.jobs.reading import is_wrong_type, read_jobs, readable
from orchestrator.jobs.stored import (
    ACTIVE,
    ROOT,
    ROW_COUNT,
    TALLY,
    JobKeys,
    items_in,
    job_of,
    row_count_in,
    set_aside,
    with_repair,
)

T = TypeVar("T")
_MS: Final = timedelta(milliseconds=1)


class NotTogether(Exception):
    """Reports of several jobs could not be stored in one round trip; each alone may be."""


class ChunkLease:
    """A chunk that the caller works on, until the block that took it is left.

    The caller sets `done` when every item has its result; else `rest`, how long the chunk is not
    to be taken, and `failed` if that is so because of an error outside its items.

    Attributes:
        losses: Workers that were lost with this chunk.
        failures: How often the work on it has failed outside its items.
        more: The lane has further work.
        is_first: No worker has had the chunk before, so none of its items has a result.
    """

    def __init__(self, taken: Sequence[Any]) -> None:
        """Read what the script `take` returns."""
        job_id, chunk, losses, more, failures, record, stored, first = taken
        self.job_id = readable(job_id)
        self.chunk: int = chunk
        self.losses: int = losses
        self.failures: int = failures
        self.stored: bytes | None = stored
        self.more = bool(more)
        self.is_first = bool(first)
        self.done = False
        self.failed = False
        self.rest = timedelta(0)
        self._record: Mapping[bytes, bytes] = dict(zip(record[::2], record[1::2], strict=True))

    def job(self) -> Job:
        """Return the job as its record was when the chunk was taken.

        Raises:
            UnreadableJob: The record cannot be read.
        """
        return job_of(self.job_id, self._record)


class JobRecords:
    """The records of jobs, which are the truth about them.

    A chunk lease is renewed while the chunk is worked on; another worker takes the chunk of a dead
    one after *chunk_lease*.
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
        renew = load_script(redis, "orchestrator.jobs", "renew")
        self._renewal = Renewal(redis, chunk_lease, script=renew)
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

        None, too, where it cannot be read: no worker is to go on with that.
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

        return [readable(job_id) for job_id in await self._with_repair("job active", read)]

    async def command(self, job_id: str, command: Command) -> JobState | None:
        """Ask *command* of a job; return the state that it is in after that, None without a job.

        Where the command changes nothing, the state is the present one.

        Raises:
            UnreadableJob: Its record cannot be read. `discard` removes it.
        """
        await self.job(job_id)
        before, after = MOVES[command]
        args: list[Any] = [self._ttl_ms, job_id, after, *sorted(before)]
        move = partial(self._move, keys=[ROOT], args=args)
        state: bytes | None = await self._with_repair(f"job {command}", move, job_id=job_id)
        return None if state is None else JobState(state.decode())

    async def set_aside(self, job_id: str) -> None:
        """Keep a job from being worked on that cannot be; `emasai doctor` names it."""
        await set_aside(self._redis, job_id, ttl=self._ttl)

    async def discard(self, job_id: str) -> None:
        """Remove a job whose record cannot be read."""
        with store_errors("job discard"):
            await self._discard(keys=[ROOT], args=[self._ttl_ms, job_id])

    @asynccontextmanager
    async def taken(self, lane: Lane) -> AsyncIterator[ChunkLease | None]:
        """Hold the next chunk of *lane* for the length of the block; None if there is none.

        On leaving, the chunk is handed back unless the lease was marked as done.
        """
        token = uuid.uuid4().hex
        take = partial(self._take, keys=[ROOT], args=[self._ttl_ms, lane, token, self._lease_ms])
        taken: list[Any] | None = await self._with_repair("job take", take)
        if taken is None:
            yield None
            return
        lease = ChunkLease(taken)
        async with self._renewal.keeping(JobKeys(lease.job_id).chunk_lease(lease.chunk), token):
            try:
                yield lease
            finally:
                await self._let_go(lease, token)

    async def _let_go(self, lease: ChunkLease, token: str) -> None:
        args: list[Any] = [self._ttl_ms, lease.job_id, lease.chunk, token]
        args += [int(lease.done), lease.rest // _MS, int(lease.failed)]
        finish = partial(self._finish, keys=[ROOT], args=args)
        with suppress(UnreadableJob):  # it is set aside, and its lease lapses
            await self._with_repair("job finish", finish, job_id=lease.job_id)

    async def items_of(self, lease: ChunkLease) -> list[tuple[int, Item]]:
        """Return the items of a chunk that have no result yet, with their numbers.

        Raises:
            UnreadableChunk: What is stored of them is no list of items.
        """
        items = [] if lease.stored is None else items_in(lease.stored)
        if items is None:
            raise UnreadableChunk(lease.job_id, lease.chunk)
        return items if lease.is_first else await self._open(lease.job_id, items)

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

        known = await self._with_repair("job items", read, job_id=job_id)
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

        packed = await self._with_repair("job row counts", read, job_id=job.job_id)
        counts = [row_count_in(packed, number - first) for number, _ in items]
        # More rows than there are: something else has written the counts.
        return [count if count <= job.total else 1 for count in counts]

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store the result of one item and count it; False if it had one, or the job is over.

        Concurrent calls share a round trip, those of one job a call of the script.
        """
        return await self._reports.submit((job_id, number, report))

    async def _report_all(self, reports: Sequence[tuple[str, int, Report]]) -> list[bool]:
        args_of: dict[str, list[Any]] = {}
        for job_id, number, report in reports:
            args_of.setdefault(job_id, [self._ttl_ms, job_id]).extend(_report_args(number, report))
        calls = [((ROOT,), args) for args in args_of.values()]
        if len(calls) > 1:
            try:
                with store_errors("job report"):
                    counted = await call_together(self._redis, self._report, calls)
            except StoreRefused as refused:
                if refused.reason not in DAMAGE:
                    raise
                # One of the jobs may be damaged: the batch is split until it is found.
                raise NotTogether from refused
        else:
            counted = await self._with_repair(
                "job report",
                lambda: call_together(self._redis, self._report, calls),
                job_id=reports[0][0],
            )
        answers = {job_id: iter(each) for job_id, each in zip(args_of, counted, strict=True)}
        return [bool(next(answers[job_id])) for job_id, _, _ in reports]

    async def _with_repair(
        self, operation: str, step: Callable[[], Awaitable[T]], *, job_id: str | None = None
    ) -> T:
        return await with_repair(self._redis, operation, step, job_id=job_id, ttl=self._ttl)


def _report_args(number: int, report: Report) -> list[Any]:
    tally = {"done": 1, **report.tally}
    args = [number, orjson.dumps(report.result), report.failure or "", report.attempts, len(tally)]
    for name, n in tally.items():
        args += (TALLY + name, n)
    return args


def _state(found: object) -> JobState | None:
    if isinstance(found, Exception) and not is_wrong_type(found):
        raise found
    try:
        return JobState(found.decode()) if isinstance(found, bytes) else None
    except ValueError:
        return None

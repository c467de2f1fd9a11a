"""Reads jobs: which there are, how much waits in each lane, and what was reported of each.

Jobs come from the newest to the oldest, page by page; results row by row, in order and in bounded
memory. Autoscaling and `emasai doctor` look at the backlog of the lanes.
"""

import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.infra.redis_client import scan_batches, store_errors
from orchestrator.infra.slots import Lane

from .model import UNREADABLE_RESULT, Job, JobState, JsonObject, UnreadableJob
from .stored import (
    ALL,
    FAILURES,
    ROOT,
    SEGMENT_ROWS,
    UNREADABLE,
    JobKeys,
    LaneKeys,
    Segment,
    job_of,
    numbers_in,
    with_repair,
)

#: Records of one read.
PAGE = 200
#: Later than any instant of ours: what stands behind it was not written by us.
LATEST_MS = 1 << 53


class JobCursor(NamedTuple):
    """Where a job stands in a sorted set: after all that are newer. Places are in its order."""

    at_ms: int
    job_id: str


async def walk(
    redis: Redis, key: str, *, after: JobCursor | None = None, since_ms: int = 0
) -> AsyncIterator[tuple[JobCursor, Job | UnreadableJob]]:
    """Yield the jobs of the sorted set *key*, newest first; one whose record is gone is left out.

    One whose record cannot be read is yielded as such.

    Jobs that are added during the walk are newer than those read, so they are not met, and no job
    is met twice.
    *after* is where to go on, from the newest if not given, and *since_ms* the oldest instant.

    Raises:
        StoreUnavailable: Redis is unavailable.
    """
    top: int | str = "+inf" if after is None else after.at_ms
    # How many at the instant `top` were met: as many jobs as fit into a millisecond.
    met = 0
    while True:
        page, jobs = await with_repair(
            redis, "job list", partial(_page, redis, key, top, since_ms, met)
        )
        for place, job in zip(page, jobs, strict=True):
            if job is not None and (after is None or place < after):
                yield place, job
        if len(page) < PAGE:
            return
        last_ms = page[-1].at_ms
        met = sum(place.at_ms == last_ms for place in page) + (met if last_ms == top else 0)
        top = last_ms


async def _page(
    redis: Redis, key: str, top: int | str, since_ms: int, met: int
) -> "tuple[list[JobCursor], list[Job | UnreadableJob | None]]":
    found = await redis.zrevrangebyscore(key, top, since_ms, start=met, num=PAGE, withscores=True)
    page = [
        JobCursor(int(min(max(at_ms, 0), LATEST_MS)), readable(job_id))
        for job_id, at_ms in cast("list[tuple[bytes, float]]", found)
    ]
    return page, await read_jobs(redis, [place.job_id for place in page])


async def read_jobs(redis: Redis, job_ids: Sequence[str]) -> list[Job | UnreadableJob | None]:
    """Return the record of each job, None for one that is not there, in one round trip."""
    if not job_ids:
        return []
    pipe = redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipe.hgetall(JobKeys(job_id).record)
    pipe.zmscore(UNREADABLE, list(job_ids))
    *records, aside = await pipe.execute(raise_on_error=False)
    jobs = [_job(job_id, record) for job_id, record in zip(job_ids, records, strict=True)]
    if isinstance(aside, Exception):
        return jobs
    return [
        UnreadableJob(job.job_id, "set aside, a part of it is damaged")
        if isinstance(job, Job) and at_ms is not None
        else job
        for job, at_ms in zip(jobs, aside, strict=True)
    ]


def readable(member: bytes) -> str:
    """Return a member of a set as text; also one that another program has written."""
    return member.decode("utf-8", "backslashreplace")


def is_wrong_type(error: object) -> bool:
    """Say whether a key holds a value of another type."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in f"{error.status_code} {error}"


def text_or_nothing(found: object) -> bytes:
    """Return what a key holds as text; nothing where it is of another type.

    Raises:
        Exception: The server answered with another error.
    """
    if isinstance(found, Exception) and not is_wrong_type(found):
        raise found
    return found if isinstance(found, bytes) else b""


def _job(job_id: str, record: Mapping[bytes, bytes] | Exception) -> Job | UnreadableJob | None:
    if is_wrong_type(record):
        return UnreadableJob(job_id, "no hash")
    if isinstance(record, Exception):
        raise record
    try:
        return job_of(job_id, record) if record else None
    except UnreadableJob as unreadable:
        return unreadable


#: Jobs among which unreadable ones are looked for.
LOOKED_AT: Final = 10_000


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; None for all."""

    state: JobState | None = None
    lane: Lane | None = None
    tenant: str | None = None

    def fits(self, job: Job) -> bool:
        """Say whether *job* is wanted."""
        return (
            self.state in {None, job.state}
            and self.lane in {None, job.lane}
            and self.tenant in {None, job.tenant}
        )


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """What happened to a job, and when."""

    at: datetime
    event: str


class JobList:
    """Reads which jobs there are."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def newest(self, wanted: JobFilter) -> AsyncIterator[Job]:
        """Yield the readable jobs that are *wanted*, newest first."""
        async for _, job in self.walk(wanted):
            if isinstance(job, Job):
                yield job

    async def walk(
        self, wanted: JobFilter, *, after: JobCursor | None = None
    ) -> AsyncIterator[tuple[JobCursor, Job | UnreadableJob]]:
        """Yield the jobs that are *wanted* and come *after* a place, each with its own.

        Of one whose record cannot be read it is not known whether it is wanted, so it is yielded,
        too, unless something particular is wanted.
        """
        async for place, job in walk(self._redis, ALL, after=after):
            if wanted.fits(job) if isinstance(job, Job) else wanted == JobFilter():
                yield place, job

    async def unreadable(self) -> list[UnreadableJob]:
        """Return the jobs that cannot be read: those set aside, and others among the newest."""
        with store_errors("job unreadable"):
            aside = cast("list[bytes]", await self._redis.zrange(UNREADABLE, 0, LOOKED_AT - 1))
            found = await read_jobs(self._redis, [readable(job_id) for job_id in aside])
        known = {each.job_id: each for each in found if isinstance(each, UnreadableJob)}
        looked_at = 0
        async for _, job in walk(self._redis, ALL):
            if isinstance(job, UnreadableJob):
                known.setdefault(job.job_id, job)
            looked_at += 1
            if looked_at == LOOKED_AT:
                break
        return list(known.values())

    async def set_aside(self) -> int:
        """Return how many indexes of jobs another program has written over."""
        with store_errors("job set aside"):
            return sum([len(batch) async for batch in scan_batches(self._redis, f"{ROOT}aside:*")])

    async def timeline(self, job_id: str) -> list[TimelineEvent]:
        """Return the last events of a job, oldest first."""
        with store_errors("job timeline"):
            pipe = self._redis.pipeline(transaction=False)
            pipe.lrange(JobKeys(job_id).timeline, 0, -1)
            (found,) = await pipe.execute(raise_on_error=False)
            if is_wrong_type(found):
                return []
            if isinstance(found, Exception):
                raise found
        events = (_event(line) for line in cast("list[bytes]", found))
        return [event for event in events if event is not None]


def _event(line: bytes) -> TimelineEvent | None:
    """Return the event of a line; None of one that no script has written."""
    milliseconds, _, event = line.partition(b" ")
    try:
        at = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
        return TimelineEvent(at, event.decode())
    except (ValueError, OverflowError, OSError):
        return None


#: Tenants of a lane that are looked at.
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class LaneBacklog:
    """What waits in one lane: chunks that no worker has, of jobs that are not paused.

    `oldest` is how long ago the oldest of those jobs was accepted, zero without one. `held` counts
    chunks that workers have, and those that rest because a backend is unavailable.
    """

    lane: Lane
    chunks: int
    jobs: int
    oldest: timedelta
    held: int


class Backlog:
    """Reads what waits. Every method raises StoreUnavailable without Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def lanes(self) -> list[LaneBacklog]:
        """Return the backlog of every lane, in one round trip, however much waits."""
        *found, (seconds, micros) = await with_repair(self._redis, "job backlog", self._read)
        now_ms = seconds * 1000 + micros // 1000
        each = (found[start : start + 4] for start in range(0, len(found), 4))
        return [
            LaneBacklog(lane, _number(chunks), jobs, _age(oldest, now_ms), held)
            for lane, (chunks, jobs, oldest, held) in zip(Lane, each, strict=True)
        ]

    async def waited(self, lane: Lane) -> timedelta | None:
        """Return how long the next tenant of *lane* has waited for its turn; None without one."""
        return await with_repair(
            self._redis, "job line", partial(self._waiting_time, LaneKeys(lane))
        )

    async def _read(self) -> list[Any]:
        pipe = self._redis.pipeline(transaction=True)
        for lane in Lane:
            keys = LaneKeys(lane)
            pipe.hget(keys.backlog, "chunks")
            pipe.zcard(keys.waiting)
            pipe.zrange(keys.waiting, 0, 0, withscores=True)
            pipe.zcard(keys.held)
        pipe.time()
        return await pipe.execute()

    async def _waiting_time(self, keys: LaneKeys) -> timedelta | None:
        turns = await self._redis.zrange(keys.tenants, 0, MOST - 1, withscores=True)
        tenants = [(readable(name), at) for name, at in cast("list[tuple[bytes, float]]", turns)]
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for tenant, _ in tenants:
            pipe.zcard(keys.jobs(tenant))
        (seconds, micros), *counts = await pipe.execute()
        now = seconds * 1_000_000 + micros
        # A tenant without work stays queued until a worker comes to it.
        turns_us = [at for (_, at), jobs in zip(tenants, counts, strict=True) if jobs]
        return timedelta(microseconds=max(0, now - turns_us[0])) if turns_us else None


def _number(text: bytes | None) -> int:
    """Return a count; 0 for what no script of ours has written."""
    return int(text) if text is not None and text.isdigit() else 0


def _age(oldest: object, now_ms: int) -> timedelta:
    found = cast("list[tuple[bytes, float]]", oldest)
    return timedelta(milliseconds=max(0, now_ms - int(found[0][1]))) if found else timedelta(0)


#: Rows of one read.
RESULTS_BATCH = 1000


@dataclass(frozen=True, slots=True)
class RowResult:
    """What was reported of the item that answers row `number` of a job.

    `is_first`: no earlier row has the same item. `spelling` is how the row writes the item, None
    if as its first row does.
    """

    number: int
    result: JsonObject
    is_first: bool = True
    spelling: str | None = None


class JobResults:
    """Reads what has been reported of a job's items."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def pages(self, job: Job, start: int, stop: int) -> AsyncIterator[list[RowResult]]:
        """Yield the results of the rows from *start* to *stop*, in order, some at a time.

        A row without one is left out.
        """
        for first in range(start, min(stop, job.total), RESULTS_BATCH):
            yield await self.some(job, range(first, min(first + RESULTS_BATCH, stop, job.total)))

    async def some(self, job: Job, rows: Sequence[int]) -> list[RowResult]:
        """Return the results of *rows*, which ascend; a row without one is left out.

        Repeated rows share the object of their item's result.
        """
        with store_errors("job results"):
            found = [place async for place in self._places(job, rows)]
            reported = await self._read_results(job, {place.item for place in found})
        return [
            RowResult(place.row, reported[place.item], place.is_first, place.spelling)
            for place in found
            if place.item in reported
        ]

    async def _read_results(self, job: Job, items: "set[int]") -> dict[int, JsonObject]:
        if not items:
            return {}
        numbers = sorted(items)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hmget(JobKeys(job.job_id).results, list(map(str, numbers)))
        (stored,) = await pipe.execute(raise_on_error=False)
        if is_wrong_type(stored):
            return dict.fromkeys(numbers, UNREADABLE_RESULT)
        if isinstance(stored, Exception):
            raise stored
        return {
            number: result_in(result)
            for number, result in zip(numbers, stored, strict=True)
            if result is not None
        }

    async def _places(self, job: Job, rows: Sequence[int]) -> "AsyncIterator[_Place]":
        if not job.has_row_map:
            for row in rows:
                yield _Place(row, row)
            return
        for number, some in groupby(rows, lambda row: row // SEGMENT_ROWS):
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(JobKeys(job.job_id).rows(number))
            (found,) = await pipe.execute(raise_on_error=False)
            if stored := text_or_nothing(found):
                offset = number * SEGMENT_ROWS
                try:
                    segment = Segment.unpack(stored)
                except (struct.error, ValueError, TypeError, AttributeError):
                    continue  # rows of unknown items count as without a result
                for place in _places_in(segment, offset, some):
                    yield place


def result_in(stored: bytes | str) -> JsonObject:
    """Return the result that *stored* is; one that says so where it cannot be read."""
    try:
        result = orjson.loads(stored)
    except ValueError:
        return UNREADABLE_RESULT
    is_sound = isinstance(result, dict)
    return cast("JsonObject", result) if is_sound else UNREADABLE_RESULT


class _Place(NamedTuple):
    row: int
    item: int
    is_first: bool = True
    spelling: str | None = None


def _places_in(segment: Segment, offset: int, rows: Iterable[int]) -> Iterator[_Place]:
    first_occurrences: Sequence[bool] = segment.first_occurrences()
    for row in rows:
        n = row - offset
        if n < len(segment.items):
            yield _Place(row, segment.items[n], first_occurrences[n], segment.spellings.get(n))


#: Items whose marks are read together: 100 kB, however many of them have failed.
WINDOW: Final = 16_384
#: Results of one read.
BATCH: Final = 1_000

_FAILED_AT = struct.Struct("<IH")
_TALLY: Final = "failed:"


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Which dead letters are wanted; None and nothing for all. *since* is when they failed."""

    job_id: str | None = None
    codes: frozenset[str] = frozenset()
    tenant: str | None = None
    lane: Lane | None = None
    since: datetime | None = None

    def fits(self, job: Job) -> bool:
        """Say whether dead letters of *job* may be wanted."""
        return (
            self.job_id in {None, job.job_id}
            and self.tenant in {None, job.tenant}
            and self.lane in {None, job.lane}
            and bool(self.codes_of(job))
        )

    def codes_of(self, job: Job) -> list[str]:
        """Return the wanted codes under which items of *job* have failed."""
        codes = [name.removeprefix(_TALLY) for name in sorted(job.tally) if name.startswith(_TALLY)]
        return [code for code in codes if not self.codes or code in self.codes]


class Failure(NamedTuple):
    """One dead letter; `requeued`: another job has it now."""

    number: int
    code: str
    failed_at: datetime
    attempts: int
    requeued: bool


class Failures:
    """Reads which items have failed. Every method raises StoreUnavailable without Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def jobs(self, wanted: FailureFilter) -> AsyncIterator[Job]:
        """Yield the jobs with dead letters that may be *wanted*, the latest failure first."""
        if wanted.job_id is not None:
            with store_errors("job failures"):
                (job,) = await read_jobs(self._redis, [wanted.job_id])
            if isinstance(job, UnreadableJob):
                raise job
            if job is not None and wanted.fits(job):
                yield job
            return
        since_ms = 0 if wanted.since is None else int(wanted.since.timestamp() * 1000)
        async for _, job in walk(self._redis, FAILURES, since_ms=since_ms):
            if isinstance(job, Job) and wanted.fits(job):
                yield job

    async def items(self, job: Job, wanted: FailureFilter) -> AsyncIterator[list[Failure]]:
        """Yield the dead letters of *job* that are *wanted*, in order, some at a time."""
        codes = wanted.codes_of(job)
        for first in range(0, job.items if codes else 0, WINDOW):
            found = await self._window(job, codes, first)
            yield [item for item in found if wanted.since is None or item.failed_at >= wanted.since]

    async def results(
        self, job: Job, items: Sequence[Failure]
    ) -> AsyncIterator[list[tuple[Failure, JsonObject]]]:
        """Yield *items* of *job* with what was reported of each, some at a time."""
        key = JobKeys(job.job_id).results
        for start in range(0, len(items), BATCH):
            some = items[start : start + BATCH]
            with store_errors("job failures"):
                found = await self._redis.hmget(key, [str(item.number) for item in some])
            yield [
                (item, result_in(result))
                for item, result in zip(some, found, strict=True)
                if result is not None
            ]

    async def _window(self, job: Job, codes: Sequence[str], first: int) -> list[Failure]:
        keys = JobKeys(job.job_id)
        bits = first // 8, (first + WINDOW) // 8 - 1
        stamps = _FAILED_AT.size * first, _FAILED_AT.size * (first + WINDOW) - 1
        with store_errors("job failures"):
            pipe = self._redis.pipeline(transaction=False)
            for code in codes:
                pipe.getrange(keys.failed(code), *bits)
            pipe.getrange(keys.requeued, *bits)
            # Last: an item that fails meanwhile is here, and not yet above.
            pipe.getrange(keys.failed_at, *stamps)
            read = await pipe.execute(raise_on_error=False)
            *bitmaps, requeued, failed_at = (text_or_nothing(each) for each in read)
        again = set(numbers_in(requeued))
        found = []
        for code, bitmap in zip(codes, bitmaps, strict=True):
            for number in numbers_in(bitmap):
                if first + number >= job.items:
                    break  # not one of the job's; something else has written the bitmap
                offset = _FAILED_AT.size * number
                stamp = failed_at[offset : offset + _FAILED_AT.size]
                seconds, attempts = _FAILED_AT.unpack(stamp.ljust(_FAILED_AT.size, b"\0"))
                at = job.accepted_at + timedelta(seconds=seconds)
                found.append(Failure(first + number, code, at, attempts, number in again))
        return sorted(found)

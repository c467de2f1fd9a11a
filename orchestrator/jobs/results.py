"""Reads what was reported of a job: row by row, in order and in bounded memory."""

import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple, cast

import orjson
from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors
from orchestrator.infra.slots import Lane
from orchestrator.jobs.listing import is_wrong_type, read_jobs, text_or_nothing, walk
from orchestrator.jobs.model import UNREADABLE_RESULT, Job, JsonObject, UnreadableJob
from orchestrator.jobs.stored import FAILURES, SEGMENT_ROWS, JobKeys, Segment, numbers_in

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
            reported = await self._reported(job, {place.item for place in found})
        return [
            RowResult(place.row, reported[place.item], place.is_first, place.spelling)
            for place in found
            if place.item in reported
        ]

    async def _reported(self, job: Job, items: "set[int]") -> dict[int, JsonObject]:
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

"""The way out: what was reported of a job, row by row, in order and in bounded memory."""

import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, cast

import orjson
from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors
from orchestrator.jobs.keys import JobKeys
from orchestrator.jobs.model import UNREADABLE_RESULT, Job, JsonObject
from orchestrator.jobs.paging import is_wrong_type, text_or_nothing
from orchestrator.jobs.rowmap import SEGMENT_ROWS, Segment

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
                    continue  # whose rows they are cannot be told: they count as without a result
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

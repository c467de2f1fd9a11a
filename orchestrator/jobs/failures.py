"""Dead letters: which items of which jobs have failed, read in bounded memory.

A job keeps them as a bitmap of item numbers for each code, a bitmap of those that were queued
again, and a string with 6 bytes an item: the seconds since its acceptance and the attempts.
"""

import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from redis.asyncio import Redis

from orchestrator.infra.redis_client import store_errors
from orchestrator.infra.slots import Lane
from orchestrator.jobs.bitmap import numbers_in
from orchestrator.jobs.errors import UnreadableJob
from orchestrator.jobs.keys import FAILURES, JobKeys
from orchestrator.jobs.model import Job, JsonObject
from orchestrator.jobs.paging import read_jobs, text_or_nothing, walk
from orchestrator.jobs.results import result_in

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
            # Last: who has failed meanwhile stands here, and not yet above.
            pipe.getrange(keys.failed_at, *stamps)
            read = await pipe.execute(raise_on_error=False)
            *bitmaps, requeued, failed_at = (text_or_nothing(each) for each in read)
        again = set(numbers_in(requeued))
        found = []
        for code, bitmap in zip(codes, bitmaps, strict=True):
            for number in numbers_in(bitmap):
                if first + number >= job.items:
                    break  # not one of the job's; something else has written the bitmap
                place = _FAILED_AT.size * number
                stamp = failed_at[place : place + _FAILED_AT.size]
                seconds, attempts = _FAILED_AT.unpack(stamp.ljust(_FAILED_AT.size, b"\0"))
                at = job.accepted_at + timedelta(seconds=seconds)
                found.append(Failure(first + number, code, at, attempts, number in again))
        return sorted(found)

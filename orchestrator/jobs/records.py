"""Job records in Redis DB 3: claiming, reporting, reading."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import orjson
from redis.asyncio import Redis

from orchestrator.jobs.errors import store_errors
from orchestrator.jobs.intake import Intake
from orchestrator.jobs.keys import ACTIVE, JobKeys
from orchestrator.jobs.model import Item, Job, NewJob, Report
from orchestrator.jobs.reading import TALLY, job_of
from orchestrator.jobs.rowmap import ROW_COUNT, row_count_in
from orchestrator.lease import Renewal
from orchestrator.memo import StoreUnavailable
from orchestrator.scripts import load_script

_MS = timedelta(milliseconds=1)


class JobRecords:
    """The truth about jobs.

    `claim` leases are renewed while a chunk is worked on; a dead worker's chunk is free again
    after *claim_lease*. A doorbell counts as on its way for *ring_patience*.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        ttl: timedelta,
        claim_lease: timedelta = timedelta(seconds=5),
        ring_patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._redis = redis
        self._ttl_ms = ttl // _MS
        self._claim_ms = claim_lease // _MS
        self._ring_ms = ring_patience // _MS
        self._renewal = Renewal(redis, claim_lease)
        self._intake = Intake(redis, ttl=ttl)
        self._claim = load_script(redis, "orchestrator.jobs", "claim")
        self._report = load_script(redis, "orchestrator.jobs", "report")
        self._finish = load_script(redis, "orchestrator.jobs", "finish")

    async def accept(self, job_id: str, new: NewJob, *, chunk_size: int) -> Job:
        """Store *new* durably as *job_id*, and return the job: an unfinished equal one if any.

        Every row is an item; `Intake` has the way in for those that are not.
        """
        job = await self.job(await self._intake.accept(job_id, new, chunk_size=chunk_size))
        if job is None:
            raise StoreUnavailable("accept")
        return job

    async def job(self, job_id: str) -> Job | None:
        """Return the record of *job_id*; None if there is none (any more)."""
        with store_errors("job"):
            fields = await self._redis.hgetall(JobKeys(job_id).record)
        text = {k.decode(): v.decode() for k, v in cast("dict[bytes, bytes]", fields).items()}
        return job_of(job_id, text) if text else None

    async def active(self) -> list[str]:
        """Return the ids of unfinished jobs, oldest first."""
        with store_errors("active"):
            found = await self._redis.zrange(ACTIVE, 0, -1)
            return [job_id.decode() for job_id in cast("list[bytes]", found)]

    async def forget(self, job_id: str) -> None:
        """Drop *job_id* from the active ones: its record has expired."""
        with store_errors("forget"):
            await self._redis.zrem(ACTIVE, job_id)

    async def silent_chunks(self, job_id: str) -> list[int]:
        """Return the open chunks that nobody holds and no doorbell announces."""
        keys = JobKeys(job_id)
        with store_errors("silent"):
            chunks = sorted(int(chunk) for chunk in await self._redis.smembers(keys.open))
            if not chunks:
                return []
            signs = await self._redis.mget(
                [key for chunk in chunks for key in (keys.claim(chunk), keys.rung(chunk))]
            )
        return [
            c for i, c in enumerate(chunks) if signs[2 * i] is None and signs[2 * i + 1] is None
        ]

    async def may_ring(self, job_id: str, chunk: int) -> bool:
        """Say whether the caller is the one to ring for *chunk* now; marks it as rung."""
        with store_errors("ring"):
            marked = await self._redis.set(
                JobKeys(job_id).rung(chunk), b"1", nx=True, px=self._ring_ms
            )
        return bool(marked)

    @asynccontextmanager
    async def claimed(self, job_id: str, chunk: int) -> AsyncIterator["Claim | None"]:
        """Hold *chunk* for the length of the block; None if it is finished or somebody's.

        On leaving, the chunk is handed back unless the claim was marked as done.
        """
        keys, token = JobKeys(job_id), uuid.uuid4().hex
        with store_errors("claim"):
            got = await self._claim(
                keys=[keys.open, keys.claim(chunk)], args=[chunk, token, self._claim_ms]
            )
        if not got:
            yield None
            return
        claim = Claim()
        async with self._renewal.keeping(keys.claim(chunk), token):
            try:
                yield claim
            finally:
                with store_errors("finish"):
                    await self._finish(
                        keys=[
                            keys.record,
                            keys.open,
                            keys.claim(chunk),
                            keys.rung(chunk),
                            ACTIVE,
                        ],
                        args=[chunk, token, job_id, "1" if claim.done else "0"],
                    )

    async def open_items(self, job_id: str, chunk: int) -> list[tuple[int, Item]]:
        """Return the items of *chunk* that have no result yet, with their numbers."""
        keys = JobKeys(job_id)
        with store_errors("items"):
            stored = await self._redis.get(keys.items(chunk))
            if stored is None:
                return []
            items = [(number, item) for number, item in orjson.loads(stored)]
            known = await self._redis.hmget(keys.results, [str(number) for number, _ in items])
        return [item for item, result in zip(items, known, strict=True) if result is None]

    async def row_counts(self, job: Job, items: Sequence[tuple[int, Item]]) -> list[int]:
        """Return how many rows of *job* each of *items* answers, in order of their numbers."""
        if not (items and job.has_row_map):
            return [1] * len(items)
        first, last = items[0][0], items[-1][0]
        with store_errors("row counts"):
            packed = await self._redis.getrange(
                JobKeys(job.job_id).row_counts,
                ROW_COUNT.size * first,
                ROW_COUNT.size * (last + 1) - 1,
            )
        return [row_count_in(cast("bytes", packed), number - first) for number, _ in items]

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store the result of one item and count it; False if it had one already."""
        keys = JobKeys(job_id)
        tally = {"done": 1, **report.tally}
        with store_errors("report"):
            counted = await self._report(
                keys=[keys.record, keys.results],
                args=[
                    number,
                    orjson.dumps(report.result),
                    self._ttl_ms,
                    *(part for name, n in tally.items() for part in (TALLY + name, n)),
                ],
            )
        return bool(counted)


class Claim:
    """A chunk in the caller's hands. Set `done` when every item has its result."""

    def __init__(self) -> None:
        self.done = False

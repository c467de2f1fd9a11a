"""Job records in Redis DB 3: taking, reporting, reading."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from orchestrator.batching import Batcher
from orchestrator.connections import store_errors
from orchestrator.jobs.intake import Intake
from orchestrator.jobs.keys import ACTIVE, ROOT, JobKeys
from orchestrator.jobs.model import Item, Job, Lane, NewJob, Report
from orchestrator.jobs.reading import TALLY, job_of
from orchestrator.jobs.rowmap import ROW_COUNT, row_count_in
from orchestrator.jobs.state import Command, JobState, origins, target
from orchestrator.lease import Renewal
from orchestrator.memo import StoreUnavailable
from orchestrator.scripts import call_together, load_script

_MS = timedelta(milliseconds=1)


class Claim:
    """A chunk in the caller's hands, until the block that took it is left.

    Set `done` when every item has its result; `rest`, how long nobody is to take it, else.

    `losses` counts workers that have vanished with this chunk, `more` says whether the lane
    has further work.
    """

    def __init__(self, job_id: str, chunk: int, *, losses: int, more: bool) -> None:
        self.job_id = job_id
        self.chunk = chunk
        self.losses = losses
        self.more = more
        self.done = False
        self.rest = timedelta(0)


class JobRecords:
    """The truth about jobs.

    A claim is a lease that is renewed while its chunk is worked on; a dead worker's chunk is
    taken by another one after *claim_lease*.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        ttl: timedelta,
        claim_lease: timedelta = timedelta(seconds=5),
    ) -> None:
        self._redis = redis
        self._ttl_ms = ttl // _MS
        self._claim_ms = claim_lease // _MS
        self._renewal = Renewal(redis, claim_lease)
        self._intake = Intake(redis, ttl=ttl)
        self._take = load_script(redis, "orchestrator.jobs", "job", "take")
        self._report = load_script(redis, "orchestrator.jobs", "job", "report")
        self._reports = Batcher(self._report_all, shared=StoreUnavailable)
        self._finish = load_script(redis, "orchestrator.jobs", "job", "finish")
        self._move = load_script(redis, "orchestrator.jobs", "job", "move")

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
        with store_errors("job job"):
            fields = await self._redis.hgetall(JobKeys(job_id).record)
        text = {k.decode(): v.decode() for k, v in cast("dict[bytes, bytes]", fields).items()}
        return job_of(job_id, text) if text else None

    async def states(self, job_ids: Sequence[str]) -> list[JobState | None]:
        """Return the state of each job, None for one that is not there, in one round trip."""
        with store_errors("job states"):
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hget(JobKeys(job_id).record, "state")
            found = cast("list[bytes | None]", await pipe.execute())
        return [None if state is None else JobState(state.decode()) for state in found]

    async def active(self) -> list[str]:
        """Return the ids of unfinished jobs, oldest first."""
        with store_errors("job active"):
            found = await self._redis.zrange(ACTIVE, 0, -1)
            return [job_id.decode() for job_id in cast("list[bytes]", found)]

    async def command(self, job_id: str, command: Command) -> JobState | None:
        """Ask *command* of a job; return the state that it is in after that, None without a job.

        Where the command changes nothing, the state is the one that there was.
        """
        with store_errors(f"job {command}"):
            state = await self._move(
                keys=[ROOT],
                args=[self._ttl_ms, job_id, target(command), *sorted(origins(command))],
            )
        return None if state is None else JobState(state.decode())

    @asynccontextmanager
    async def taken(self, lane: Lane) -> AsyncIterator[Claim | None]:
        """Hold the next chunk of *lane* for the length of the block; None if there is none.

        On leaving, the chunk is handed back unless the claim was marked as done.
        """
        token = uuid.uuid4().hex
        with store_errors("job take"):
            got = await self._take(keys=[ROOT], args=[self._ttl_ms, lane, token, self._claim_ms])
        if got is None:
            yield None
            return
        job_id, chunk, losses, more = got
        claim = Claim(job_id.decode(), chunk, losses=losses, more=bool(more))
        async with self._renewal.keeping(JobKeys(claim.job_id).claim(chunk), token):
            try:
                yield claim
            finally:
                await self._let_go(claim, token)

    async def _let_go(self, claim: Claim, token: str) -> None:
        with store_errors("job finish"):
            await self._finish(
                keys=[ROOT],
                args=[
                    *(self._ttl_ms, claim.job_id, claim.chunk, token),
                    *(int(claim.done), claim.rest // _MS),
                ],
            )

    async def open_items(self, job_id: str, chunk: int) -> list[tuple[int, Item]]:
        """Return the items of *chunk* that have no result yet, with their numbers."""
        keys = JobKeys(job_id)
        with store_errors("job items"):
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
        with store_errors("job row counts"):
            packed = await self._redis.getrange(
                JobKeys(job.job_id).row_counts,
                ROW_COUNT.size * first,
                ROW_COUNT.size * (last + 1) - 1,
            )
        return [row_count_in(cast("bytes", packed), number - first) for number, _ in items]

    async def report(self, job_id: str, number: int, report: Report) -> bool:
        """Store the result of one item and count it; False if it had one, or the job is over.

        Concurrent calls share a round trip.
        """
        return await self._reports.submit((job_id, number, report))

    async def _report_all(self, reports: Sequence[tuple[str, int, Report]]) -> list[bool]:
        calls = [((ROOT,), self._report_args(*report)) for report in reports]
        with store_errors("job report"):
            counted = await call_together(self._redis, self._report, calls)
        return [bool(each) for each in counted]

    def _report_args(self, job_id: str, number: int, report: Report) -> list[Any]:
        tally = {"done": 1, **report.tally}
        return [
            *(self._ttl_ms, job_id, number, orjson.dumps(report.result)),
            *(report.failure or "", report.attempts),
            *(part for name, n in tally.items() for part in (TALLY + name, n)),
        ]

"""Works through one chunk: claims it, runs the items that have no result, reports each."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import structlog

from orchestrator.jobs.model import Item, Job, JobContext, JobKind, NotNow, Report
from orchestrator.jobs.records import JobRecords
from orchestrator.memo import StoreUnavailable

log = structlog.get_logger(__name__)

Handler = Callable[[Item, JobContext], Awaitable[Report]]


class Doorbell(Protocol):
    """Announces a chunk to the workers. Best effort: the reconciler rings again."""

    async def ring(self, job_id: str, chunk: int) -> None:
        """Send the announcement. Raises nothing for a broker that is away."""

    async def waiting(self) -> int:
        """Return how many announcements wait to be heard; 0 where the broker cannot say."""


#: Chunks under way in one process. Their items mostly wait, which costs memory and nothing
#: else; the limit keeps a process from claiming more than it can finish in good time.
MAX_CHUNKS = 100


class ChunkRunner:
    """Runs chunks on one event loop, in the background: no thread waits for them."""

    def __init__(
        self,
        records: JobRecords,
        handlers: Mapping[JobKind, Handler],
        *,
        max_chunks: int = MAX_CHUNKS,
    ) -> None:
        self._records = records
        self._handlers = handlers
        self._admission = asyncio.Semaphore(max_chunks)
        self._draining = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def drain(self) -> None:
        """Start no further item. Running ones end; unfinished chunks are handed back."""
        self._draining.set()

    async def start(self, job_id: str, chunk: int) -> None:
        """Take up *chunk* and return while it is worked on; wait only while too many are.

        What becomes of it is in its record: the reconciler rings again for what is not done.
        """
        await self._admission.acquire()
        task = asyncio.create_task(self._admitted(job_id, chunk), name=f"chunk {job_id} {chunk}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def run(self, job_id: str, chunk: int) -> int:
        """Work through *chunk* and return how many items got a result by this call.

        Idempotent: a chunk that is finished, held elsewhere or unknown does nothing.
        """
        if self._draining.is_set():
            return 0
        job = await self._records.job(job_id)
        if job is None:
            return 0
        async with self._records.claimed(job_id, chunk) as claim:
            if claim is None:
                return 0
            items = await self._records.open_items(job_id, chunk)
            rows = await self._records.row_counts(job, items)
            async with asyncio.TaskGroup() as group:
                runs = [
                    group.create_task(self._run_item(job, *item, rows=n))
                    for item, n in zip(items, rows, strict=True)
                ]
            claim.done = all(run.result() for run in runs)
        log.info("chunk.worked", job_id=job_id, chunk=chunk, items=len(items), done=claim.done)
        return sum(run.result() for run in runs)

    async def aclose(self) -> None:
        """Drain, and wait for what is running."""
        self.drain()
        while self._running:
            await asyncio.wait(self._running)

    async def _admitted(self, job_id: str, chunk: int) -> None:
        try:
            await self.run(job_id, chunk)
        except StoreUnavailable as away:
            log.warning("chunk.postponed", job_id=job_id, chunk=chunk, why=str(away))
        except Exception:
            log.exception("chunk.failed", job_id=job_id, chunk=chunk)
        finally:
            self._admission.release()

    async def _run_item(self, job: Job, number: int, item: Item, *, rows: int) -> bool:
        if self._draining.is_set():
            return False
        try:
            context = replace(job.context, rows=rows, pause=self._pause)
            report = await self._handlers[job.kind](item, context)
            await self._records.report(job.job_id, number, report.for_rows(rows))
        except (NotNow, StoreUnavailable) as later:
            log.warning("item.postponed", job_id=job.job_id, number=number, why=str(later))
            return False
        return True

    async def _pause(self, duration: timedelta) -> None:
        """Wait, unless the process drains: then there is another one that can."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration.total_seconds()):
                await self._draining.wait()
        if self._draining.is_set():
            raise NotNow("the worker is shutting down")

"""Notices within a second that a job in hand was paused or cancelled."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from orchestrator.infra.background import Loop, Supervisor, end_task
from orchestrator.jobs.chunkwork import ChunkWork
from orchestrator.jobs.records import JobRecords
from orchestrator.jobs.state import JobState


class JobWatch:
    """Reads the states of all jobs in hand every *period*, in one round trip, and acts on them."""

    def __init__(self, records: JobRecords, period: timedelta, supervisor: Supervisor) -> None:
        self._records = records
        self._loop = Loop("job watch", self._look, period)
        self._supervisor = supervisor
        self._chunks: defaultdict[str, set[ChunkWork]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, job_id: str, chunk: ChunkWork) -> Iterator[None]:
        """Watch over *chunk* for the length of the block."""
        self._chunks[job_id].add(chunk)
        if self._looking is None:
            self._looking = self._supervisor.start(self._loop)
        try:
            yield
        finally:
            self._chunks[job_id].discard(chunk)
            if not self._chunks[job_id]:
                del self._chunks[job_id]

    async def aclose(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            await end_task(self._looking)

    async def _look(self) -> None:
        """Look once at the jobs in hand."""
        job_ids = list(self._chunks)
        if job_ids:
            states = await self._records.states(job_ids)
            for job_id, state in zip(job_ids, states, strict=True):
                self._act(job_id, state)

    def _act(self, job_id: str, state: JobState | None) -> None:
        for chunk in tuple(self._chunks.get(job_id, ())):
            if state is JobState.PAUSED:
                chunk.hold_back()
            elif state is None or state in {JobState.CANCELLING, JobState.CANCELLED}:
                chunk.abandon()

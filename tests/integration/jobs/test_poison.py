"""An item that kills its worker is found out and given up; the others of its chunk finish."""

import asyncio
import signal

from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.jobs import (
    ChunkRunner,
    JobKind,
    JobState,
    Lane,
    NewJob,
    PoisonTracker,
)
from tests.support.async_waiting import eventually
from tests.support.children import Children
from tests.support.handlers import FakeHandler
from tests.support.job_records import AcceptingRecords
from tests.support.notifier import FakeNotifier
from tests.support.results import reported_results
from tests.support.vanishing import vanish_with_a_chunk

NEW = NewJob(JobKind.ENRICH, ("a", "poison", "c"), "acme")


async def test_a_chunk_that_workers_vanish_with_is_worked_on_one_by_one(
    records: AcceptingRecords, poison: PoisonTracker, jobs_redis: Redis, notifier: FakeNotifier
) -> None:
    """From the third delivery on, an item begins when the one before it has ended."""
    await records.accept("j1", NEW, chunk_size=3)
    for losses in range(2):

        async def vanishes(losses: int = losses) -> bool:
            return await vanish_with_a_chunk(jobs_redis) == losses

        await eventually(vanishes, "a worker has vanished with the chunk")
    handler = FakeHandler()
    handler.gate.clear()
    runner = ChunkRunner(records, poison, {JobKind.ENRICH: handler}, notifier)
    work = asyncio.create_task(runner.run_one(Lane.PIPELINE))

    async def is_waiting() -> bool:
        return await poison.beginnings("j1", 0) == (1, "waiting")

    await eventually(is_waiting, "the first item is marked, with the step it began")
    assert handler.order == ["a"]
    handler.gate.set()
    assert await work == 3
    assert handler.order == ["a", "poison", "c"]


async def test_poison_ends_as_a_dead_letter_and_takes_nobody_along(
    records: AcceptingRecords, shared_valkey: Valkey, jobs_redis: Redis, children: Children
) -> None:
    """Real processes die with `kill -9` until the item is given up, with where it was."""
    await records.accept("j1", NEW, chunk_size=3)
    deaths = 0

    async def is_over() -> bool:
        nonlocal deaths
        worker = await children.fork("tests.support.mortal_worker", f"{shared_valkey.url}/3")
        deaths += await worker.wait() == -signal.SIGKILL
        job = await records.job("j1")
        return job is not None and job.state is JobState.DONE

    await eventually(is_over, "the job is done in spite of its poison", within_s=200)

    job = await records.job("j1")
    assert job is not None
    results = dict(await reported_results(jobs_redis, job))
    assert deaths == 2 + 3
    assert results[0] == {"item": "a"}
    assert results[1] == {"item": "poison", "code": "poison", "attempts": 3, "step": "swallow"}
    assert results[2] == {"item": "c"}

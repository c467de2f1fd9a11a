"""Work that does nothing: through records and chunks, against one bare Celery task each.

Each contender has one worker process of its own, on a Valkey server of its own. All work is
there before the worker starts; what it needs to start is not counted.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import psutil
from celery import Celery

from bench.measure import QUICK_REPEATS, console, grid, judge, rounds, summary
from bench.noop import APP, NOTHING, PLAIN_APP, TTL, open_plain_app
from bench.servers import running_valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.jobs import CHUNK_ITEMS, Intake, JobKind, JobRecords, NewJob
from orchestrator.messaging import create_app
from orchestrator.messaging.app import QUEUE_PIPELINE, TASK_WORK
from orchestrator.settings import Settings, load
from tests.support.project import ROOT

#: Tasks of Celery's, and items of ours, of which it takes more to last as long.
TASKS, QUICK_TASKS = 5_000, 1_000
ITEMS, QUICK_ITEMS = 50_000, 10_000
#: What is promised.
FASTER = 5.0
#: Seconds between two looks at how far a worker is.
LOOK_S = 0.005
PLAIN, PROFILE, OURS = "Celery as it comes", "Celery, our profile", f"ours, chunks of {CHUNK_ITEMS}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one piece of work costs: seconds of the worker's processor, and by the clock."""

    cpu: float
    wall: float


async def main(repeats: int) -> None:
    """Have each contender's work done by its worker, round after round."""
    few = repeats <= QUICK_REPEATS
    tasks, items = (QUICK_TASKS, QUICK_ITEMS) if few else (TASKS, ITEMS)
    costs: dict[str, list[Cost]] = {name: [] for name in (PLAIN, PROFILE, OURS)}
    for name in rounds(costs, repeats):
        with running_valkey() as url:
            variables = {
                "REDIS_URL": url,
                "DATABASE_URL": "sqlite:///unused.sqlite",
                "SURFSENSE_URL": "http://127.0.0.1:9",
            }
            settings = load(**variables)
            if name == OURS:
                costs[name].append(await _items(settings, variables, items))
            elif name == PROFILE:
                app = create_app(settings)
                costs[name].append(await _tasks(app, APP, QUEUE_PIPELINE, variables, tasks))
            else:
                app = open_plain_app(settings)
                costs[name].append(await _tasks(app, PLAIN_APP, "celery", variables, tasks))
    _show(costs)


async def _items(settings: Settings, variables: dict[str, str], count: int) -> Cost:
    """Have a job of so many items done."""
    app = create_app(settings)
    async with open_redis(settings.redis_jobs_url) as redis:
        records = JobRecords(redis, ttl=TTL)
        new = NewJob(JobKind.ENRICH, tuple(map(str, range(count))), "bench")
        unsealed = Intake(redis, ttl=TTL).begin(uuid.uuid4().hex, new)
        await unsealed.add(new.items)
        job_id = await unsealed.seal()
        app.send_task(TASK_WORK, kwargs={"lane": new.lane}, queue=new.lane)

        async def left() -> int:
            job = await records.job(job_id)
            assert job is not None
            return count - job.done

        with _worker(APP, variables) as worker:
            cost = await _cost(worker, left, count)
    app.close()
    return cost


async def _tasks(app: Celery, name: str, queue: str, variables: dict[str, str], count: int) -> Cost:
    """Have so many tasks done by a worker of *name*."""
    for _ in range(count):
        app.send_task(NOTHING, queue=queue)
    async with open_redis(str(app.conf.broker_url)) as redis:

        async def left() -> int:
            async with redis.pipeline() as pipe:
                pipe.llen(queue)
                pipe.hlen("unacked")
                return sum(await pipe.execute())

        with _worker(name, variables) as worker:
            cost = await _cost(worker, left, count)
            # A worker that does not know the task would empty the queue, too.
            stats = await asyncio.to_thread(app.control.inspect(timeout=20, limit=1).stats)
            assert stats
            assert [said["total"] for said in stats.values()] == [{NOTHING: count}]
    app.close()
    return cost


@contextmanager
def _worker(app: str, variables: dict[str, str]) -> Iterator[psutil.Popen]:
    """Run a worker with one process to work in, for the length of the block."""
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "--concurrency"]
    pool = ["8", "--pool", "threads"] if app == APP else ["1"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
    worker = psutil.Popen(
        [*command, *pool, *quiet],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait()


async def _cost(worker: psutil.Popen, left: Callable[[], Awaitable[int]], count: int) -> Cost:
    """Return what a piece costs, from the first one that is done to the last."""
    while (before := await left()) == count:  # noqa: ASYNC110 - in another process
        await asyncio.sleep(LOOK_S)
    cpu, began = _cpu(worker), perf_counter()
    while await left():  # noqa: ASYNC110 - in another process
        await asyncio.sleep(LOOK_S)
    return Cost((_cpu(worker) - cpu) / before, (perf_counter() - began) / before)


def _cpu(worker: psutil.Popen) -> float:
    """Return the seconds of the processor that *worker* and its children have used."""
    times = [each.cpu_times() for each in (worker, *worker.children())]
    return sum(each.user + each.system for each in times)


def _show(costs: dict[str, list[Cost]]) -> None:
    table = grid(
        "Work that does nothing, one worker", ("what", "a second a core", "a second", "x profile")
    )
    base = statistics.median(cost.cpu for cost in costs[PROFILE])
    for name, runs in costs.items():
        table.add_row(
            name,
            summary([1 / run.cpu for run in runs]),
            summary([1 / run.wall for run in runs]),
            f"{base / statistics.median(run.cpu for run in runs):.1f}",
        )
    console.print(table)
    pairs = zip(costs[PROFILE], costs[OURS], strict=True)
    judge(
        f"at least {FASTER:.0f}x bare Celery tasks of the same profile per core",
        [celery.cpu >= FASTER * ours.cpu for celery, ours in pairs],
    )

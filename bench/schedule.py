"""The schedule: many due companies, several schedulers at once, one of them killed at work.

What must hold: each company is enqueued once, by whichever of them, and none is lost.
"""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from rich.table import Table

from bench.measure import QUICK_REPEATS, console
from bench.servers import running_valkey
from orchestrator.database import open_engine, upgrade
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from orchestrator.jobs import JobRecords
from orchestrator.schedule import DueSet, Watches, new_watch
from tests.support.job_records import open_items

SCHEDULERS = 5
COMPANIES, FEW = 50_000, 2_000
BATCH = 500
#: After which what a dead scheduler took is given out again.
LEASE = timedelta(seconds=10)


async def main(repeats: int) -> None:
    """Let five schedulers go at all companies at once, then again with one that is killed."""
    companies = FEW if repeats <= QUICK_REPEATS else COMPANIES
    table = Table(title=f"{companies:,} due companies, {SCHEDULERS} scheduler processes")
    for column in ("", "enqueued once", "more than once", "never", "seconds", "by each"):
        table.add_column(column, justify="left" if not column else "right")
    for name, kills in (("all live", 0), ("one killed -9", 1)):
        table.add_row(name, *await _race(companies, kills))
    console.print(table)


async def _race(companies: int, kills: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, running_valkey() as memo_url:
        server, database = memo_url.rpartition("/")[0], f"sqlite:///{Path(folder)}/bench.db"
        await upgrade(database)
        engine, redis = open_engine(database), open_redis(f"{server}/3")
        past = utc_now() - timedelta(days=1)
        new = [
            replace(
                new_watch(f"Compañía {n}", tenant="bench", every=timedelta(days=1), now=past),
                next_at=past,
            )
            for n in range(companies)
        ]
        await Watches(engine, utc_now).add(new)
        await DueSet(redis).put({watch.id: watch.next_at for watch in new})
        records = JobRecords(redis, ttl=timedelta(hours=1))
        processes = [await _start(server, database) for _ in range(SCHEDULERS)]
        began = perf_counter()
        _go(processes)
        while kills and not await records.active():  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.001)
        for process in processes[:kills]:
            process.kill()
        said = [(await process.communicate())[0].decode().split() for process in processes]
        seconds = perf_counter() - began
        if kills:
            await asyncio.sleep(LEASE.total_seconds())
            survivor = [await _start(server, database)]
            _go(survivor)
            await survivor[0].communicate()
        found = await _enqueued(records)
        await redis.aclose()
        await engine.dispose()
        once = sum(count == 1 for count in found.values())
        shares = [words[1] if words else "killed" for words in said]
        return [
            *(f"{once:,}", f"{len(found) - once:,}", f"{companies - len(found):,}"),
            *(f"{seconds:.1f}", " ".join(shares)),
        ]


async def _start(server: str, database: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    lease_ms = LEASE // timedelta(milliseconds=1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.schedule_process"),
        *(server, database, str(lease_ms), str(BATCH)),
        stdin=pipe,
        stdout=pipe,
        env={**os.environ, "EMASAI_LOG_LEVEL": "error"},
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


def _go(processes: list[asyncio.subprocess.Process]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")


async def _enqueued(records: JobRecords) -> Counter[str]:
    found: Counter[str] = Counter()
    for job_id in await records.active():
        job = await records.job(job_id)
        for chunk in range(job.chunks if job else 0):
            found.update(item for _, item in await open_items(records, job_id, chunk))
    return found

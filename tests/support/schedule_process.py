"""A scheduler: `python -m tests.support.schedule_process REDIS_SERVER DATABASE LEASE_MS BATCH`.

It says "ready", waits for a line, ticks until nothing is due, and says "done" with how many
companies it has enqueued. Tests and the benchmark start several, and kill some.
"""

import asyncio
import sys
import uuid
from datetime import timedelta

from orchestrator.database import open_engine
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.clock import utc_now
from orchestrator.infra.logs import configure_logging
from orchestrator.infra.redis_client import open_redis
from orchestrator.jobs import Job, NewJob
from orchestrator.schedule import DueSet, RefreshPolicy, Scheduler, Watches
from tests.support.job_records import AcceptingRecords


async def main(server: str, database: str, lease_ms: int, batch: int) -> None:
    """Tick for as long as anything is enqueued by it."""
    redis, engine = open_redis(f"{server}/3"), open_engine(database)
    records = AcceptingRecords(redis, ttl=timedelta(hours=1))
    due = DueSet(redis, lease=timedelta(milliseconds=lease_ms))
    scheduler = Scheduler(
        *(Watches(engine, utc_now), due, RefreshPolicy(engine), records),
        *(CompanyIndex(engine, utc_now), utc_now),
        batch=batch,
    )

    async def submit(new: NewJob, *, job_id: str | None = None) -> Job:
        return await records.accept(job_id or uuid.uuid4().hex, new, chunk_size=50)

    configure_logging("error")  # its standard output is for what it has to say
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    enqueued = await scheduler.tick(submit)
    sys.stdout.write(f"done {enqueued}\n")
    await redis.aclose()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))

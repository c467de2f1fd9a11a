"""`python -m tests.support.mortal_worker REDIS_URL`: works on one chunk, and dies of poison."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from orchestrator.infra.redis_client import open_redis
from orchestrator.jobs import (
    ChunkRunner,
    Item,
    JobContext,
    JobKind,
    JobRecords,
    Lane,
    PoisonTracker,
    Report,
)
from tests.support.handlers import FakeHandler
from tests.support.notifier import FakeNotifier

TTL = timedelta(hours=1)


class Mortal(FakeHandler):
    """Dies of the item called `poison`."""

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Work on *item*."""
        if item == "poison":
            await context.step("swallow")
            os.kill(os.getpid(), signal.SIGKILL)
        return Report({"item": item})


async def main(url: str) -> None:
    """Take one chunk, if there is one."""
    async with open_redis(url) as redis:
        records = JobRecords(redis, ttl=TTL, chunk_lease=timedelta(milliseconds=300))
        handlers = {JobKind.ENRICH: Mortal()}
        runner = ChunkRunner(records, PoisonTracker(redis, ttl=TTL), handlers, FakeNotifier())
        await runner.run_one(Lane.PIPELINE)
        await runner.aclose()


asyncio.run(main(sys.argv[1]))

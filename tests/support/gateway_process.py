"""A process that reads and writes leads, and writes down what it was told, for `history`.

`python -m tests.support.gateway_process ROLE DATABASE REDIS LOG PLANT`, with the role `reader`,
`eager` (a reader without pauses), `writer` or `mortal`: a writer that kills itself between a commit
and its last step. It goes on until it is ended. With the plant `naive` or `careless` it works as
the classes of these names do.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from time import monotonic

import uvloop

from orchestrator.database import open_engine
from orchestrator.fence import Fence, Hit, Miss
from orchestrator.fence.writes import FencedWrites
from orchestrator.gateway import Records
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from tests.support.cases import lead

LEADS = 4
TASKS = {"reader": 8, "eager": 32, "writer": 2, "mortal": 2}
#: Roles that read; one that is eager makes no pauses.
READS = ("reader", "eager")
#: Completed writes after which a mortal process dies in the next one.
LIVES = 5


class SlowFence(Fence):
    """Fills late, as a busy process does: between its query and its fill others write."""

    async def fill(self, key: str, generation: str | None, version: int, value: bytes) -> bool:
        """Fill after up to 10 ms."""
        await asyncio.sleep(random.random() / 100)  # noqa: S311 - no secret
        return await super().fill(key, generation, version, value)


class MortalFence(SlowFence):
    """Dies after a commit."""

    lives = LIVES

    async def open(self, versions: Mapping[str, int], token: str) -> bool:
        """Kill this process instead, when its lives are used up."""
        self.lives -= 1
        if self.lives < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().open(versions, token)


class NaiveFence(SlowFence):
    """The pattern that is usually written: get, query, set; update, delete."""

    async def read(self, key: str) -> Hit | Miss:
        """Get it."""
        value = await self._redis.get(key)
        if not isinstance(value, bytes):
            return Miss("any")
        return Hit(value, int(value.partition(b":")[2].partition(b",")[0]), 0)

    async def fill(self, key: str, generation: str | None, version: int, value: bytes) -> bool:  # noqa: ARG002 - the same signature
        """Set it."""
        await asyncio.sleep(random.random() / 100)  # noqa: S311 - no secret
        return bool(await self._redis.set(key, value, ex=60))

    async def close(self, keys: object, token: str) -> bool:  # noqa: ARG002 - the same signature
        """Do nothing."""
        return True

    async def open(self, versions: Mapping[str, int], token: str) -> bool:  # noqa: ARG002 - as above
        """Delete it."""
        await self._redis.delete(*versions)
        return True


class CarelessFence(SlowFence):
    """Fills under the generation of now, not under that of its read, and as the version of now."""

    async def fill(self, key: str, generation: str | None, version: int, value: bytes) -> bool:
        """Ask again for a generation, just before the fill."""
        await asyncio.sleep(random.random() / 100)  # noqa: S311 - no secret
        again = await self.read(key)
        current = again.generation if isinstance(again, Miss) else generation
        await self._redis.hdel(f"gateway1:fence:{key}", "version")
        return await Fence.fill(self, key, current, version, value)


FENCES = {"": SlowFence, "mortal": MortalFence, "naive": NaiveFence, "careless": CarelessFence}


async def _main(role: str, database: str, redis_url: str, log: Path, plant: str) -> None:
    engine, redis = open_engine(database), open_redis(redis_url)
    kind = FENCES[plant or ("mortal" if role == "mortal" else "")]
    fence = kind(redis, ttl=timedelta(hours=1))
    records = Records(engine, fence, FencedWrites(engine, fence, utc_now), utc_now)
    # A line of a writer is written at once: what was begun is known, whatever happens then. The
    # last reads of a process that is killed are not.
    with log.open("a", encoding="ascii", buffering=-1 if role in READS else 1) as lines:

        def note(*words: object) -> None:
            lines.write(" ".join(map(str, words)) + "\n")

        async def read_on() -> None:
            while True:
                record_id = lead(random.randrange(LEADS)).id  # noqa: S311 - no secret
                began = monotonic()
                found = await records.lead(record_id)
                is_hit = int(found.age_s is not None)
                note("read", record_id, began, monotonic(), found.version, is_hit)
                if role == "reader":
                    await asyncio.sleep(random.random() / 50)  # noqa: S311 - no secret

        async def write_on(task: int) -> None:
            for number in range(1_000_000):
                name = f"{os.getpid()}.{task}.{number}"
                record_id = lead(random.randrange(LEADS)).id  # noqa: S311 - no secret
                note("begin", name, record_id, monotonic())
                written = await records.change_lead(record_id, {"notes": name}, None)
                version = written.result.version
                note("end", name, monotonic(), version, int(written.deferred))
                await asyncio.sleep(random.random() / 50)  # noqa: S311 - no secret

        print("ready", flush=True)  # noqa: T201 - how the test is told
        async with asyncio.TaskGroup() as group:
            for task in range(TASKS[role]):
                group.create_task(read_on() if role in READS else write_on(task))


if __name__ == "__main__":
    _, ROLE, DATABASE, REDIS, LOG, PLANT = sys.argv
    uvloop.run(_main(ROLE, DATABASE, REDIS, Path(LOG), PLANT))

"""A million reads and writes of leads while processes and Redis fail: how many reads are stale.

The processes call the functions that HTTP calls. What they were told is checked by
`tests.support.history`, which knows nothing of caches, on SQLite and on PostgreSQL. Then two
patterns that are known to be wrong take the place of the fence, and the checker has to find them.
"""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from bench.measure import QUICK_REPEATS, console, grid, judge
from orchestrator.database import open_engine
from orchestrator.embedded.stack import Valkey
from orchestrator.fence import Fence
from orchestrator.fence.writes import Repairs
from orchestrator.infra.background import Supervisor, end_task
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from tests.support.children import ForkedChild, open_children
from tests.support.gateway_run import GatewayRun, fill_database
from tests.support.history import Read, faults
from tests.support.postgres import running_postgres
from tests.support.valkey import client_of, running_valkey, standing_still

DATABASES = ("sqlite", "postgresql")
OPERATIONS, QUICK_OPERATIONS = 1_000_000, 20_000
READERS, WRITERS = 3, 2
#: Seconds of a round without faults, of each process that stands still, of a silent Redis.
CALM_S, STILL_S, SILENT_S = 6.0, 0.7, 2.0
PLANTS = ("naive", "careless")
#: Seconds within which a planted fault must show.
PLANT_S = 120.0


class Setting:
    """One database, one Redis, and processes that read and write."""

    def __init__(self, run: GatewayRun, server: Valkey) -> None:
        self.run = run
        self.struck: Counter[str] = Counter()
        self._server = server
        self._readers: list[ForkedChild] = []
        self._writers: list[ForkedChild] = []

    async def start(self, plant: str = "") -> None:
        """Start all processes."""
        self._readers = [await self.run.start("eager", plant) for _ in range(READERS)]
        self._writers = [await self.run.start("writer", plant) for _ in range(WRITERS)]

    async def strike(self) -> None:
        """Let everything fail once, one after the other."""
        dying = await self.run.start("mortal")
        await asyncio.sleep(CALM_S)
        victims = (self._readers[0], self._writers[0])
        for victim in victims:
            victim.send_signal(signal.SIGSTOP)
            await asyncio.sleep(STILL_S)
            victim.send_signal(signal.SIGCONT)
        async with client_of(self._server, 0) as client:
            for _ in range(5):
                await client.flushdb()
                await asyncio.sleep(STILL_S / 5)
        with standing_still(self._server):
            await asyncio.sleep(SILENT_S)
        self._writers.pop().kill()
        self._writers.insert(0, await self.run.start("writer"))
        await dying.wait()
        names = ("writers dead after a commit", "writers killed", "standstills", "flushes")
        self.struck.update(dict(zip((*names, "silences"), (1, 1, len(victims), 5, 1), strict=True)))

    async def end(self) -> None:
        """Kill all processes."""
        for process in (*self._readers, *self._writers):
            process.kill()
            await process.wait()


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/emasai.db"
        return
    with running_postgres() as server:
        yield server.create_database("history")


@asynccontextmanager
async def _setting(kind: str) -> AsyncIterator[Setting]:
    """Run the servers, and what repairs unfinished writes."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(_database(kind, folder))
        await fill_database(database)
        server = stack.enter_context(running_valkey(folder / "valkey"))
        redis_url = f"{server.url}/0"
        engine, redis = open_engine(database), open_redis(redis_url)
        stack.push_async_callback(engine.dispose)
        stack.push_async_callback(redis.aclose)
        repairs = Repairs(engine, Fence(redis, ttl=timedelta(hours=1)), utc_now)
        stack.push_async_callback(end_task, Supervisor().start(repairs.loop))
        children = await stack.enter_async_context(open_children())
        yield Setting(GatewayRun(children, database, redis_url, folder), server)


async def main(repeats: int) -> None:
    """Run both databases, then the planted faults."""
    wanted = QUICK_OPERATIONS if repeats == QUICK_REPEATS else OPERATIONS
    title = f"{READERS} readers and {WRITERS} writers of 4 leads, 32 and 2 tasks each"
    columns = ("database", "reads", "cached", "writes", "deferred", "seconds", "faults", "stale")
    table, stale, missed = grid(title, columns), [], []
    for kind in DATABASES:
        row, found = await _history(kind, wanted)
        table.add_row(kind, *row)
        stale.append(found)
        missed += [not await _is_found(kind, plant) for plant in PLANTS]
    console.print(table)
    judge("no stale read", [not found for found in stale])
    judge("planted faults are found", [not each for each in missed])


async def _history(kind: str, wanted: int) -> tuple[list[str], int]:
    """Run until *wanted* operations are done; return the figures, and how many reads are stale."""
    began = perf_counter()
    async with _setting(kind) as setting:
        await setting.start()
        while setting.run.operations() < wanted:
            await setting.strike()
        await setting.end()
        seen: Counter[bool] = Counter()

        def counted() -> Iterator[Read]:
            for read in setting.run.reads():
                seen[read.is_hit] += 1
                yield read

        writes = setting.run.writes()
        found = faults(counted(), writes)
    console.print(*found[:5], sep="\n", end="\n" if found else "")
    deferred = sum(write.deferred for write in writes)
    figures = (seen.total(), f"{seen[True] / seen.total():.0%}", len(writes), deferred)
    struck = ", ".join(f"{n} {name}" for name, n in setting.struck.items())
    seconds = f"{perf_counter() - began:,.0f}"
    shown = [each if isinstance(each, str) else f"{each:,}" for each in figures]
    return [*shown, seconds, struck, str(len(found))], len(found)


async def _is_found(kind: str, plant: str) -> bool:
    """Say whether the checker finds stale reads of *plant*."""
    async with _setting(kind) as setting:
        await setting.start(plant)
        until = perf_counter() + PLANT_S
        while perf_counter() < until:
            await asyncio.sleep(1)
            if setting.run.faults():
                await setting.end()
                return True
        await setting.end()
    return False

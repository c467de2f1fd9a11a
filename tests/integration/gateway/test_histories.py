"""Real processes that read and write the same leads, while some are killed or stand still.

What each was told is written down and checked by `tests.support.history`, which knows nothing of
caches. The same runs with faults that are planted must be found.
"""

import asyncio
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.database import open_engine
from orchestrator.embedded.stack import Valkey
from orchestrator.fence import Fence
from orchestrator.fence.writes import Repairs
from orchestrator.infra.background import Supervisor, end_task
from orchestrator.infra.clock import utc_now
from orchestrator.infra.redis_client import open_redis
from tests.support.children import Children
from tests.support.gateway_run import GatewayRun, fill_database
from tests.support.valkey import client_of, running_valkey, standing_still

#: How long each part of a run lasts at least.
PART_S = 0.7


@pytest.fixture
async def database(database_url: str) -> str:
    """Return the URL of a database with the leads."""
    await fill_database(database_url)
    return database_url


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """Run a server that the test may hurt."""
    with running_valkey(tmp_path / "valkey") as running:
        yield running


@pytest.mark.timeout(600)
async def test_no_read_is_stale_whatever_dies_or_stands_still(
    database: str, server: Valkey, children: Children, tmp_path: Path
) -> None:
    """A writer dies after its commit, a reader is suspended, Redis is flushed and silent."""
    redis_url = f"{server.url}/0"
    run = GatewayRun(children, database, redis_url, tmp_path)
    engine, redis = open_engine(database), open_redis(redis_url)
    repairs = Repairs(engine, Fence(redis, ttl=timedelta(hours=1)), utc_now)
    repairing = Supervisor().start(repairs.loop)
    readers = [await run.start("reader") for _ in range(2)]
    writer = await run.start("writer")
    mortal = await run.start("mortal")

    await mortal.wait()
    await asyncio.sleep(PART_S)
    readers[0].send_signal(signal.SIGSTOP)
    await asyncio.sleep(PART_S)
    readers[0].send_signal(signal.SIGCONT)
    for _ in range(5):
        async with client_of(server, 0) as client:
            await client.flushdb()
        await asyncio.sleep(PART_S / 5)
    with standing_still(server):
        await asyncio.sleep(3 * PART_S)
    await asyncio.sleep(PART_S)
    writer.kill()
    await asyncio.sleep(PART_S)
    for reader in readers:
        reader.kill()
    await asyncio.gather(*(each.wait() for each in (writer, *readers)))
    await end_task(repairing)
    await redis.aclose()
    await engine.dispose()

    reads, writes = list(run.reads()), run.writes()
    assert mortal.returncode == -signal.SIGKILL
    print(f"{len(reads)} reads, {len(writes)} writes")  # noqa: T201 - for -rP
    assert len(reads) > 200
    assert sum(write.ended is None for write in writes) >= 1
    assert sum(write.version is not None and not write.deferred for write in writes) > 20
    assert run.faults() == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("plant", ["naive", "careless"])
async def test_planted_faults_are_found(
    database: str, server: Valkey, children: Children, tmp_path: Path, plant: str
) -> None:
    """The pattern without a fence, and a fill that ignores what came between, return old rows."""
    run = GatewayRun(children, database, f"{server.url}/0", tmp_path)
    processes = [await run.start(role, plant) for role in ("reader", "reader", "writer")]

    async with asyncio.timeout(300):
        while not run.faults():
            await asyncio.sleep(PART_S)
            assert all(process.returncode is None for process in processes)
    for process in processes:
        process.kill()
        await process.wait()

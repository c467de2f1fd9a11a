"""What a no-op job costs an item, from a thousand to a million: flat, or growing with the job?"""

import uuid
from time import process_time

from rich.table import Table

from bench.measure import QUICK_REPEATS, console, judge
from bench.noop import TTL, Nothing
from bench.servers import running_valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.jobs import (
    CHUNK_ITEMS,
    ChunkRunner,
    Intake,
    JobKind,
    JobRecords,
    Lane,
    NewJob,
    PoisonTracker,
)

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = SIZES[:3]
#: How much dearer an item of the largest job may be than one of the smallest.
FLAT = 1.5


class _Silent:
    async def notify(self, lane: str, times: int = 1) -> None:
        """Wake no worker: the only one takes all there is."""

    def lanes(self) -> tuple[str, ...]:
        return tuple(Lane)


async def main(repeats: int) -> None:
    """Work through jobs of growing sizes, and print what an item costs in CPU and memory."""
    table = Table(title=f"No-op jobs, chunks of {CHUNK_ITEMS}, one process")
    for column in ("items", "accepted", "us an item", "worked", "us an item", "items/s", "bytes"):
        table.add_column(column, justify="right")
    costs = []
    for size in QUICK_SIZES if repeats <= QUICK_REPEATS else SIZES:
        with running_valkey() as url:
            accepting, working, held = await _measure(url, size)
        costs.append(working / size)
        table.add_row(
            f"{size:,}",
            f"{accepting:.2f} s",
            f"{accepting / size * 1e6:.1f}",
            f"{working:.2f} s",
            f"{working / size * 1e6:.1f}",
            f"{size / working:,.0f}",
            f"{held / size:.0f}",
        )
    console.print(table)
    for size, cost in zip(SIZES, costs, strict=False):
        console.print(f"{size:>9,} {'#' * round(cost * 2e5)}", highlight=False)
    console.print("Seconds are CPU seconds of the process; bytes, of the server at the end.")
    judge(f"an item costs at most {FLAT}x in the largest job", [costs[-1] <= FLAT * costs[0]])


async def _measure(url: str, size: int) -> tuple[float, float, int]:
    async with open_redis(url) as redis:
        before = int((await redis.info("memory"))["used_memory"])
        records = JobRecords(redis, ttl=TTL)
        runner = ChunkRunner(
            records, PoisonTracker(redis, ttl=TTL), {JobKind.ENRICH: Nothing()}, _Silent()
        )
        new = NewJob(JobKind.ENRICH, tuple(map(str, range(size))), "bench")
        began = process_time()
        unsealed = Intake(redis, ttl=TTL).begin(uuid.uuid4().hex, new)
        await unsealed.add(new.items)
        await unsealed.seal()
        accepted = process_time()
        while await runner.run_one(Lane.PIPELINE) is not None:
            pass
        worked = process_time()
        await runner.aclose()
        after = int((await redis.info("memory"))["used_memory"])
    return accepted - began, worked - accepted, after - before

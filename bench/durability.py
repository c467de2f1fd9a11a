"""What a purchase waits for its intent to be on disk, or on a replica's as well.

A load of the memo that writes its intent durably and then has its answer at once: all that it takes
longer than with `none` is the wait. One at a time, and many in one process, which wait together.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

from redis.asyncio import Redis

from bench.entries import FAILURES
from bench.measure import Figure, console, grid, race, summary, timed
from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Durability, Flight, Loaded, Memo, MemoOptions
from tests.support.valkey import calls_of, client_of, follow, running_valkey

#: Purchases one after another, and at a time.
ALONE, CROWD = 5, 200
WRITES = ("always", "everysec")
Buy = Callable[[], Awaitable[object]]


async def main(repeats: int) -> None:
    """Measure a primary with its replica, which write to their disks at once, or once a second."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        primary, replica = (
            servers.enter_context(running_valkey(Path(folder) / name)) for name in ("one", "two")
        )
        await follow(primary, replica)
        for writes in WRITES:
            await _set_writes(writes, primary, replica)
            await _measure(primary, writes, repeats)


async def _set_writes(writes: str, *servers: Valkey) -> None:
    for server in servers:
        async with client_of(server, 0) as client:
            await client.config_set("appendfsync", writes)


async def _measure(primary: Valkey, writes: str, repeats: int) -> None:
    async with AsyncExitStack() as stack:
        redis = open_redis(f"{primary.url}/1")
        stack.push_async_callback(redis.aclose)
        bought: dict[Durability, Buy] = {}
        for durability in Durability:
            memo = Memo(redis, failures=FAILURES, options=MemoOptions(durability=durability))
            stack.push_async_callback(memo.aclose)
            bought[durability] = _buying(memo, durability)
        alone = await race(
            {name: partial(timed, buy, ALONE) for name, buy in bought.items()}, repeats=repeats
        )
        asked: dict[str, list[int]] = {name: [] for name in bought}
        crowd = await race(
            {name: _crowd(redis, buy, asked[name]) for name, buy in bought.items()},
            repeats=repeats,
        )
    _show(writes, alone, crowd, asked)


def _buying(memo: Memo, durability: Durability) -> Buy:
    numbers = itertools.count()

    async def load(flight: Flight) -> Loaded:
        await flight.write_record({"order": 1}, durably=True)
        return Loaded("found", {}, timedelta(seconds=10), flight.now_ms())

    # An unknown company each time.
    return lambda: memo.get(f"surfsense:{durability}_{time.monotonic_ns()}_{next(numbers)}", load)


def _crowd(redis: Redis, buy: Buy, asked: list[int]) -> Callable[[], Awaitable[float]]:
    """Return a contender that makes many purchases at a time, and counts their `WAITAOF`."""

    async def run() -> float:
        before, began = await calls_of(redis, "waitaof"), time.perf_counter()
        await asyncio.gather(*(buy() for _ in range(CROWD)))
        took = time.perf_counter() - began
        asked.append(await calls_of(redis, "waitaof") - before)
        return took

    return run


def _show(
    writes: str, alone: list[Figure], crowd: list[Figure], asked: dict[str, list[int]]
) -> None:
    table = grid(
        f"A purchase that waits for its intent, appendfsync {writes} on server and replica",
        ("what", "alone, ms", "added", f"{CROWD} at a time, last after ms", "WAITAOF for them"),
    )
    base = alone[0].median
    for one, many in zip(alone, crowd, strict=True):
        table.add_row(
            one.name,
            summary([run * 1e3 for run in one.runs], "{:,.1f}"),
            f"{(one.median - base) * 1e3:,.1f}",
            summary([run * 1e3 for run in many.runs]),
            summary(asked[one.name]),
        )
    console.print(table)

"""A million entries go: how long it takes, and what a bystander of the server feels of it."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from redis.asyncio import Redis

from bench.entries import FAILURES, TTL_S
from bench.measure import console, grid, judge, rounds, summary
from bench.servers import running_valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Memo

_ROOT = Path(__file__).parents[1]
KEYS = 1_000_000
PATTERN = "surfsense:*"
#: The latency of the bystander on this machine when it alone uses the server.
NOTHING = "nothing"
#: Keys that one call of the loading script writes.
BATCH = 10_000
#: What the product promises, against KEYS + DEL in the same run.
SLOWEST, SMOOTHER = 3.0, 20.0
#: A value of 100 bytes: the memory of a million of them stays below 300 MB.
_LOAD = """
for number = ARGV[1], ARGV[2] do
  redis.call('SET', 'surfsense:company_' .. number, string.rep('x', 100), 'EX', ARGV[3])
end
"""


@dataclass(frozen=True, slots=True)
class Removal:
    """How long one took, and the bystander's worst PING meanwhile."""

    seconds: float
    worst_ping_s: float


async def main(repeats: int) -> None:
    """Measure the product's way, the naive way, and the server without either."""
    ways = {"Memo.invalidate_pattern": _ours, "KEYS + DEL": _keys_and_del, NOTHING: _nothing}
    removals: dict[str, list[Removal]] = {name: [] for name in ways}
    with running_valkey() as url:
        async with Redis.from_url(url) as redis:
            # The rewriting of the file would burden the contender that happens to run.
            await redis.config_set("appendonly", "no")
            for name in rounds(ways, repeats):
                if name != NOTHING:
                    await _fill(redis)
                removals[name].append(await _watched(ways[name], url))
    table = grid(f"{KEYS:,} keys are invalidated", ("what", "seconds", "worst PING, ms"))
    for name, runs in removals.items():
        table.add_row(
            name,
            summary([run.seconds for run in runs], "{:.2f}"),
            summary([run.worst_ping_s * 1000 for run in runs], "{:,.1f}"),
        )
    console.print(table)
    ours, naive = removals["Memo.invalidate_pattern"], removals["KEYS + DEL"]
    time = median(r.seconds for r in ours) / median(r.seconds for r in naive)
    ping = median(r.worst_ping_s for r in naive) / median(r.worst_ping_s for r in ours)
    judge(f"within {SLOWEST}x the time of KEYS + DEL: {time:.2f}x", [time <= SLOWEST])
    judge(f"a worst PING {SMOOTHER:.0f} times shorter: {ping:.0f} times", [ping >= SMOOTHER])


async def _fill(redis: Redis) -> None:
    """Write the entries, many to a call: a SET for each from here would take five times as long."""
    await redis.flushdb()
    load = redis.register_script(_LOAD)
    for first in range(0, KEYS, BATCH):
        await load(args=[first, first + BATCH - 1, TTL_S])


async def _watched(way: Callable[[str], Awaitable[None]], url: str) -> Removal:
    """Remove the entries *way*, while a bystander PINGs."""
    command = (sys.executable, "-m", "bench.bystander", url)
    bystander = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)
    assert bystander.stdout is not None
    assert await bystander.stdout.readline() == b"ready\n"
    began = perf_counter()
    await way(url)
    seconds = perf_counter() - began
    worst_ping, _ = await bystander.communicate(b"")
    return Removal(seconds, float(worst_ping))


async def _ours(url: str) -> None:
    redis = open_redis(url)
    memo = Memo(redis, failures=FAILURES)
    assert await memo.invalidate_pattern(PATTERN) == KEYS
    await memo.aclose()
    await redis.aclose()


async def _keys_and_del(url: str) -> None:
    async with Redis.from_url(url) as redis:
        assert await redis.delete(*await redis.keys(PATTERN)) == KEYS


async def _nothing(_url: str) -> None:
    await asyncio.sleep(1)

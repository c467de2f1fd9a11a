"""What the memo's own steps of a load cost: CPU time and Redis commands, many loads in flight.

Each load leads a flight of its own: read, begin, record, commit, drop. Its loader waits as long as
a seller answers, so what is measured is the work around it.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from redis.asyncio import Redis

from bench.entries import FAILURES
from bench.measure import console
from bench.servers import running_valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Flight, Loaded, Memo

#: Loads of one round, and how many are in flight.
LOADS, IN_FLIGHT = 2_000, 200
#: Seconds that a load waits for its answer.
ANSWER_S = 0.2
RECORD = {"stage": "intent", "company": "x" * 200}
ANSWER = {"answer": {"text": "x" * 3_000}}


async def main(repeats: int) -> None:
    """Print CPU seconds and commands per 1,000 loads, round by round."""
    with running_valkey() as url:
        async with open_redis(url) as redis:
            memo = Memo(redis, failures=FAILURES)
            numbers = itertools.count()
            for _ in range(repeats):
                await _measure(redis, lambda: _load(memo, numbers))
            await memo.aclose()


async def _load(memo: Memo, numbers: "itertools.count[int]") -> None:
    async def settle() -> None:
        """Owe nothing."""

    async def load(flight: Flight) -> Loaded:
        await flight.write_record(RECORD)
        await asyncio.sleep(ANSWER_S)
        ttl = timedelta(minutes=1)
        return Loaded("found", ANSWER, ttl, flight.now_ms(), record=RECORD, settle=settle)

    await memo.get(f"surfsense:flight_{time.monotonic_ns()}_{next(numbers)}", load)


async def _measure(redis: Redis, load: Callable[[], Awaitable[None]]) -> None:
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        async with slots:
            await load()

    await redis.config_resetstat()
    cpu_s, began_at = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(LOADS)))
    cpu_s, took_s = time.process_time() - cpu_s, time.perf_counter() - began_at
    known = await redis.info("commandstats")
    sent = sum(known.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "mget"))
    console.print(
        f"{LOADS / took_s:.0f} loads/s, {cpu_s / LOADS * 1000:.2f} CPU s and "
        f"{sent / LOADS * 1000:,.0f} commands per 1,000"
    )

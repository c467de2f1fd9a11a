"""Thousands of callers wait for one slow company: what the others feel of it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psutil

from bench.entries import FAILURES, TTL_S, stored_entry
from bench.measure import console, judge, race, show, timed, times_of
from bench.servers import running_valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Flight, Loaded, Memo, Source

WAITERS = 5_000
#: Lookups of other keys, one after another.
HITS, LOADS = 1000, 200
SLOW, QUICK = "surfsense:slow", "surfsense:quick"
#: What is accepted as no difference on a machine whose runs differ by a half.
UNTOUCHED = 1.5


async def main(repeats: int) -> None:
    """Measure hits and loads of other keys, with and without waiters in the same process."""
    with running_valkey() as url:
        redis, redis_of_leader = open_redis(url), open_redis(url)
        await redis.set(QUICK, stored_entry(), ex=TTL_S)
        # Of a process of its own, as far as Redis can tell: its followers wait for a notice.
        memo, leader = (Memo(client, failures=FAILURES) for client in (redis, redis_of_leader))
        await _measure(memo, leader, repeats)
        for part in (memo, leader, redis, redis_of_leader):
            await part.aclose()


async def _measure(memo: Memo, leader: Memo, repeats: int) -> None:
    numbers = itertools.count()
    threads: list[tuple[int, int]] = []

    async def hits() -> float:
        return await timed(lambda: memo.get(QUICK, _at_once), HITS)

    async def loads() -> float:
        return await timed(lambda: memo.get(f"{QUICK}_{next(numbers)}", _at_once), LOADS)

    async def crowded_hits() -> float:
        async with _waiters(memo, leader, threads):
            return await hits()

    async def crowded_loads() -> float:
        async with _waiters(memo, leader, threads):
            return await loads()

    hit_figures = await race({"alone": hits, f"{WAITERS:,} wait": crowded_hits}, repeats=repeats)
    load_figures = await race({"alone": loads, f"{WAITERS:,} wait": crowded_loads}, repeats=repeats)
    for what, figures in (("Hits", hit_figures), ("Loads", load_figures)):
        show(f"{what} of other keys while callers wait for a slow one", figures, base="alone")
        ratio = times_of(figures, f"{WAITERS:,} wait", "alone")
        judge(f"{what.lower()} take no longer (up to {UNTOUCHED}x)", [ratio <= UNTOUCHED])
    console.print(f"threads of the process without and with waiters: {sorted(set(threads))}")
    judge("no thread more", [during == before for before, during in threads])


@asynccontextmanager
async def _waiters(memo: Memo, leader: Memo, threads: list[tuple[int, int]]) -> AsyncIterator[None]:
    """Let callers wait for a key that another caller loads; at the end they are all served."""
    key, begun, done = f"{SLOW}_{time.monotonic_ns()}", asyncio.Event(), asyncio.Event()

    async def slow(flight: Flight) -> Loaded:
        begun.set()
        await done.wait()
        return await _at_once(flight)

    process = psutil.Process()
    before = process.num_threads()
    leading = asyncio.create_task(leader.get(key, slow))
    await begun.wait()
    waiting = [asyncio.create_task(memo.get(key, _at_once)) for _ in range(WAITERS)]
    await asyncio.sleep(0)
    await memo.get(QUICK, _at_once)  # read after theirs, so they have all begun to wait
    assert not any(task.done() for task in waiting)
    threads.append((before, process.num_threads()))
    try:
        yield
    finally:
        done.set()
        outcomes = await asyncio.gather(*waiting)
        await leading
    assert {outcome.source for outcome in outcomes} == {Source.COALESCED}


async def _at_once(flight: Flight) -> Loaded:
    return Loaded("found", {}, timedelta(seconds=TTL_S), flight.now_ms())

"""What a hit of the memo costs, against a plain GET of the same value on the same server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import cast

import uvloop
from redis.asyncio import Redis

from bench.contenders import Answer, Lookup, Opening, aiocache, cashews, dogpile_region
from bench.entries import FAILURES, TTL_S, stored_entry
from bench.measure import Figure, judge, race, show, timed, times_of
from bench.servers import running_valkey
from orchestrator.connections import open_redis
from orchestrator.memo import Flight, Loaded, Memo

#: Lookups in a row, and at a time.
SEQUENTIAL = 500
READERS = 64
READS = 50
#: The loop of the workers, and the one that Python brings.
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
#: What the product promises: time of a hit by GET + json.loads, reads a second by plain GETs.
SLOWEST, FASTER = 1.3, 4.0
#: The physical limit of many readers: one MGET for all of them, its values left undecoded.
MGET = "one MGET, not decoded"
PEERS: Mapping[str, Opening] = {"cashews lock=True": cashews, "aiocache cached_stampede": aiocache}


async def main(repeats: int) -> None:
    """Measure sequential and concurrent hits, on each loop in turn."""
    with running_valkey() as url:
        for name, new_loop in LOOPS.items():
            await asyncio.to_thread(_measure_on, new_loop, name, url, repeats)


def _measure_on(
    new_loop: Callable[[], asyncio.AbstractEventLoop], name: str, url: str, repeats: int
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_measure(name, url, repeats))


async def _measure(loop: str, url: str, repeats: int) -> None:
    keys = [f"surfsense:bench_{number}" for number in range(READERS)]
    async with _ways(url, keys) as ways:
        alone = {
            name: lambda way=way: timed(lambda: way(keys[0]), SEQUENTIAL)
            for name, way in ways.items()
        }
        figures = await race(alone, repeats=repeats)
        show(f"{loop}: one reader, one hit after another", figures, base="GET + json.loads")
        _judge_time(figures)
        del ways["dogpile.cache"]  # blocks: it has no way to let others read
        together = {name: lambda way=way: _together(way, keys) for name, way in ways.items()}
        async with Redis.from_url(url) as redis:
            figures = await race({**together, MGET: lambda: _mget(redis, keys)}, repeats=repeats)
    title = f"{loop}: {READERS} readers of distinct keys at a time"
    show(title, figures, base="GET", per_second=True)
    ratio = times_of(figures, "GET", "memo hit")
    judge(f"at least {FASTER}x the reads of plain GETs, at the median", [ratio >= FASTER])


def _judge_time(figures: Sequence[Figure]) -> None:
    ratio = times_of(figures, "memo hit", "GET + json.loads")
    judge(f"within {SLOWEST}x GET + json.loads, at the median", [ratio <= SLOWEST])


@asynccontextmanager
async def _ways(url: str, keys: Sequence[str]) -> AsyncIterator[dict[str, Lookup]]:
    """Open every way of reading one of *keys*, whose answers are all stored."""
    async with AsyncExitStack() as stack:
        stock = await stack.enter_async_context(Redis.from_url(url))
        redis = await stack.enter_async_context(open_redis(url))
        memo = Memo(redis, failures=FAILURES)
        stack.push_async_callback(memo.aclose)
        stored = stored_entry()
        answer: Answer = json.loads(stored)
        for key in keys:
            await stock.set(key, stored, ex=TTL_S)
        region = dogpile_region(url)

        async def never(_: Flight) -> Loaded:
            raise AssertionError("a hit loads nothing")

        async def plain(key: str) -> object:
            return await stock.get(key)

        async def decoded(key: str) -> object:
            return json.loads(cast("bytes", await stock.get(key)))

        async def hit(key: str) -> object:
            return await memo.get(key, never)

        async def blocking(key: str) -> object:
            return region.get_or_create(f"dogpile:{key}", lambda: answer)

        async def load(_: str) -> Answer:
            return answer

        ways: dict[str, Lookup] = {"GET": plain, "GET + json.loads": decoded, "memo hit": hit}
        for name, opening in PEERS.items():
            lookup = await stack.enter_async_context(opening(url, load, None))
            ways[name] = _prefixed(lookup, name.partition(" ")[0])
        ways["dogpile.cache"] = blocking
        for way in ways.values():
            await asyncio.gather(*(way(key) for key in keys))  # what is not stored yet is now
        yield ways


def _prefixed(lookup: Lookup, prefix: str) -> Lookup:
    """Return *lookup* with keys of its own: each library stores in its own form."""
    return lambda key: lookup(f"{prefix}:{key}")


async def _together(way: Callable[[str], Awaitable[object]], keys: Sequence[str]) -> float:
    """Return the seconds that one read takes while all readers read."""

    async def reader(key: str) -> None:
        for _ in range(READS):
            await way(key)

    began = perf_counter()
    await asyncio.gather(*(reader(key) for key in keys))
    return (perf_counter() - began) / (len(keys) * READS)


async def _mget(redis: Redis, keys: Sequence[str]) -> float:
    return await timed(lambda: redis.mget(keys), READS) / len(keys)

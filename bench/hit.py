"""What a hit of the memo costs, against a plain GET of the same value on the same server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import cast

import orjson
import uvloop
from redis.asyncio import Redis

from bench.contenders import Answer, Lookup, Opening, aiocache, cashews, dogpile_region
from bench.entries import FAILURES, TTL_S, stored_entry
from bench.measure import Figure, judge, race, show, timed, times_of
from bench.servers import running_valkey
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Flight, Loaded, Memo, MemoOptions

#: Lookups in a row, and at a time.
SEQUENTIAL = 500
READERS = 64
READS = 50
#: The loop of the workers, and the one that Python brings.
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
#: What the product promises: time of a hit by GET + json.loads, reads a second by plain GETs.
SLOWEST, FASTER = 1.3, 4.0
#: A hit as it comes, its entry known from an earlier read, and one that keeps nothing decoded.
HIT, DECODED = "memo hit", "memo hit, decoded anew"
#: The physical limits of many readers: one MGET for all of them, without and with decoding.
MGET, MGET_LOADS = "one MGET, not decoded", "one MGET + orjson.loads"
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
            limits = {
                MGET: lambda: _mget(redis, keys, bytes),
                MGET_LOADS: lambda: _mget(redis, keys, orjson.loads),
            }
            figures = await race({**together, **limits}, repeats=repeats)
    title = f"{loop}: {READERS} readers of distinct keys at a time"
    show(title, figures, base="GET", per_second=True)
    for way in (HIT, DECODED):
        ratio = times_of(figures, "GET", way)
        judge(
            f"{way}: at least {FASTER}x the reads of plain GETs, at the median", [ratio >= FASTER]
        )


def _judge_time(figures: Sequence[Figure]) -> None:
    for way in (HIT, DECODED):
        ratio = times_of(figures, way, "GET + json.loads")
        judge(f"{way}: within {SLOWEST}x GET + json.loads, at the median", [ratio <= SLOWEST])


@asynccontextmanager
async def _ways(url: str, keys: Sequence[str]) -> AsyncIterator[dict[str, Lookup]]:
    """Open every way of reading one of *keys*, whose answers are all stored."""
    async with AsyncExitStack() as stack:
        stock = await stack.enter_async_context(Redis.from_url(url))
        redis = await stack.enter_async_context(open_redis(url))
        answer: Answer = json.loads(stored_entry())
        for key in keys:
            await stock.set(key, stored_entry(key), ex=TTL_S)
        region = dogpile_region(url)

        async def plain(key: str) -> object:
            return await stock.get(key)

        async def decoded(key: str) -> object:
            return json.loads(cast("bytes", await stock.get(key)))

        async def blocking(key: str) -> object:
            return region.get_or_create(f"dogpile:{key}", lambda: answer)

        async def load(_: str) -> Answer:
            return answer

        ways: dict[str, Lookup] = {
            "GET": plain,
            "GET + json.loads": decoded,
            HIT: _hits(stack, redis, MemoOptions()),
            DECODED: _hits(stack, redis, MemoOptions(decoded=0)),
        }
        for name, opening in PEERS.items():
            lookup = await stack.enter_async_context(opening(url, load, None))
            ways[name] = _prefixed(lookup, name.partition(" ")[0])
        ways["dogpile.cache"] = blocking
        for way in ways.values():
            await asyncio.gather(*(way(key) for key in keys))  # what is not stored yet is now
        yield ways


def _hits(stack: AsyncExitStack, redis: Redis, options: MemoOptions) -> Lookup:
    """Return the hits of a memo that is closed with *stack*."""
    memo = Memo(redis, failures=FAILURES, options=options)
    stack.push_async_callback(memo.aclose)

    async def never(_: Flight) -> Loaded:
        raise AssertionError("a hit loads nothing")

    async def hit(key: str) -> object:
        return await memo.get(key, never)

    return hit


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


async def _mget(redis: Redis, keys: Sequence[str], decode: Callable[[bytes], object]) -> float:
    async def read() -> object:
        return [decode(value) for value in cast("list[bytes]", await redis.mget(keys))]

    return await timed(read, READS) / len(keys)

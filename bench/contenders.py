"""The ways of memoizing one expensive answer that are measured side by side.

A contender is opened with the server's URL, the load and its lease, and is then asked by key.
Each comes as its own documentation shows it; what is set beyond that says why.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from aiocache import RedisCache, cached_stampede  # type: ignore[import-untyped]  # has no types
from aiocache.serializers import JsonSerializer  # type: ignore[import-untyped]  # (as above)
from cashews import Cache
from dogpile.cache import make_region
from dogpile.cache.region import CacheRegion
from redis.asyncio import Redis

from bench.entries import FAILURES, TTL_S
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Flight, Loaded, Memo, MemoOptions

Answer = dict[str, Any]
Load = Callable[[str], Awaitable[Answer]]
Lookup = Callable[[str], Awaitable[object]]
#: Server's URL, load, and the lease in seconds, None for what the library does unasked.
Opening = Callable[[str, Load, float | None], AbstractAsyncContextManager[Lookup]]

#: Callers of one process that dogpile, which has no asyncio, serves with a thread each.
MAX_THREADS = 128
#: Seconds that an attempt to get redis-py's lock may last, and the lock itself, by default.
LOCK_S = 30.0


@asynccontextmanager
async def ours(url: str, load: Load, lease_s: float | None) -> AsyncIterator[Lookup]:
    """Open the product's memo."""
    redis = open_redis(url)
    options = MemoOptions() if lease_s is None else MemoOptions(lease=timedelta(seconds=lease_s))
    memo = Memo(redis, failures=FAILURES, options=options)

    async def lookup(key: str) -> object:
        async def loader(flight: Flight) -> Loaded:
            answer = await load(key)
            return Loaded("found", answer, timedelta(seconds=TTL_S), flight.now_ms())

        return (await memo.get(key, loader)).entry.payload

    yield lookup
    await memo.aclose()
    await redis.aclose()


@asynccontextmanager
async def cashews(url: str, load: Load, _lease_s: float | None) -> AsyncIterator[Lookup]:
    """Open cashews with `lock=True`, which has no lease to set."""
    cache = Cache()
    # Of its 10 connections, callers that wait for the lock would leave none to the others.
    cache.setup(url, client_side=False, max_connections=50)
    yield cache(ttl=TTL_S, key="{key}", lock=True)(_named_key(load))
    await cache.close()


@asynccontextmanager
async def dogpile(url: str, load: Load, lease_s: float | None) -> AsyncIterator[Lookup]:
    """Open dogpile.cache with its distributed lock, a thread for each caller."""
    region = dogpile_region(url, lease_s)
    loop = asyncio.get_running_loop()

    def creator(key: str) -> Answer:
        return asyncio.run_coroutine_threadsafe(_awaited(load, key), loop).result()

    with ThreadPoolExecutor(MAX_THREADS) as pool:

        async def lookup(key: str) -> object:
            return await loop.run_in_executor(
                pool, lambda: region.get_or_create(key, lambda: creator(key))
            )

        yield lookup


def dogpile_region(url: str, lease_s: float | None = None) -> CacheRegion:
    """Return a region whose processes lock each other out through Redis."""
    arguments = {
        "url": url,
        "redis_expiration_time": TTL_S + 100,
        "distributed_lock": True,
        "thread_local_lock": False,
        "lock_timeout": lease_s,
    }
    return make_region().configure(
        "dogpile.cache.redis", expiration_time=TTL_S, arguments=arguments
    )


@asynccontextmanager
async def aiocache(url: str, load: Load, lease_s: float | None) -> AsyncIterator[Lookup]:
    """Open aiocache's `cached_stampede`; its lease, 2 s, is also how long callers wait."""
    how: dict[str, Any] = {} if lease_s is None else {"lease": lease_s}
    yield cached_stampede(
        cache=RedisCache,
        serializer=JsonSerializer(),
        key_builder=lambda _load, key: key,
        ttl=TTL_S,
        **aiocache_address(url),
        **how,
    )(_named_key(load))


def aiocache_address(url: str) -> dict[str, Any]:
    """Return *url* as aiocache takes it."""
    parts = urlsplit(url)
    return {
        "endpoint": parts.hostname,
        "port": parts.port,
        "password": parts.password,
        "db": int(parts.path.removeprefix("/")),
    }


@asynccontextmanager
async def redis_lock(url: str, load: Load, lease_s: float | None) -> AsyncIterator[Lookup]:
    """Open what one writes by hand with redis-py: look, lock, look again, load."""
    redis = Redis.from_url(url)

    async def lookup(key: str) -> object:
        stored = await redis.get(key)
        if stored is None:
            async with redis.lock(f"lock:{key}", timeout=lease_s or LOCK_S):
                stored = await redis.get(key)
                if stored is None:
                    answer = await load(key)
                    await redis.set(key, orjson.dumps(answer), ex=TTL_S)
                    return answer
        return orjson.loads(cast("bytes", stored))

    yield lookup
    await redis.aclose()


@asynccontextmanager
async def nothing(_url: str, load: Load, _lease_s: float | None) -> AsyncIterator[Lookup]:
    """Open no cache at all."""
    yield load


CONTENDERS: Mapping[str, Opening] = {
    "ours": ours,
    "cashews lock=True": cashews,
    "dogpile.cache": dogpile,
    "aiocache cached_stampede": aiocache,
    "redis-py lock": redis_lock,
    "no cache": nothing,
}


def _named_key(load: Load) -> Load:
    """Return *load* as a plain function of `key`, whose name the decorators look at."""

    async def loaded(key: str) -> Answer:
        return await load(key)

    return loaded


async def _awaited(load: Load, key: str) -> Answer:
    return await load(key)

"""A file of many names, most of them repeated, half of them known: one read against many."""

import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import cast

import orjson
from redis.asyncio import Redis

from bench.entries import FAILURES, TTL_S, stored_entry
from bench.measure import console, judge, race, show, times_of
from bench.servers import running_valkey
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.identity import Mention, parse_name
from orchestrator.identity.index import CompanyIndex
from orchestrator.infra.counters import Counters
from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Memo
from orchestrator.purchasing import Enricher, Purchaser, entry_key
from orchestrator.purchasing.costs import ReuseStatistics
from tests.support.companies import open_index

NAMES, DISTINCT = 100_000, 20_000
#: Single GETs that are timed; all of them would take longer than everything else together.
SAMPLE = 8_000
#: Keys of one pipelined write, and of one MGET of the limit.
BATCH = 500
#: What the product promises, against one GET each.
FASTER = 40.0
GETS, DISTINCT_KEYS, PREVIEW = "one GET each", "peek_many, distinct keys", "Enricher.preview, names"


async def main(repeats: int) -> None:
    """Measure the product's bulk reads of names and of keys, and what a name's key costs."""
    with running_valkey() as url, TemporaryDirectory() as folder:
        async with (
            Redis.from_url(url) as stock,
            open_redis(url) as redis,
            open_index(Path(folder)) as index,
        ):
            await _measure(stock, redis, index, repeats)


async def _measure(stock: Redis, redis: Redis, index: CompanyIndex, repeats: int) -> None:
    names = _names()
    keys = [entry_key(parse_name(name).key) for name in names]
    await _store(redis, sorted(set(keys))[::2])
    memo = Memo(redis, failures=FAILURES)
    # A preview buys and counts nothing.
    nothing = cast("Purchaser", None), Counters(redis), cast("ReuseStatistics", None)
    enricher = Enricher(memo, *nothing, index)
    asked = [(Mention(name), wants_profile) for name in names]

    async def gets() -> object:
        return [await stock.get(key) for key in keys[:SAMPLE]]

    async def distinct_keys() -> object:
        distinct = list(dict.fromkeys(keys))
        found = dict(zip(distinct, await memo.peek_many(distinct), strict=True))
        return [found[key] for key in keys]

    async def limit() -> object:
        distinct = list(dict.fromkeys(keys))
        return [await redis.mget(distinct[n : n + BATCH]) for n in range(0, len(distinct), BATCH)]

    async def limit_decoded() -> object:
        return [
            [orjson.loads(value) for value in values if value]
            for values in cast("list[list[bytes | None]]", await limit())
        ]

    async def keys_of_names() -> object:
        return [parse_name(name) for name in dict.fromkeys(names)]

    figures = await race(
        {
            GETS: lambda: _per_name(gets, SAMPLE),
            PREVIEW: lambda: _per_name(lambda: enricher.preview(asked), NAMES),
            "peek_many, all keys": lambda: _per_name(lambda: memo.peek_many(keys), NAMES),
            DISTINCT_KEYS: lambda: _per_name(distinct_keys, NAMES),
            "keys of the distinct names alone": lambda: _per_name(keys_of_names, NAMES),
            "MGETs of distinct keys, not decoded": lambda: _per_name(limit, NAMES),
            "MGETs of distinct keys + orjson.loads": lambda: _per_name(limit_decoded, NAMES),
        },
        repeats=repeats,
    )
    title = f"{NAMES:,} names ({DISTINCT:,} distinct, half of them stored)"
    show(title, figures, base=GETS, per_second=True)
    console.print(f"{GETS!r}: {SAMPLE:,} of them, extrapolated; their values are not decoded.")
    for way in (PREVIEW, DISTINCT_KEYS):
        ratio = times_of(figures, GETS, way)
        judge(f"{way}: at least {FASTER:.0f}x one GET each, at the median", [ratio >= FASTER])
    await memo.aclose()


def _names() -> list[str]:
    """Return every distinct name at least once, in an order that is the same in every run."""
    chance = random.Random(1)  # noqa: S311 - any shuffle will do
    distinct = [f"Company Number {number} GmbH" for number in range(DISTINCT)]
    names = distinct + chance.choices(distinct, k=NAMES - DISTINCT)
    chance.shuffle(names)
    return names


async def _store(redis: Redis, keys: Sequence[str]) -> None:
    for start in range(0, len(keys), BATCH):
        async with redis.pipeline(transaction=False) as pipeline:
            for key in keys[start : start + BATCH]:
                pipeline.set(key, stored_entry(key), ex=TTL_S)
            await pipeline.execute()


async def _per_name(work: Callable[[], Awaitable[object]], names: int) -> float:
    """Return the seconds that one name takes."""
    began = perf_counter()
    await work()
    return (perf_counter() - began) / names

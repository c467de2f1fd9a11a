"""What a hit of the memo costs, against a plain GET of the same value on the same server."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import cast

from redis.asyncio import Redis

from bench.measure import console, race, show, timed
from orchestrator.connections import open_redis
from orchestrator.embedded.valkey import start_valkey
from orchestrator.enrichment import EnrichmentFailures
from orchestrator.memo import Entry, Flight, Loaded, Memo
from orchestrator.memo.entry import encode
from orchestrator.surfsense.sandbox.invention import invent

#: Lookups in a row, and at a time.
SEQUENTIAL = 2000
READERS = 64
READS = 100


async def main() -> None:
    """Measure sequential and concurrent hits."""
    with tempfile.TemporaryDirectory() as folder:
        valkey = start_valkey(Path(folder), Path(folder) / "valkey.log")
        try:
            await _measure(f"{valkey.url}/1")
        finally:
            valkey.child.end()


async def _measure(url: str) -> None:
    stock, redis = Redis.from_url(url), open_redis(url)
    failures = EnrichmentFailures(timedelta(seconds=1), timedelta(seconds=1))
    memo = Memo(redis, failures=failures)
    keys = [f"surfsense:bench_{number}" for number in range(READERS)]
    stored = _entry()
    for key in keys:
        await redis.set(key, stored, ex=7200)

    async def never(_: Flight) -> Loaded:
        raise AssertionError("a hit loads nothing")

    async def plain(key: str) -> object:
        return await stock.get(key)

    async def decoded(key: str) -> object:
        return json.loads(cast("bytes", await stock.get(key)))

    async def hit(key: str) -> object:
        return await memo.get(key, never)

    ways = {"GET": plain, "GET + json.loads": decoded, "memo hit": hit}
    figures = await race(
        {
            name: lambda way=way: timed(lambda: way(keys[0]), SEQUENTIAL)  # type: ignore[misc]
            for name, way in ways.items()
        }
    )
    console.print(f"entry of {len(stored)} bytes")
    show("One reader, one hit after another", figures, base="GET + json.loads")
    figures = await race(
        {
            name: lambda way=way: _together(way, keys)  # type: ignore[misc]
            for name, way in ways.items()
        }
    )
    show(f"{READERS} readers of distinct keys at a time", figures, base="GET", per_second=True)
    await memo.aclose()
    await redis.aclose()
    await stock.aclose()


async def _together(way: Callable[[str], Awaitable[object]], keys: list[str]) -> float:
    """Return the seconds that one read takes while all readers read."""

    async def reader(key: str) -> None:
        for _ in range(READS):
            await way(key)

    began = perf_counter()
    await asyncio.gather(*(reader(key) for key in keys))
    return (perf_counter() - began) / (len(keys) * READS)


def _entry() -> bytes:
    answer = invent("Bench", "bench", datetime.now(UTC), not_found_rate=0, ambiguous_rate=0)
    payload = {"answer": answer, "company": "Bench", "purchase_id": "0" * 32}
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return encode(Entry("found", payload, now_ms, now_ms + 7_200_000), token="0" * 24)

"""The shared cache of each event loop: made on first use, never kept beyond its loop."""

import asyncio
import subprocess
import sys

import pytest
from redis.asyncio import Redis

from orchestrator import cache
from orchestrator.cache import HitRate, Kind, hit_rates
from orchestrator.embedded.stack import Valkey
from orchestrator.infra.counters import Counters
from orchestrator.settings import ConfigurationError
from tests.support.valkey import client_of

PROGRAM = """
import asyncio
from orchestrator import cache

async def main(number):
    # A busy machine is not what is looked for here.
    asyncio.get_running_loop().slow_callback_duration = 60
    await cache.cache_lead(str(number), {"number": number})
    return await cache.get_cached_lead(str(number))

print([asyncio.run(main(number)) for number in range(3)])
"""


async def test_a_loop_that_ends_closes_its_cache(valkey: Valkey, counters_db: Redis) -> None:
    """A script that never closes the cache gets no warning, and its counts are written."""
    finished = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM],
        env={"REDIS_URL": f"{valkey.url}/1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.stderr == ""
    assert finished.stdout.strip() == "[{'number': 0}, {'number': 1}, {'number': 2}]"
    assert hit_rates(await Counters(counters_db).read(days=1)) == [HitRate(Kind.LEAD, 3, 3)]


async def test_one_loop_shares_one_cache(valkey: Valkey) -> None:
    """However many callers there are on first use, they share the connections of one cache."""
    await asyncio.gather(*(cache.get_cached_lead(str(number)) for number in range(100)))

    before = await connections(valkey)
    await cache.close_cache()

    assert before - await connections(valkey) <= 32
    assert await connections(valkey) == 1


async def test_closing_is_for_good_only_until_the_next_call() -> None:
    """After `close_cache` the next call opens again; closing twice is harmless."""
    await cache.cache_lead("1", {})

    await cache.close_cache()
    await cache.close_cache()

    assert await cache.get_cached_lead("1") == {}


async def test_a_missing_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `REDIS_URL` the first call says so, and asks for no setting it does not need."""
    monkeypatch.delenv("REDIS_URL")

    with pytest.raises(ConfigurationError) as raised:
        await cache.get_cached_lead("1")

    assert raised.value.problems == ("REDIS_URL is not set",)


async def connections(valkey: Valkey) -> int:
    """Count the server's clients, this one included."""
    async with client_of(valkey, 0) as client:
        return len(await client.client_list())

"""The shared cache of each event loop: made on first use, never kept beyond its loop."""

import asyncio
import subprocess
import sys

import pytest

from orchestrator import cache
from orchestrator.embedded.valkey import Valkey
from orchestrator.settings import ConfigurationError
from tests.support.valkey import client_of

PROGRAM = """
import asyncio
from orchestrator import cache

async def main(number):
    await cache.cache_lead(str(number), {"number": number})
    return await cache.get_cached_lead(str(number))

print([asyncio.run(main(number)) for number in range(3)])
"""


def test_many_loops_in_one_process_end_without_a_warning(valkey: Valkey) -> None:
    """A script that never closes the cache leaves neither a warning nor an open connection."""
    finished = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM],
        env={"REDIS_URL": f"{valkey.url}/1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.stderr == ""
    assert finished.stdout.strip() == "[{'number': 0}, {'number': 1}, {'number': 2}]"


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

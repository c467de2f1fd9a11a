"""Bulk invalidation: what a pattern removes, and what no pattern ever does."""

import pytest
from redis.asyncio import Redis

from orchestrator import cache


async def test_it_removes_what_matches_and_returns_the_count(gateway_db: Redis) -> None:
    """More keys than one SCAN batch go, their number is returned, others stay."""
    async with gateway_db.pipeline(transaction=False) as pipe:
        for number in range(1000):
            pipe.set(f"lead:{number}", b"{}", ex=60)
        pipe.set("oportunidad:1", b"{}", ex=60)
        await pipe.execute()

    removed = await cache.invalidate_pattern("lead:*")

    assert removed == 1000
    assert await gateway_db.keys("*") == [b"oportunidad:1"]
    assert await cache.invalidate_pattern("lead:*") == 0


async def test_it_scans_and_unlinks(gateway_db: Redis) -> None:
    """The server is never blocked: no KEYS, no DEL, no FLUSHDB."""
    await cache.cache_lead("1", {})
    await cache.cache_surfsense_result("Acme", {})
    await gateway_db.config_resetstat()

    await cache.invalidate_pattern("lead:*")
    await cache.invalidate_pattern("surfsense:*")

    used = {name.removeprefix("cmdstat_") for name in await gateway_db.info("commandstats")}
    assert {"scan", "unlink"} <= used
    assert not used & {"keys", "del", "flushdb", "flushall"}


@pytest.mark.parametrize("pattern", ["surfsense:*", "surfsense*", "surfsense:a*", "surfsense:acme"])
async def test_results_go_by_a_pattern_that_names_them(memo_db: Redis, pattern: str) -> None:
    """Results are removed in the memo's database, and its own keys are left alone."""
    await cache.cache_surfsense_result("Acme", {"sector": "software"})
    await memo_db.set("memo1:note:surfsense:beta", b"{}", ex=60)

    removed = await cache.invalidate_pattern(pattern)

    assert removed == 1
    assert not await memo_db.exists("surfsense:acme")
    assert await memo_db.exists("memo1:note:surfsense:beta")


@pytest.mark.parametrize("pattern", ["*", "s*", "*acme*", "[ls]*", "memo1:*"])
async def test_no_other_pattern_removes_what_was_paid_for(memo_db: Redis, pattern: str) -> None:
    """`*` empties the gateway's cache; results and the memo's own keys stay."""
    await cache.cache_surfsense_result("Acme", {"sector": "software"})
    await memo_db.set("memo1:lease:surfsense:beta", b"t", ex=60)

    removed = await cache.invalidate_pattern(pattern)

    assert removed == 0
    assert await memo_db.exists("surfsense:acme", "memo1:lease:surfsense:beta") == 2


@pytest.mark.parametrize(
    "key", ["memo1:lease:surfsense:a", "surfsense:a", "jobs1:x", "budget1:x", "counters1:x"]
)
async def test_in_a_database_shared_against_all_advice_only_cached_values_go(
    gateway_db: Redis, key: str
) -> None:
    """Leases, paid results, accepted work and budgets survive `*` even beside cached leads."""
    await gateway_db.set(key, b"1", ex=60)
    await cache.cache_lead("1", {})

    removed = await cache.invalidate_pattern("*")

    assert removed == 1
    assert await gateway_db.exists(key)

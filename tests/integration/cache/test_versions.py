"""Leads that other services keep: never older than what the gateway has acknowledged."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from orchestrator import cache
from orchestrator.fence import Fence, Miss

KEY = "lead:1"
ROW = b'{"version":2,"empresa":"Acme"}'


@pytest.fixture
def fence(gateway_db: Redis) -> Fence:
    """Return the gateway's side."""
    return Fence(gateway_db, ttl=timedelta(hours=1))


async def _fill(fence: Fence, value: bytes, version: int) -> bool:
    found = await fence.read(KEY)
    assert isinstance(found, Miss)
    return await fence.fill(KEY, found.generation, version, value)


async def test_a_lead_of_the_latest_version_is_kept(fence: Fence) -> None:
    """Wherever its version stands among the fields, and the gateway serves it, too."""
    await _fill(fence, ROW, 2)

    assert await cache.cache_lead("1", {"empresa": "Acme", "version": 2, "score": 7})

    assert await cache.get_cached_lead("1") == {"version": 2, "empresa": "Acme", "score": 7}
    assert not isinstance(await fence.read(KEY), Miss)


@pytest.mark.parametrize("version", [1, 3])
async def test_a_lead_of_another_version_is_not_kept(fence: Fence, version: int) -> None:
    """It was read before the last write, or from somewhere else; what is cached stays."""
    await _fill(fence, ROW, 2)

    assert not await cache.cache_lead("1", {"version": version, "empresa": "Other"})

    assert await cache.get_cached_lead("1") == {"version": 2, "empresa": "Acme"}


async def test_where_no_version_is_known_none_is_kept() -> None:
    """As after a restart of the cache: the gateway's next read says which is the latest."""
    assert not await cache.cache_lead("1", {"version": 2})

    assert await cache.get_cached_lead("1") is None


@pytest.mark.parametrize("data", [{"version": 2}, {"empresa": "Acme"}])
async def test_nothing_is_kept_while_the_lead_is_written(fence: Fence, data: object) -> None:
    """With or without a version: what was read before the write would outlive it."""
    await _fill(fence, ROW, 2)
    await fence.close([KEY], "w")

    assert not await cache.cache_lead("1", data)

    assert await cache.get_cached_lead("1") is None
    await fence.open({KEY: 3}, "w")
    assert await cache.cache_lead("1", {"version": 3})


async def test_a_deleted_lead_is_not_kept_again(fence: Fence) -> None:
    """A deletion leaves a version: what was read before it is older."""
    await _fill(fence, ROW, 2)
    await fence.close([KEY], "w")
    await fence.open({KEY: 3}, "w")

    assert not await cache.cache_lead("1", {"version": 2})


@pytest.mark.parametrize("pattern", ["", "lead:*", "lead:1", "*", "l*"])
async def test_what_was_read_before_a_deletion_is_not_stored_after_it(
    fence: Fence, pattern: str
) -> None:
    """Neither by the gateway nor by another service, one key deleted or many."""
    found = await fence.read(KEY)
    assert isinstance(found, Miss)

    await (cache.invalidate_pattern(pattern) if pattern else cache.delete_cache(KEY))

    assert not await fence.fill(KEY, found.generation, 2, ROW)
    assert not await cache.cache_lead("1", {"version": 2})
    assert await cache.get_cached_lead("1") is None
    assert await _fill(fence, ROW, 2)

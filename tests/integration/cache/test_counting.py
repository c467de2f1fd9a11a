"""Hit and miss counters on a real server: what counts, where it lies, what an outage costs."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from orchestrator import cache
from orchestrator.cache import HitRate, Kind, hit_rates
from orchestrator.infra.counters import Counters, day_key
from tests.support.async_waiting import eventually
from tests.support.valkey import client_of, running_valkey

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SLOW = timedelta(hours=1)
SOON = timedelta(milliseconds=5)


async def test_lookups_are_counted_by_kind(counters_db: Redis) -> None:
    """Each read counts as a hit or a miss of its kind, written when the cache closes."""
    await cache.cache_lead("1", {})
    await cache.get_cached_lead("1")
    await cache.get_cached_lead("2")
    await cache.get_cached_surfsense_result("Acme")
    await cache.close_cache()

    counts = await Counters(counters_db).read(days=1)

    assert hit_rates(counts) == [HitRate(Kind.LEAD, 1, 2), HitRate(Kind.SURFSENSE, 0, 1)]


async def test_counts_are_written_without_being_asked(counters_db: Redis) -> None:
    """A count is in Redis soon after, without a close or a flush."""
    counters = Counters(counters_db, flush_after=SOON)

    counters.add("x", 2)
    counters.add("x")

    await counted(counters, 3)
    await counters.aclose()


async def test_a_count_made_after_a_flush_is_written_too(counters_db: Redis) -> None:
    """Counting continues after the first flush."""
    counters = Counters(counters_db, flush_after=SOON)
    counters.add("x")
    await counted(counters, 1)

    counters.add("x")

    await counted(counters, 2)
    await counters.aclose()


async def test_closing_writes_what_was_counted_a_moment_ago(counters_db: Redis) -> None:
    """Nothing counted before `aclose` is lost, however long the flush would have waited."""
    counters = Counters(counters_db, flush_after=SLOW)
    counters.add("x")

    await counters.aclose()

    assert await counters.read(days=1) == {"x": 1}


async def test_processes_add_up_and_days_are_kept_apart(counters_db: Redis) -> None:
    """Each UTC day has a hash of its own, to which all processes add; it expires by itself."""
    today, yesterday = (
        Counters(counters_db, clock=lambda day=day: day)  # type: ignore[misc]  # a constant clock
        for day in (NOON, NOON - timedelta(days=1))
    )
    for counters in (today, today, yesterday):
        counters.add("x")
    await today.aclose()
    await yesterday.aclose()

    assert await today.read(days=1) == {"x": 2}
    assert await today.read(days=2) == {"x": 3}
    days = timedelta(seconds=await counters_db.ttl(day_key(date(2026, 11, 23))))
    assert timedelta(days=34) < days <= timedelta(days=35)


async def test_counts_wait_for_a_server_that_is_away(tmp_path: Path) -> None:
    """A flush that fails loses nothing: the counts are written when the server is back."""
    with running_valkey(tmp_path) as server, capture_logs() as logs:

        async def failed() -> bool:
            return bool(logs)

        async with client_of(server, 3) as redis:
            counters = Counters(redis, flush_after=SOON)
            server.child.end()
            counters.add("x")
            await eventually(failed, "a flush has failed")

            server.child.restart()
            await eventually(lambda: answers(redis), "the server is back")
            await counted(counters, 1)

            assert [line["event"] for line in logs] == ["counters.not_written"]
            await counters.aclose()


async def answers(redis: Redis) -> bool:
    """Say whether the server takes commands."""
    with contextlib.suppress(RedisError, OSError):
        return bool(await redis.ping())
    return False


async def counted(counters: Counters, count: int) -> None:
    """Wait until *count* of `x` is written."""

    async def is_written() -> bool:
        return await counters.read(days=1) == {"x": count}

    await eventually(is_written, f"x is {count}")


async def test_lookups_during_an_outage_do_not_spoil_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only lookups that Redis has answered say something about the cache's use."""
    with running_valkey(tmp_path) as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        await cache.cache_lead("1", {})
        await cache.get_cached_lead("1")
        server.child.end()
        await cache.get_cached_lead("1")
        server.child.restart()
        async with client_of(server, 3) as redis:
            await eventually(lambda: answers(redis), "the server is back")
            await cache.close_cache()

            rates = hit_rates(await Counters(redis).read(days=1))

    assert rates == [HitRate(Kind.LEAD, 1, 1)]

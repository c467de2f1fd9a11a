"""SurfSense results: one stored form for the pipeline and for the documented functions."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import ConnectionPool, Redis

from orchestrator import cache
from orchestrator.cache import ResultStore
from orchestrator.embedded.stack import Valkey
from orchestrator.identity import InvalidCompanyName
from orchestrator.memo import Entry, Flight, Loaded, Memo, Source
from orchestrator.memo.entry import decode, encode
from orchestrator.purchasing import EnrichmentFailures, EnrichmentStatus
from orchestrator.purchasing.outcome import enrichment_of

RESULT = {"estado": "encontrada", "sector": "software", "detalle": {"empleados": 120}}


@pytest.fixture
async def memo(memo_db: Redis) -> AsyncIterator[Memo]:
    """Return a memo as the pipeline has it."""
    second = timedelta(seconds=1)
    memo = Memo(memo_db, failures=EnrichmentFailures(second, second))
    yield memo
    await memo.aclose()


async def never(_flight: Flight) -> Loaded:
    """Stand for a purchase that must not happen."""
    raise AssertionError("bought in vain")


async def store(redis: Redis, status: str, payload: dict[str, Any]) -> None:
    """Write an entry as the pipeline does."""
    entry = Entry(status, payload, 0, 0)
    await redis.set("surfsense:acme", encode(entry, token="f00"), ex=60)


async def test_the_pipeline_serves_what_was_cached_by_hand(memo: Memo) -> None:
    """A result that another service caches is a free hit for the pipeline."""
    await cache.cache_surfsense_result("  ACME, S.A. ", RESULT)

    outcome = await memo.get("surfsense:acme", never)

    found = enrichment_of("acme", outcome.source, outcome.entry)
    assert outcome.source is Source.HIT
    assert found.status is EnrichmentStatus.FOUND
    assert found.answer == RESULT
    assert found.query_name.startswith("ACME")
    assert (found.saved_micros, found.purchase_id) == (0, None)


class _AnHourAhead(Redis):
    """A client of a server whose clock is an hour ahead of this process's."""

    said: tuple[int, int] = (0, 0)

    async def time(self, **_: object) -> tuple[int, int]:
        seconds, micros = await super().time()
        self.said = (seconds + 3600, micros)
        return self.said


async def test_a_result_is_as_old_as_the_server_s_clock_says(valkey: Valkey) -> None:
    """Processes whose own clocks differ agree on it."""
    async with _AnHourAhead(connection_pool=ConnectionPool.from_url(f"{valkey.url}/1")) as ahead:
        await ResultStore(ahead).put("surfsense:acme", RESULT, 7200, company="Acme")
        stored = await ahead.get("surfsense:acme")
        await ahead.connection_pool.disconnect()
    assert isinstance(stored, bytes)
    entry, (seconds, micros) = decode("surfsense:acme", stored), ahead.said

    assert entry.stored_at_ms == seconds * 1000 + micros // 1000


async def test_a_result_is_fresh_for_two_hours(memo_db: Redis) -> None:
    """The entry and Redis agree on when it ends."""
    await cache.cache_surfsense_result("Acme", RESULT)

    entry = decode("surfsense:acme", await memo_db.get("surfsense:acme"))  # type: ignore[arg-type]  # not decoded
    assert entry.expires_at_ms - entry.stored_at_ms == 7200 * 1000
    assert await memo_db.pexpiretime("surfsense:acme") == entry.expires_at_ms


async def test_what_the_pipeline_bought_is_found_under_every_spelling(memo_db: Redis) -> None:
    """A bought answer is returned as SurfSense gave it, however the name is typed."""
    await store(memo_db, "found", {"answer": RESULT, "company": "Acme", "cost_micros": 46_500})

    assert await cache.get_cached_surfsense_result("Acme S.A.") == RESULT
    assert await cache.get_cache("surfsense:acme") == RESULT


@pytest.mark.parametrize(
    ("status", "answer"), [("not_found", {}), ("ambiguous", {"candidatos": ["Acme A", "Acme B"]})]
)
async def test_an_answer_about_no_company_in_particular_is_none(
    memo_db: Redis, status: str, answer: dict[str, Any]
) -> None:
    """Known-not-found and ambiguous are no data about the company: None."""
    await store(memo_db, status, {"answer": answer})

    assert await cache.get_cached_surfsense_result("Acme") is None


@pytest.mark.parametrize("stored", [b"{broken", b'{"sector": "software"}', b'{"v": 99}'])
async def test_an_unreadable_entry_is_a_miss(memo_db: Redis, stored: bytes) -> None:
    """Neither a broken entry nor one of a later version is ever an error."""
    await memo_db.set("surfsense:acme", stored, ex=60)

    assert await cache.get_cached_surfsense_result("Acme") is None


async def test_set_cache_writes_results_in_the_same_form(memo: Memo) -> None:
    """`set_cache` on a documented result key is understood by the pipeline, too."""
    await cache.set_cache("surfsense:acme", RESULT)

    outcome = await memo.get("surfsense:acme", never)

    assert enrichment_of("acme", outcome.source, outcome.entry).answer == RESULT


async def test_a_result_must_be_an_object() -> None:
    """The pipeline reads objects only; anything else is refused."""
    with pytest.raises(TypeError, match="not list"):
        await cache.set_cache("surfsense:acme", ["software"])


async def test_a_blank_name_is_refused() -> None:
    """A blank name has no key, so it neither stores nor finds another company's data."""
    with pytest.raises(InvalidCompanyName):
        await cache.cache_surfsense_result(" ", RESULT)
    with pytest.raises(InvalidCompanyName):
        await cache.get_cached_surfsense_result("")


@pytest.mark.parametrize("by_pattern", [True, False])
async def test_an_invalidation_wins_over_a_purchase_in_flight(
    memo: Memo, *, by_pattern: bool
) -> None:
    """What was being bought while its key was invalidated is not stored afterwards."""
    begun, may_land = asyncio.Event(), asyncio.Event()

    async def slow(flight: Flight) -> Loaded:
        begun.set()
        await may_land.wait()
        return Loaded("found", {"answer": RESULT}, timedelta(hours=2), flight.now_ms())

    buying = asyncio.create_task(memo.get("surfsense:acme", slow))
    await begun.wait()

    if by_pattern:
        await cache.invalidate_pattern("surfsense:*")
    else:
        await cache.delete_cache("surfsense:acme")
    may_land.set()
    await buying

    assert await cache.get_cached_surfsense_result("Acme") is None

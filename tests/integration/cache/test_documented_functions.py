"""The documented functions: keys, databases, TTLs, what they accept and what they return."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from orchestrator import cache

LEAD_ID = UUID("6f1c3f0e-94b3-4b9e-9d6e-0c2d6d2f7a10")
DATA = {"empresa": "Añil & Cía", "score": 81}


@pytest.mark.parametrize(
    ("write", "key", "ttl_s"),
    [
        (lambda: cache.cache_lead(LEAD_ID, DATA), f"lead:{LEAD_ID}", 3600),
        (lambda: cache.cache_oportunidad(LEAD_ID, DATA), f"oportunidad:{LEAD_ID}", 3600),
        (lambda: cache.cache_dashboard_metrics("ventas", DATA), "dashboard:metrics:ventas", 300),
        (lambda: cache.cache_session("t0k3n", DATA), "user:session:t0k3n", 1800),
        (lambda: cache.set_cache("tipo_cambio", DATA), "tipo_cambio", 7200),
        (lambda: cache.set_cache("tipo_cambio", DATA, ttl=9), "tipo_cambio", 9),
    ],
)
async def test_values_lie_as_json_under_their_documented_key_and_ttl(
    gateway_db: Redis, write: Callable[[], Awaitable[bool]], key: str, ttl_s: int
) -> None:
    """Any service finds a value in DB 0 under the documented key, for the documented time."""
    stored = await write()

    assert stored
    assert await cache.get_cache(key) == DATA
    assert await gateway_db.get(key) == '{"empresa":"Añil & Cía","score":81}'.encode()
    assert ttl_s - 5 <= await gateway_db.ttl(key) <= ttl_s


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (cache.cache_lead, cache.get_cached_lead),
        (cache.cache_oportunidad, cache.get_cached_oportunidad),
        (cache.cache_dashboard_metrics, cache.get_cached_dashboard_metrics),
        (cache.cache_session, cache.get_cached_session),
    ],
)
async def test_every_kind_reads_what_it_wrote(
    write: Callable[[str, object], Awaitable[bool]], read: Callable[[str], Awaitable[Any]]
) -> None:
    """What was cached comes back equal, and an unknown name is None."""
    await write("uno", DATA)

    assert await read("uno") == DATA
    assert await read("otro") is None


async def test_a_lead_is_the_same_in_capitals() -> None:
    """A UUID written in capitals means the same lead, so none is left behind stale."""
    await cache.cache_lead(str(LEAD_ID).upper(), DATA)

    assert await cache.get_cached_lead(LEAD_ID) == DATA


@pytest.mark.parametrize("read", [cache.get_cached_session, cache.get_cache])
async def test_reading_a_session_extends_it(
    gateway_db: Redis, read: Callable[[str], Awaitable[Any]]
) -> None:
    """A session lives for half an hour from when it was last read, by whichever function."""
    await cache.cache_session("t0k3n", DATA)
    await gateway_db.expire("user:session:t0k3n", 60)

    assert await read("t0k3n" if read is cache.get_cached_session else "user:session:t0k3n") == DATA

    assert await gateway_db.ttl("user:session:t0k3n") > 1790


async def test_reading_a_lead_does_not_extend_it(gateway_db: Redis) -> None:
    """Only sessions slide: everything else gets old from when it was written."""
    await cache.cache_lead(LEAD_ID, DATA)
    await gateway_db.expire(f"lead:{LEAD_ID}", 60)

    await cache.get_cached_lead(LEAD_ID)

    assert await gateway_db.ttl(f"lead:{LEAD_ID}") <= 60


@pytest.mark.parametrize("ttl", [0, -1, None, 1.5, True, "60", 10**12])
@pytest.mark.parametrize("key", ["lead:1", "surfsense:acme"])
async def test_nothing_is_stored_without_a_sound_ttl(key: str, ttl: Any) -> None:  # noqa: ANN401 - anything
    """A TTL that is none is refused in words, and nothing is stored."""
    with pytest.raises(ValueError, match="everything that is cached expires"):
        await cache.set_cache(key, DATA, ttl=ttl)

    assert await cache.get_cache(key) is None


async def test_what_has_no_json_form_is_refused() -> None:
    """JSON only: an object that would need pickle is a TypeError."""
    with pytest.raises(TypeError):
        await cache.set_cache("raro", object())


@pytest.mark.parametrize("key", ["lead:1", "surfsense:acme"])
async def test_deleting_says_that_the_key_is_gone(key: str) -> None:
    """After True the value is certainly not served, whether or not it was there."""
    await cache.set_cache(key, DATA)

    assert await cache.delete_cache(key)

    assert await cache.get_cache(key) is None
    assert await cache.delete_cache(key)


@pytest.mark.parametrize("stored", [b"{broken", b"\x80\x04K\x01.", b""])
async def test_a_corrupt_value_is_a_miss(gateway_db: Redis, stored: bytes) -> None:
    """What cannot be read, a pickle for one, is None and never an error."""
    await gateway_db.set("lead:1", stored, ex=60)

    assert await cache.get_cached_lead("1") is None


async def test_a_value_of_another_redis_type_is_a_miss(gateway_db: Redis) -> None:
    """A list under a documented key is None and never an error."""
    await gateway_db.lpush("lead:1", "x")
    await gateway_db.expire("lead:1", 60)

    assert await cache.get_cached_lead("1") is None


async def test_the_gateway_may_have_a_server_of_its_own(
    valkey: Any,  # noqa: ANN401 - the server
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`GATEWAY_REDIS_URL` takes leads elsewhere; results stay with the memo."""
    monkeypatch.setenv("GATEWAY_REDIS_URL", f"{valkey.url}/2")

    await cache.cache_lead("1", DATA)

    await cache.close_cache()
    monkeypatch.delenv("GATEWAY_REDIS_URL")
    assert await cache.get_cached_lead("1") is None


async def test_in_the_gateway_s_own_environment_results_are_in_the_memo_s_database(
    valkey: Any,  # noqa: ANN401 - the server
    memo_db: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`REDIS_URL` with DB 0, as documented for the gateway, still finds results in DB 1."""
    monkeypatch.setenv("REDIS_URL", f"{valkey.url}/0")

    await cache.cache_surfsense_result("Acme", DATA)

    assert await memo_db.exists("surfsense:acme")

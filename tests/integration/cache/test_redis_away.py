"""The cache without its server: no errors, bounded time, one line in the log."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator import cache
from tests.support.async_waiting import eventually
from tests.support.valkey import running_valkey

SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Return the URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://:{SECRET}@127.0.0.1:{listener.getsockname()[1]}/1"


async def use_everything() -> list[object]:
    """Call each function once; return what each answered."""
    return [
        await cache.get_cached_session(SECRET),
        await cache.get_cached_surfsense_result("Acme"),
        await cache.cache_session(SECRET, {"email": SECRET}),
        await cache.cache_surfsense_result("Acme", {"email": SECRET}),
        await cache.delete_cache("lead:1"),
        await cache.invalidate_pattern("lead:*"),
        await cache.invalidate_pattern("surfsense:*"),
    ]


async def test_a_killed_server_is_a_miss_and_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads miss, writes say False, invalidation says 0; the log has one line, no secrets."""
    with running_valkey(tmp_path) as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        await cache.cache_session(SECRET, {"email": SECRET})
        server.child.end()

        with capture_logs() as logs:
            answers = await use_everything()
            await cache.close_cache()

    assert answers == [None, None, False, False, False, 0, 0]
    about_cache = [line for line in logs if line["event"] == "cache.redis_away"]
    assert len(about_cache) == 1
    assert about_cache[0]["operation"] == "get"
    assert SECRET not in repr(logs)
    assert server.url not in repr(logs)


async def test_it_works_again_when_the_server_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be restarted after an outage."""
    with running_valkey(tmp_path) as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        await cache.cache_lead("1", {})
        server.child.end()
        assert not await cache.cache_lead("1", {})

        server.child.restart()

        again = {"again": True}
        await eventually(lambda: cache.cache_lead("1", again), "a lead can be cached again")
        assert await cache.get_cached_lead("1") == again
        await cache.close_cache()


async def test_a_silent_server_costs_bounded_time(
    silent_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs is given up on before its caller is."""
    monkeypatch.setenv("REDIS_URL", silent_url)

    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            cache.get_cached_lead("1"),
            cache.cache_lead("1", {}),
            cache.get_cached_surfsense_result("Acme"),
        )

    assert answers == [None, False, None]

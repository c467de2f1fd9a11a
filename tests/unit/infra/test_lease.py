"""Leases that are renewed during work."""

import asyncio
from datetime import timedelta

import pytest

from orchestrator.infra.batching import ScriptBatcher
from orchestrator.infra.lease import Renewal
from orchestrator.infra.redis_client import open_redis


async def test_an_unknown_error_does_not_end_the_renewal_of_a_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One renewal may fail for any reason; the next extends the lease."""
    calls = 0
    renewed = asyncio.Event()

    async def renew(*_: object) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a field of a reply")
        renewed.set()
        return 1

    monkeypatch.setattr(ScriptBatcher, "call", renew)
    async with open_redis("redis://127.0.0.1:1") as nowhere:
        renewal = Renewal(nowhere, timedelta(milliseconds=30))
        async with renewal.keeping("lease", "token"), asyncio.timeout(20):
            await renewed.wait()

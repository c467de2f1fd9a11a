"""Leases that are renewed during work."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from orchestrator.infra.lease import Renewal
from orchestrator.infra.redis_client import open_redis


async def test_an_unknown_error_does_not_end_the_renewal_of_a_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One renewal may fail for any reason; the next extends the lease."""
    calls = 0
    renewed = asyncio.Event()

    async def renew(_redis: object, _script: object, leases: Sequence[object]) -> list[bool]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a field of a reply")
        renewed.set()
        return [True] * len(leases)

    monkeypatch.setattr("orchestrator.infra.lease.call_together", renew)
    async with open_redis("redis://127.0.0.1:1") as nowhere:
        renewal = Renewal(nowhere, timedelta(milliseconds=30))
        async with renewal.keeping("lease", "token"), asyncio.timeout(20):
            await renewed.wait()

"""Keeps a lease alive while work goes on: a slow worker keeps it, a dead one loses it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.background import end_task
from orchestrator.scripts import load_script

log = structlog.get_logger(__name__)

#: Renewals within one lease; two may fail before it is lost.
RENEWALS = 3


class Renewal:
    """Renews leases: keys that hold their owner's token and expire by themselves."""

    def __init__(self, redis: Redis, lease: timedelta) -> None:
        self._renew = load_script(redis, "orchestrator", "renew")
        self._lease = lease

    @contextlib.asynccontextmanager
    async def keeping(self, key: str, token: str) -> AsyncIterator[None]:
        """Renew *key* for *token* until the block is left.

        A lease that was lost is reported and not taken again; what its owner still writes
        is fenced by the token, not by this renewal.
        """
        heartbeat = asyncio.create_task(self._beat(key, token), name=f"lease {key}")
        try:
            yield
        finally:
            await end_task(heartbeat)

    async def _beat(self, key: str, token: str) -> None:
        lease_ms = self._lease // timedelta(milliseconds=1)
        while True:
            await asyncio.sleep(lease_ms / 1000 / RENEWALS)
            try:
                if not await self._renew(keys=[key], args=[token, lease_ms]):
                    log.warning("lease.lost", key=key)
                    return
            except (RedisError, OSError) as error:
                log.warning("lease.renewal_failed", key=key, error=type(error).__name__)

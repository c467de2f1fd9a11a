"""Renews a lease while its holder works: a slow worker keeps it, a dead one loses it.

A process may hold a thousand leases. Renewals that are due while one is in flight are sent
together: each on its own would need a connection, and leave too few for the work itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from orchestrator.infra.background import end_task
from orchestrator.infra.batching import ScriptBatcher
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import load_script

log = structlog.get_logger(__name__)

#: Renewals within one lease; two may fail before it is lost.
RENEWALS = 3
#: The share of a lease for which a process may be suspended between `is_safe` and the action that
#: it protects. One renewal may fail before `is_safe` is false.
MARGIN = 1 / 3


@dataclass(slots=True)
class LeaseClock:
    """Until when the holder certainly has its lease, by its own clock alone.

    Attributes:
        lease_s: The length of the lease.
        asked_at: `time.monotonic()` before the last request that took or extended it was sent.
    """

    lease_s: float
    asked_at: float

    @property
    def is_certain(self) -> bool:
        """Whether no other process can have the lease now, however long this one was suspended."""
        return monotonic() < self.asked_at + self.lease_s

    @property
    def is_safe(self) -> bool:
        """Whether that stays so for long enough to finish what begins now."""
        return monotonic() + MARGIN * self.lease_s < self.asked_at + self.lease_s


class Renewal:
    """Renews leases: keys that hold their owner's token and expire by themselves."""

    def __init__(
        self, redis: Redis, lease: timedelta, *, script: AsyncScript | None = None
    ) -> None:
        """Renew leases of the length *lease*, by *script* where it does more than that."""
        self._renew = script or load_script(redis, "orchestrator.infra", "renew")
        self._scripts = ScriptBatcher(redis)
        self._lease_s = lease.total_seconds()
        self._lease_ms = lease // timedelta(milliseconds=1)

    @contextlib.asynccontextmanager
    async def keeping(
        self, key: str, token: str, *, asked_at: float | None = None
    ) -> AsyncIterator[LeaseClock]:
        """Renew *key* for *token* until the block is left.

        A lost lease is logged and not taken again; what its owner still writes is fenced by the
        token, not by this renewal. *asked_at* is `time.monotonic()` before the request that took
        the lease; now if not given.
        """
        lease_clock = LeaseClock(self._lease_s, monotonic() if asked_at is None else asked_at)
        heartbeat = asyncio.create_task(self._beat(key, token, lease_clock), name=f"lease {key}")
        try:
            yield lease_clock
        finally:
            await end_task(heartbeat)

    async def _beat(self, key: str, token: str, lease_clock: LeaseClock) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS)
            asked_at = monotonic()
            try:
                if not await self._scripts.call(self._renew, (key,), (token, self._lease_ms)):
                    log.warning("lease.lost", key=key)
                    return
                lease_clock.asked_at = asked_at
            except Exception as error:  # noqa: BLE001 - the next renewal may go well
                log.warning("lease.renewal_failed", key=key, error=error_class(error))

"""Tells whether a process that leads a flight is still alive, so that it is followed while it is.

Each process that leads or follows renews a key of its own. A key that has lapsed is no proof by
itself: the server may have been silent for so long that nobody could renew anything. So a process
is called gone only by one that could renew its own key, without a gap, for as long as a key lives.
"""

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.background import Loop, Supervisor, end_task
from orchestrator.infra.redis_client import store_errors
from orchestrator.memo.keys import process_key

#: Renewals within the life of a key.
RENEWALS = 4


class Processes:
    """The processes of one memo database, as one of them sees them. One per event loop.

    Attributes:
        id: Of this process.
    """

    def __init__(self, redis: Redis, supervisor: Supervisor, *, ttl: timedelta) -> None:
        self.id = secrets.token_hex(6)
        self._redis = redis
        self._supervisor = supervisor
        self._ttl_s = ttl.total_seconds()
        self._loop = Loop("memo-heartbeat", self._round, every=ttl / RENEWALS)
        self._task: asyncio.Task[None] | None = None
        self._watched: defaultdict[str, set[tuple[asyncio.Event, asyncio.Event]]] = defaultdict(set)
        # Of the last renewal that went well, and of the first one since the last gap.
        self._renewed_at = self._steady_since = -self._ttl_s

    async def beating(self) -> None:
        """Return once this process is known to be alive, and is kept known.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        if self._task is None:
            with store_errors("heartbeat"):
                await self._renew()
            if self._task is None:
                self._task = self._supervisor.start(self._loop)

    @contextlib.contextmanager
    def watching(self, process: str, wake: asyncio.Event) -> Iterator[asyncio.Event]:
        """Yield an event that is set, and *wake* with it, when *process* is found to be gone."""
        gone = asyncio.Event()
        self._watched[process].add((gone, wake))
        try:
            yield gone
        finally:
            self._watched[process].discard((gone, wake))
            if not self._watched[process]:
                del self._watched[process]

    async def is_gone(self, process: str) -> bool:
        """Return whether *process* has certainly had the time to renew its key, and has not.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        if process == self.id or not self._is_steady(monotonic()):
            return False
        asked_at = monotonic()
        if await self._redis.exists(process_key(process)):
            return False
        return self._is_steady(asked_at) and monotonic() - asked_at < self._ttl_s / RENEWALS

    async def aclose(self) -> None:
        """Stop, and let other processes know: no flight of this one is under way any more."""
        if self._task is not None:
            await end_task(self._task)
            self._task = None
            with contextlib.suppress(RedisError, OSError):  # the key expires by itself
                await self._redis.delete(process_key(self.id))

    async def _round(self) -> None:
        await self._renew()
        for process in tuple(self._watched):
            if await self.is_gone(process):
                for gone, wake in self._watched.get(process, ()):
                    gone.set()
                    wake.set()

    async def _renew(self) -> None:
        asked_at = monotonic()
        await self._redis.set(process_key(self.id), b"", px=round(self._ttl_s * 1000))
        if asked_at - self._renewed_at > self._ttl_s / 2 or monotonic() - asked_at > (
            self._ttl_s / RENEWALS
        ):
            self._steady_since = monotonic()
        self._renewed_at = asked_at

    def _is_steady(self, now: float) -> bool:
        """Return whether this process has renewed its key for as long as a key lives, up to now."""
        return now - self._renewed_at <= self._ttl_s / 2 and now - self._steady_since >= self._ttl_s

"""What a follower learns of a flight in another process: that it has ended, or its process is gone.

One subscription a process, however many keys are waited for. A notice may be missed (the
connection was down, the leader was killed): followers therefore bound their wait by the lease's
remaining life, and every reconnection wakes all of them to look again.

Each process that leads or follows renews a key of its own. A key that has lapsed is no proof by
itself: the server may have been silent for so long that no process could renew anything. So a
process is called gone only by one that could renew its own key, without a gap, for as long as a
key lives.
"""

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.infra.background import Loop, Supervisor, end_task
from orchestrator.infra.redis_client import store_errors
from orchestrator.memo.store import CHANNEL, process_key

#: Pause before the subscription is tried again after the connection was lost.
RECONNECT: Final = timedelta(seconds=0.2)
#: Seconds that a process's first flight waits for its subscription.
SUBSCRIBE_S: Final = 0.5
#: Renewals within the life of a process's key.
RENEWALS: Final = 4


class Notices:
    """Pub/sub subscriber for the ends of flights. One per event loop."""

    def __init__(self, redis: Redis, supervisor: Supervisor) -> None:
        self._redis = redis
        self._supervisor = supervisor
        self._loop = Loop("memo-notices", self._listen, every=RECONNECT)
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._subscription = asyncio.Event()

    async def subscribe(self) -> None:
        """Wait for the first subscription, but not long: waiters are woken when it comes late."""
        if self._task is None:
            self._task = self._supervisor.start(self._loop)
        if not self._subscription.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_S):
                    await self._subscription.wait()

    @contextlib.contextmanager
    def expect(self, key: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set when a flight for *key* ends.

        Enter it before asking Redis who leads; then no end can slip in between.
        """
        event = asyncio.Event()
        self._waiting[key].add(event)
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    async def aclose(self) -> None:
        """Stop listening. Waiters are not woken: their own bound ends their wait."""
        if self._task is not None:
            await end_task(self._task)
            self._task = None

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            while True:
                message = await pubsub.get_message(timeout=None)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    # The server confirms this subscription, or the one with which the client has
                    # replaced a lost connection: what was published before was missed.
                    self._subscription.set()
                    ended = [each for events in self._waiting.values() for each in events]
                else:
                    _, _, key = message["data"].decode().partition(" ")
                    ended = list(self._waiting.get(key, ()))
                for event in ended:
                    event.set()


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
        self._watchers: defaultdict[str, set[tuple[asyncio.Event, asyncio.Event]]] = defaultdict(
            set
        )
        # Of the last renewal that went well, and of the first one since the last gap.
        self._renewed_at = self._steady_since = -self._ttl_s

    async def announce(self) -> None:
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
        self._watchers[process].add((gone, wake))
        try:
            yield gone
        finally:
            self._watchers[process].discard((gone, wake))
            if not self._watchers[process]:
                del self._watchers[process]

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
        for process in tuple(self._watchers):
            if await self.is_gone(process):
                for gone, wake in self._watchers.get(process, ()):
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

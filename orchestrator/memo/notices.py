"""Tells followers that a flight has ended, so that none of them has to poll.

One subscription a process, however many keys are waited for. A notice may be missed (the
connection was down, the leader was killed): waiters therefore bound their wait by the
lease's remaining life, and every reconnection wakes all of them to look again.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from orchestrator.infra.background import Loop, Supervisor, end_task
from orchestrator.memo.keys import CHANNEL

#: Pause before the subscription is tried again after the connection was lost.
RECONNECT = timedelta(seconds=0.2)
#: Seconds that a process's first flight waits for its subscription.
SUBSCRIBE_S = 0.5


class Notices:
    """The process's ear on the settled channel. One per event loop."""

    def __init__(self, redis: Redis, supervisor: Supervisor) -> None:
        self._redis = redis
        self._supervisor = supervisor
        self._loop = Loop("memo-notices", self._listen, every=RECONNECT)
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    async def listening(self) -> None:
        """Wait for the first subscription, but not long: waiters are woken when it comes late."""
        if self._task is None:
            self._task = self._supervisor.start(self._loop)
        if not self._heard.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_S):
                    await self._heard.wait()

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
            await self._dispatch(pubsub)

    async def _dispatch(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is None:
                continue
            if message["type"] == "subscribe":
                # The server confirms this subscription, or the one with which the client
                # has replaced a lost connection: what came before was not heard.
                self._heard.set()
                self._wake_all()
                continue
            _, _, key = message["data"].decode().partition(" ")
            for event in self._waiting.get(key, ()):
                event.set()

    def _wake_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()

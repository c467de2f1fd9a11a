"""Which workers there are, and the end of a worker process that has stopped although it could work.

Each worker renews a heartbeat every few seconds (Redis DB 3), for people and for `emasai doctor`.
No decision rests on it: the leases of a dead worker lapse sooner.

The watchdog ends a stalled process. Celery on Redis may lose its connection without an error and
wait on it without end, most of all after a restart of the broker; seen from outside, the process
looks alive. A worker is stalled when

- messages have waited in one of its queues at every check for `STALL_PATIENCE`, while it had a free
  thread and received no message of any kind; or
- its event loop, on which all work runs, has not turned for as long.

A broker that does not answer the watchdog is unavailable to all workers, which is no stall: time
begins anew once it is back, since Celery needs some to connect again.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from typing import Final, Protocol, cast
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from orchestrator.infra.background import Loop, Supervisor
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import DAMAGE, refusal_code

log = structlog.get_logger(__name__)

#: Time between two heartbeats.
PERIOD: Final = timedelta(seconds=5)
#: How long the last heartbeat counts; two may go missing.
TTL: Final = timedelta(seconds=17)
#: How long the list of workers outlives the last of them.
LIST_TTL: Final = timedelta(days=1)

ROOT: Final = "workers1:"
#: Set of the ids of workers; those that are gone have no record any more.
ALL: Final = f"{ROOT}all"


class WorkerState(StrEnum):
    """What a worker is about to do: work, or end."""

    WORKING = "working"
    STOPPING = "stopping"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a worker reports about itself.

    Attributes:
        id: Unique to the process.
        name: Celery's name for it.
        host: Where it runs.
        pid: Its number there.
        started_at: Aware UTC instant.
        lanes: Whose wake-ups it answers.
        version: Of the program.
        profile: Fingerprint of the Celery profile.
        policy: Version of the agents' policy.
        overruled: Settings of the profile that its command line has overruled.
        state: What it is about to do.
        unheard_s: For how long it has left messages waiting that it could have received.
        failing: Its background loops that fail at the moment, each with the class of its error.
        loop_failures: How often each of its loops has failed since it began.
        clock_ahead_s: By how much its machine's clock is ahead of the Redis server's.
    """

    id: str
    name: str
    host: str
    pid: int
    started_at: datetime
    lanes: tuple[str, ...]
    version: str
    profile: str
    policy: str
    overruled: tuple[str, ...] = ()
    state: WorkerState = WorkerState.WORKING
    unheard_s: float = 0
    failing: Mapping[str, str] = field(default_factory=dict)
    loop_failures: Mapping[str, int] = field(default_factory=dict)
    clock_ahead_s: float = 0

    @classmethod
    def of_this_process(
        cls,
        name: str,
        started_at: datetime,
        *,
        version: str,
        profile: str,
        policy: str,
        overruled: tuple[str, ...] = (),
    ) -> "Heartbeat":
        """Return the first heartbeat of the worker that Celery calls *name*."""
        return cls(
            id=uuid4().hex,
            name=name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=started_at,
            lanes=(),
            version=version,
            profile=profile,
            policy=policy,
            overruled=overruled,
        )


class Workers:
    """The workers of the installation."""

    def __init__(self, redis: Redis, *, ttl: timedelta = TTL) -> None:
        self._redis = redis
        self._ttl = ttl

    async def put(self, beat: Heartbeat) -> None:
        """Keep *beat* until the next one, or until it is too old to count.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(f"{ROOT}{beat.id}", _BEAT.dump_json(beat), px=self._ttl)
        pipe.sadd(ALL, beat.id)
        pipe.expire(ALL, LIST_TTL)
        await pipe.execute()

    async def remove(self, beat: Heartbeat) -> None:
        """Forget a worker that ends.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        pipe = self._redis.pipeline(transaction=False)
        pipe.delete(f"{ROOT}{beat.id}")
        pipe.srem(ALL, beat.id)
        await pipe.execute()

    async def alive(self) -> list[Heartbeat]:
        """Return the last heartbeat of each worker that is alive, by name.

        Raises:
            RedisError, OSError: Redis is unavailable.
        """
        ids = await self._ids()
        if not ids:
            return []
        texts = await self._redis.mget([ROOT.encode() + each for each in ids])
        if gone := [each for each, text in zip(ids, texts, strict=True) if text is None]:
            await self._redis.srem(ALL, *gone)
        beats = [_read(text) for text in texts if text is not None]
        known = [beat for beat in beats if beat is not None]
        if len(known) < len(beats):
            log.warning("worker.heartbeat_unreadable", count=len(beats) - len(known))
        return sorted(known, key=lambda beat: (beat.name, beat.id))

    async def _ids(self) -> list[bytes]:
        """Return the ids of all workers; drop a value of another type in the place of their set."""
        try:
            return sorted(cast("set[bytes]", await self._redis.smembers(ALL)))
        except ResponseError as error:
            if refusal_code(error) not in DAMAGE:
                raise
            await self._redis.unlink(ALL)
            return []


_BEAT: Final = TypeAdapter(Heartbeat)


def _read(text: bytes | str) -> Heartbeat | None:
    """Read a record; None if it is none. One of another version may say more, or less."""
    try:
        return _BEAT.validate_json(text)
    except ValidationError:
        return None


class WorkerSelf:
    """Renews the heartbeat of this process. One per event loop; a blocked loop renews none."""

    def __init__(
        self,
        workers: Workers,
        beat: Heartbeat,
        *,
        lanes: Callable[[], frozenset[str]],
        unheard_for: Callable[[], timedelta],
        clock_ahead: Callable[[], timedelta],
        supervisor: Supervisor,
        period: timedelta = PERIOD,
    ) -> None:
        """Keep *beat* in *workers*; the other parts are asked anew for each heartbeat."""
        self._workers = workers
        self._beat = beat
        self._lanes = lanes
        self._unheard_for = unheard_for
        self._clock_ahead = clock_ahead
        self._supervisor = supervisor
        self._period = period
        self._changed = asyncio.Event()

    def become(self, state: WorkerState) -> None:
        """Report a new state, at once and from now on."""
        self._beat = replace(self._beat, state=state)
        self._changed.set()

    @property
    def loop(self) -> Loop:
        """The loop that renews the heartbeat; its work waits, since a change is sent at once."""
        return Loop("heartbeat", self._beat_once, timedelta(0))

    async def _beat_once(self) -> None:
        self._changed.clear()
        await self._renew()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._period.total_seconds()):
                await self._changed.wait()

    async def leave(self) -> None:
        """Remove the heartbeat of a process that ends; where that fails, it lapses."""
        try:
            await self._workers.remove(self._beat)
        except (RedisError, OSError) as error:
            log.warning("worker.not_removed", error=error_class(error))

    async def _renew(self) -> None:
        self._beat = replace(
            self._beat,
            lanes=tuple(sorted(self._lanes())),
            unheard_s=self._unheard_for().total_seconds(),
            clock_ahead_s=self._clock_ahead().total_seconds(),
            failing=self._supervisor.failing,
            loop_failures=self._supervisor.failures,
        )
        await self._workers.put(self._beat)


#: How long something may stand still. Celery connects again well within it after a restart of the
#: broker, and a worker that is merely starved of processor time catches up.
STALL_PATIENCE: Final = timedelta(seconds=60)
#: Exit code of a worker that has ended itself since it was stalled.
EXIT_STALLED: Final = os.EX_TEMPFAIL
#: Time between two checks; shorter where patience is.
LOOK_PERIOD: Final = timedelta(seconds=1)
#: Looks within what patience allows, at least: one alone proves little.
LOOKS: Final = 5


class Stall(StrEnum):
    """What has stopped."""

    CONSUMER = "consumer"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the process has found.

    Attributes:
        passed: Time since the look before.
        turned: The event loop has taken a turn since the look before.
        waiting: Its queues that have messages; None if the broker did not answer.
        received: How many messages the process has ever received.
        has_room: It could work on one more message.
    """

    passed: timedelta
    turned: bool
    waiting: frozenset[str] | None
    received: int
    has_room: bool


class StallClock:
    """Accumulates looks into a stall verdict. Pure."""

    def __init__(self, patience: timedelta, *, most: timedelta) -> None:
        """Allow for *patience*.

        Args:
            patience: How long something may stand still.
            most: What counts between two looks at most: a process that was suspended, or
                starved, was not watching meanwhile, and gets its time to catch up.
        """
        self._patience = patience
        self._most = most
        self._received = 0
        self._still_for = timedelta(0)
        #: The queues in which messages wait that the process could have received.
        self.unheard: frozenset[str] = frozenset()
        #: How long they have waited.
        self.unheard_for = timedelta(0)

    def see(self, look: Look) -> Stall | None:
        """Take *look* into account; return what is stalled by now."""
        passed = min(look.passed, self._most)
        self._still_for = timedelta(0) if look.turned else self._still_for + passed
        self._listen(look, passed)
        if self._still_for >= self._patience:
            return Stall.LOOP
        if self.unheard_for >= self._patience:
            return Stall.CONSUMER
        return None

    def _listen(self, look: Look, passed: timedelta) -> None:
        has_received = look.received != self._received
        self._received = look.received
        if has_received or not look.has_room or not look.waiting:
            self.unheard, self.unheard_for = frozenset(), timedelta(0)
            return
        waited = self.unheard & look.waiting
        # Messages that are seen for the first time have not provably waited.
        self.unheard_for = self.unheard_for + passed if waited else timedelta(0)
        self.unheard = waited or look.waiting


class Watched(Protocol):
    """What the watchdog asks about the process, from its own thread."""

    def pulse(self, answer: Callable[[], None]) -> None:
        """Have the event loop call *answer* when it takes a turn; never waits."""

    def waiting(self) -> frozenset[str] | None:
        """Return which of the process's queues have messages; None without the broker."""

    def received(self) -> int:
        """Return how many messages the process has ever received."""

    def has_room(self) -> bool:
        """Say whether it could work on one more message."""


class Watchdog:
    """Calls *on_stall* once with what is stalled, and with the queues concerned.

    It watches from a thread, because the main thread or the event loop may be what is stalled.
    """

    def __init__(
        self,
        watched: Watched,
        on_stall: Callable[[Stall, frozenset[str]], None],
        *,
        patience: timedelta,
        supervisor: Supervisor,
    ) -> None:
        self._watched = watched
        self._on_stall = on_stall
        self._supervisor = supervisor
        self._period = min(LOOK_PERIOD, patience / LOOKS)
        # A look takes time, too, where the broker is slow to answer.
        self._clock = StallClock(patience, most=2 * self._period)
        self._over = threading.Event()
        self._turned = threading.Event()
        self._turned.set()
        self._looked_at = monotonic()
        self._thread = threading.Thread(target=self._watch, name="emasai-watchdog", daemon=True)

    @property
    def unheard_for(self) -> timedelta:
        """How long messages have waited that the process could have received."""
        return self._clock.unheard_for

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching: a process that is shutting down receives nothing, as it should."""
        self._over.set()

    def _watch(self) -> None:
        self._looked_at = monotonic()
        self._supervisor.run_in_thread("watchdog", self._look, every=self._period, over=self._over)

    def _look(self) -> None:
        """Look once at the process, and end it if it is stalled."""
        waiting: frozenset[str] | None = None
        try:
            waiting = self._watched.waiting()
        finally:
            # A broker that cannot be asked, for whatever reason, does not excuse the event loop.
            stall = self._clock.see(self._take_look(waiting))
            if stall is not None and not self._over.is_set():
                self._over.set()
                self._on_stall(stall, self._clock.unheard)
        if self._turned.is_set():
            self._turned.clear()
            self._watched.pulse(self._turned.set)

    def _take_look(self, waiting: frozenset[str] | None) -> Look:
        before, self._looked_at = self._looked_at, monotonic()
        return Look(
            timedelta(seconds=self._looked_at - before),
            self._turned.is_set(),
            waiting,
            self._watched.received(),
            self._watched.has_room(),
        )

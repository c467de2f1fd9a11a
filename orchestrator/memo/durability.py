"""Confirms that a record is on disk, or on a replica as well, before anything is paid on its word.

`WAITAOF` answers for all that its server has logged before a write of the same connection.
So one request confirms every record that it sees: the records are read, a barrier is written, and
that is waited for. A record that was read there lies before it in the log, whichever
connection has written it; one that is missing lies on a server that is not the primary any more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from time import monotonic, time
from typing import Final, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from orchestrator.memo.errors import LeaseLost, NotDurable
from orchestrator.memo.keys import BARRIER, RECORDED, Keys, listed

#: How long a server has. With `appendfsync everysec` a second passes between two writes to
#: the disk, and another one until a replica says that it has done so.
CONFIRMED_WITHIN: Final = timedelta(seconds=2.5)
#: Seconds after which a replica that has not confirmed is asked again.
ASK_AGAIN_S: Final = 0.02
#: Seconds between two requests while one is under way: ten connections wait at most.
GAP_S: Final = 0.25


class Durability(StrEnum):
    """Where a record must be before anything is paid on its word."""

    NONE = "none"
    DISK = "disk"
    REPLICA = "replica"

    @property
    def patience(self) -> timedelta:
        """How long a record may take to be there."""
        return timedelta(0) if self is Durability.NONE else CONFIRMED_WITHIN


@dataclass(frozen=True, slots=True)
class _Wanted:
    keys: Keys
    token: str
    answer: asyncio.Future[None]


class Confirmations:
    """Confirms the records of one process, together. Belongs to one event loop."""

    def __init__(self, redis: Redis, durability: Durability, record_ttl: timedelta) -> None:
        self._redis = redis
        self._durability = durability
        self._record_ttl = record_ttl
        self._waiting: list[_Wanted] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None

    async def confirm(self, keys: Keys, token: str) -> None:
        """Return once the record that *token* has written is where it must be.

        Raises:
            LeaseLost: The primary does not have it (any more).
            NotDurable: It is not there in time, or the server cannot tell.
            RedisError, OSError: Redis is unavailable.
        """
        loop = asyncio.get_running_loop()
        wanted = _Wanted(keys, token, loop.create_future())
        self._waiting.append(wanted)
        if len(self._waiting) == 1:
            task = loop.create_task(self._ask(self._latest), name="memo-confirmation")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await wanted.answer

    async def _ask(self, earlier: asyncio.Task[None] | None) -> None:
        """Ask for all who wait, once the *earlier* request is answered or old enough.

        Whoever comes while a request is under way may have to wait for the disk's next turn;
        to wait for the end of the one under way first would double that.
        """
        if earlier is not None:
            await asyncio.wait([earlier], timeout=GAP_S)
        self._latest = asyncio.current_task()
        batch, self._waiting = self._waiting, []
        try:
            records = await read_durable(
                self._redis,
                [wanted.keys.record for wanted in batch],
                self._durability,
                members=[listed(wanted.keys.entry, wanted.token) for wanted in batch],
                record_ttl=self._record_ttl,
            )
        except Exception as error:  # noqa: BLE001 - handed to everybody who waits
            for wanted in batch:
                _answer(wanted, error)
        else:
            for wanted, record in zip(batch, records, strict=True):
                lost = None if is_of(wanted.token, record) else LeaseLost(wanted.keys.entry)
                _answer(wanted, lost)


async def read_durable(
    redis: Redis,
    records: Sequence[str],
    durability: Durability,
    *,
    members: Sequence[str] = (),
    record_ttl: timedelta = timedelta(0),
) -> list[bytes | None]:
    """Return what the keys *records* hold, once that is where *durability* wants it.

    Their *members* of `RECORDED` are with them, for *record_ttl* from now on, also where that list
    was written to another primary.

    Raises:
        NotDurable: It is not there in time, or the server cannot tell.
        RedisError, OSError: Redis is unavailable.
    """
    async with redis.pipeline() as connection:
        # The client reconnects by itself, but not while it watches: on a new connection, where
        # nothing was written yet, WAITAOF would confirm at once.
        await connection.watch(BARRIER)
        if members:
            await connection.zadd(RECORDED, dict.fromkeys(members, time() * 1000), nx=True)
            await connection.pexpire(RECORDED, record_ttl)
        found = await connection.mget(records)
        await connection.set(BARRIER, b"", px=CONFIRMED_WITHIN)
        try:
            await _wait(connection, replicas=int(durability is Durability.REPLICA))
        except ResponseError as refused:
            reason = f"Redis cannot say whether it is on disk ({refused})"
            raise NotDurable("confirm", reason) from refused
    return cast("list[bytes | None]", found)


async def _wait(connection: Pipeline, *, replicas: int) -> None:
    """Return once what *connection* has written is on disk, and on that of so many *replicas*.

    A replica that has it, and has not written it to its disk when it is asked, tells so by itself
    after up to a second; asked again, at once.
    """
    within_s = CONFIRMED_WITHIN.total_seconds()
    until = monotonic() + within_s
    ask_for_s = ASK_AGAIN_S if replicas else within_s
    while True:
        on_disk, on_replicas = await connection.waitaof(1, replicas, round(ask_for_s * 1000))
        if on_disk and on_replicas >= replicas:
            return
        if monotonic() >= until:
            who = "no replica had" if on_disk else "Redis did not have"
            raise NotDurable("confirm", f"{who} it on disk within {within_s:g} s")


def is_of(token: str, record: bytes | None) -> bool:
    """Say whether *record* is there, and written by *token*."""
    return record is not None and token.encode() in record


def _answer(wanted: _Wanted, error: Exception | None) -> None:
    if wanted.answer.done():  # its caller has gone
        return
    if error is None:
        wanted.answer.set_result(None)
    else:
        wanted.answer.set_exception(error)

"""Confirms that a note is on disk, or on a replica as well, before anything is paid on its word.

`WAITAOF` answers for all that its server has logged before a write of the same connection.
So one request confirms every note that it sees: the notes are read, something is written,
and that is waited for. A note that was read there lies before it in the log, whichever
connection has written it; one that is missing lies on a server that is not the primary any more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from time import time
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.memo.errors import LeaseLost, NotDurable
from orchestrator.memo.keys import BARRIER, NOTED, Keys, listed

#: How long a server has. With `appendfsync everysec` a second passes between two writes to
#: the disk, and another one until a replica says that it has done so.
CONFIRMED_WITHIN: Final = timedelta(seconds=2.5)
#: Seconds between two requests while one is under way: ten connections wait at most.
GAP_S: Final = 0.25


class Durability(StrEnum):
    """Where a note must be before anything is paid on its word."""

    NONE = "none"
    DISK = "disk"
    REPLICA = "replica"

    @property
    def patience(self) -> timedelta:
        """How long a note may take to be there."""
        return timedelta(0) if self is Durability.NONE else CONFIRMED_WITHIN


@dataclass(frozen=True, slots=True)
class _Wanted:
    keys: Keys
    token: str
    answer: asyncio.Future[None]


class Confirmations:
    """Confirms the notes of one process, together. Belongs to one event loop."""

    def __init__(self, redis: Redis, durability: Durability, note_ttl: timedelta) -> None:
        self._redis = redis
        self._durability = durability
        self._note_ttl = note_ttl
        self._waiting: list[_Wanted] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None

    async def confirm(self, keys: Keys, token: str) -> None:
        """Return once the note that *token* has written is where it must be.

        Raises:
            LeaseLost: The primary does not have it (any more).
            NotDurable: It is not there in time, or the server cannot tell.
            RedisError, OSError: Redis is away.
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
            notes = await read_durable(
                self._redis,
                [wanted.keys.note for wanted in batch],
                self._durability,
                members=[listed(wanted.keys.entry, wanted.token) for wanted in batch],
                note_ttl=self._note_ttl,
            )
        except Exception as error:  # noqa: BLE001 - handed to everybody who waits
            for wanted in batch:
                _answer(wanted, error)
        else:
            for wanted, note in zip(batch, notes, strict=True):
                lost = None if is_of(wanted.token, note) else LeaseLost(wanted.keys.entry)
                _answer(wanted, lost)


async def read_durable(
    redis: Redis,
    notes: Sequence[str],
    durability: Durability,
    *,
    members: Sequence[str] = (),
    note_ttl: timedelta = timedelta(0),
) -> list[bytes | None]:
    """Return what the keys *notes* hold, once that is where *durability* wants it.

    Their *members* of `NOTED` are with them, for *note_ttl* from now on, also where that list was
    written to another primary.

    Raises:
        NotDurable: It is not there in time, or the server cannot tell.
        RedisError, OSError: Redis is away.
    """
    replicas = int(durability is Durability.REPLICA)
    within_ms = CONFIRMED_WITHIN // timedelta(milliseconds=1)
    async with redis.pipeline(transaction=False) as together:
        together.mget(notes)
        if members:
            together.zadd(NOTED, dict.fromkeys(members, time() * 1000), nx=True)
            together.pexpire(NOTED, note_ttl)
        together.set(BARRIER, b"", px=within_ms)
        together.waitaof(1, replicas, within_ms)
        found, *written, confirmed = await together.execute(raise_on_error=False)
    for reply in (found, *written):
        if isinstance(reply, Exception):
            raise reply
    if isinstance(confirmed, ResponseError):
        raise NotDurable("confirm", f"Redis cannot say whether it is on disk ({confirmed})")
    on_disk, on_replicas = confirmed
    if not on_disk:
        raise NotDurable("confirm", f"Redis had it on no disk within {within_ms / 1000:g} s")
    if on_replicas < replicas:
        raise NotDurable("confirm", f"no replica had it on disk within {within_ms / 1000:g} s")
    return cast("list[bytes | None]", found)


def is_of(token: str, note: bytes | None) -> bool:
    """Say whether *note* is there, and written by *token*."""
    return note is not None and token.encode() in note


def _answer(wanted: _Wanted, error: Exception | None) -> None:
    if wanted.answer.done():  # its caller has gone
        return
    if error is None:
        wanted.answer.set_result(None)
    else:
        wanted.answer.set_exception(error)

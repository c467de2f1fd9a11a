"""Transactions that change cached rows: the writer's side of the fence, and its repair.

1. The keys are closed. 2. The rows change, and an outbox row that names the keys is written in the
same transaction. 3. The keys are opened. 4. The outbox row is removed, and the write is
acknowledged. A writer that dies in between leaves the outbox row, and `Repairs` does step 3.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final, Generic, TypeVar
from uuid import uuid4

import structlog
from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import DatabaseUnavailable, free_rows, reading, writing
from orchestrator.database.schema import cache_outbox
from orchestrator.fence import CLOSED_FOR, Fence
from orchestrator.infra.background import Loop
from orchestrator.infra.batching import Batcher
from orchestrator.infra.clock import Clock
from orchestrator.infra.logs import error_class
from orchestrator.infra.redis_client import StoreUnavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
#: How long a writer has for its last step before others do it.
GRACE: Final = timedelta(seconds=5)
#: Pause between two looks for writes that were not completed.
PERIOD: Final = timedelta(seconds=2)
#: Writes that are repaired together.
AT_ONCE: Final = 500

#: Changes rows; returns a result, and the new version of each changed key.
Work = Callable[[AsyncConnection], Awaitable[tuple[T, Mapping[str, int]]]]


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """What a committed write returned. `deferred`: cached copies may still be the older ones.

    They are until Redis answers and a worker has repaired them, and no longer than their TTL.
    """

    result: T
    deferred: bool


class FencedWrites:
    """Runs transactions so that no cached copy outlives what they change."""

    def __init__(self, engine: AsyncEngine, fence: Fence, clock: Clock) -> None:
        self._engine = engine
        self._fence = fence
        self._clock = clock
        self._remover = Batcher(self._remove, shared=DatabaseUnavailable)

    async def run(self, operation: str, keys: Sequence[str], work: Work[T]) -> Written[T]:
        """Run *work* in a transaction that writes, with *keys* closed around it.

        Args:
            operation: Completes "could not ...".
            keys: All that *work* may change.
            work: Changes rows; an error of its own undoes them.

        Atomic: When this returns undeferred, no later read of a cached copy returns an older
            version than the committed one.

        Raises:
            DatabaseUnavailable: It may have been committed or not; the keys stay closed until
                that is settled.
        """
        token, began = uuid4().hex, monotonic()
        await self._fence.close(keys, token)
        try:
            async with writing(self._engine, operation) as connection:
                result, versions = await work(connection)
                if versions:
                    await connection.execute(
                        insert(cache_outbox).values(self._row(token, versions))
                    )
                self._check_still_closed(operation, monotonic() - began)
        except (DatabaseUnavailable, asyncio.CancelledError):
            raise
        except Exception:
            await self._fence.open(dict.fromkeys(keys, 0), token)
            raise
        opened = await self._fence.open({**dict.fromkeys(keys, 0), **versions}, token)
        if opened and versions:
            await self._remove_row(token)
        return Written(result, deferred=bool(versions) and not opened)

    def _check_still_closed(self, operation: str, seconds: float) -> None:
        """Undo a write whose process stood still for so long that its keys may be open again."""
        if seconds > CLOSED_FOR.total_seconds() / 2:
            raise DatabaseUnavailable(operation)

    def _row(self, token: str, versions: Mapping[str, int]) -> dict[str, object]:
        return {"token": token, "versions": dict(versions), "due_at": self._clock() + GRACE}

    async def _remove_row(self, token: str) -> None:
        try:
            await self._remover.submit(token)
        except DatabaseUnavailable as error:
            # The repair will open the keys once more, which only costs a miss.
            log.info("fence.row_left", error=error_class(error))

    async def _remove(self, tokens: Sequence[str]) -> Sequence[None]:
        async with writing(self._engine, "complete writes") as connection:
            await connection.execute(delete(cache_outbox).where(cache_outbox.c.token.in_(tokens)))
        return [None] * len(tokens)


class Repairs:
    """Opens the keys of writes that were committed and never completed."""

    def __init__(self, engine: AsyncEngine, fence: Fence, clock: Clock) -> None:
        self._engine = engine
        self._fence = fence
        self._clock = clock

    @property
    def loop(self) -> Loop:
        """The loop that every worker and every API process runs."""

        async def work() -> bool:
            return await self.repair() == AT_ONCE

        return Loop("cache repair", work, PERIOD)

    async def repair(self) -> int:
        """Complete what is due, up to `AT_ONCE`; return how many writes that were.

        Idempotent: Several processes share the work; one that dies leaves its part to the others.

        Raises:
            StoreUnavailable: Redis does not answer; the writes stay due.
            DatabaseUnavailable: The database does not answer.
        """
        repaired = 0
        for token, versions in await self._claim():
            if not await self._fence.open(versions, token):
                raise StoreUnavailable("repair cached rows")
            async with writing(self._engine, "complete writes") as connection:
                await connection.execute(delete(cache_outbox).where(cache_outbox.c.token == token))
            log.info("fence.repaired", keys=len(versions))
            repaired += 1
        return repaired

    async def _claim(self) -> list[tuple[str, dict[str, int]]]:
        """Return what is due, and let others leave it alone until `GRACE` is over again."""
        now = self._clock()
        is_due = cache_outbox.c.due_at <= now
        async with reading(self._engine, "look for uncompleted writes") as connection:
            # An idle process must not take SQLite's write lock every two seconds.
            if not await connection.scalar(select(exists().where(is_due))):
                return []
        due = free_rows(cache_outbox.c.token, is_due, cache_outbox.c.due_at, AT_ONCE)
        claiming = (
            update(cache_outbox)
            .where(cache_outbox.c.token.in_(due), is_due)
            .values(due_at=now + GRACE)
            .returning(cache_outbox.c.token, cache_outbox.c.versions)
        )
        async with writing(self._engine, "claim uncompleted writes") as connection:
            rows = (await connection.execute(claiming)).all()
        return [(token, versions) for token, versions in rows]

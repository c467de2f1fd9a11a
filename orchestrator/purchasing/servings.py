"""How often what was bought has served since, and what that saved.

Statistics beside the ledger, which never changes: a lookup adds to a buffer in memory and
waits for nothing; seconds later all of it is written in one transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import DatabaseUnavailable, reading, writing
from orchestrator.database.schema import servings
from orchestrator.database.statements import in_chunks, insert_into
from orchestrator.infra.counters import FLUSH_AFTER, LateCounts

log = structlog.get_logger(__name__)

#: Purchases that one statement asks for, well below what SQLite takes as parameters.
_MOST = 500


@dataclass(frozen=True, slots=True)
class Serving:
    """How many lookups one purchase has answered by one way (`hit`, `coalesced`, ...)."""

    purchase_id: str
    source: str
    served: int
    saved_micros: int


#: Purchase, way, price. A plain tuple: it is hashed on every lookup.
Served = tuple[str, str, int]


class Servings:
    """Counts servings. One per event loop; `aclose` it before its engine is disposed of."""

    def __init__(self, engine: AsyncEngine, *, flush_after: timedelta = FLUSH_AFTER) -> None:
        """Keep them in the migrated database of *engine*."""
        self._engine = engine
        self._counts: LateCounts[Served] = LateCounts(
            self._write,
            event="servings.not_written",
            expected=(DatabaseUnavailable, TimeoutError),
            flush_after=flush_after,
        )

    def add(self, purchase_id: str, source: str, price_micros: int, n: int = 1) -> None:
        """Count *n* lookups that *purchase_id* has answered, at what each would have paid itself.

        Does no I/O; needs the running loop.
        """
        self._counts.add((purchase_id, source, price_micros), n)

    async def add_all(self, served: Counter[Served]) -> None:
        """Count many lookups, and write them now; like all of these counts they may get lost."""
        if not served:
            return
        try:
            await self._write(served)
        except DatabaseUnavailable as error:
            log.warning("servings.not_written", error=type(error).__name__)

    async def of(self, purchase_ids: Sequence[str]) -> list[Serving]:
        """Return what the fleet has written about *purchase_ids*, seconds late.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        columns = [servings.c[name] for name in Serving.__dataclass_fields__]
        statement = select(*columns).order_by(servings.c.purchase_id, servings.c.source)
        found: list[Serving] = []
        async with reading(self._engine, "read the servings") as connection:
            for chunk in in_chunks(purchase_ids, _MOST):
                wanted = servings.c.purchase_id.in_(chunk)
                rows = await connection.execute(statement.where(wanted))
                found += [Serving(*row) for row in rows]
        return found

    async def aclose(self) -> None:
        """Write what is buffered, in bounded time."""
        await self._counts.aclose()

    async def _write(self, pending: Counter[Served]) -> None:
        served: Counter[tuple[str, str]] = Counter()
        saved: Counter[tuple[str, str]] = Counter()
        for (purchase_id, source, price_micros), n in pending.items():
            served[purchase_id, source] += n
            saved[purchase_id, source] += n * price_micros
        names = [column.name for column in servings.columns]
        # In the order of the key, so that processes cannot deadlock.
        rows = [
            dict(zip(names, (*key, served[key], saved[key]), strict=True)) for key in sorted(served)
        ]
        async with writing(self._engine, "count servings") as connection:
            new = insert_into(servings, connection)
            statement = new.on_conflict_do_update(
                index_elements=["purchase_id", "source"],
                set_={
                    "served": servings.c.served + new.excluded.served,
                    "saved_micros": servings.c.saved_micros + new.excluded.saved_micros,
                },
            )
            await connection.execute(statement, rows)

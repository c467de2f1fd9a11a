"""The ledger: every settled purchase, once, with what it has brought for the evidence archive.

Append-only (the database refuses changes) and idempotent, by purchase id and by run id. What may be
spent is decided by the budget; what is not settled yet is in the intent log.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, func, literal, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import (
    DatabaseUnavailable,
    first_occurrences,
    insert_new,
    reading,
    writing,
)
from orchestrator.database.schema import (
    UNCERTAIN,
    PurchaseOutcome,
    evidence,
    purchases,
    resolutions,
    settled,
)
from orchestrator.infra.batching import Batcher
from orchestrator.infra.clock import Clock
from orchestrator.purchasing.budget import OpeningBalance, Scope, scope_of
from orchestrator.purchasing.outcome import JsonObject

#: How long ago a purchase may have been entered whose settlement has not reached the budget
#: yet: far longer than one takes, even past a Redis that has to be asked again.
UNSETTLED: Final = timedelta(minutes=10)
#: How zlib's output begins at every level, and JSON of an object never does.
_COMPRESSED: Final = b"\x78"


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """What entering a purchase came to.

    `is_new`: the ledger did not know it. `was_micros`: it was entered as uncertain, at this cost,
    and has been resolved now.
    """

    is_new: bool
    was_micros: int | None = None


class LedgerEntry(BaseModel):
    """One settled purchase.

    `estimated`: the seller did not name its price. `run_id` is the seller's own id, where it gives
    one. `refresh`: a schedule asked for it.
    """

    model_config = ConfigDict(frozen=True)

    purchase_id: str
    company_key: str
    company: str
    job_id: str | None
    tenant: str
    source: str
    protocol: str
    started_at: AwareDatetime
    settled_at: AwareDatetime
    cost_micros: Annotated[int, Field(ge=0, lt=2**63)]
    estimated: bool
    outcome: PurchaseOutcome
    run_id: str | None = None
    refresh: bool = False

    @property
    def is_uncertain(self) -> bool:
        """Whether its cost may be on the seller's bill or not: see `Cost`."""
        is_unnamed = self.outcome is PurchaseOutcome.FAILED and self.estimated
        return is_unnamed or self.outcome in UNCERTAIN


class Ledger:
    """Stores settled purchases. One instance belongs to one event loop.

    Every method raises DatabaseUnavailable when the database does not answer; repeating it is safe.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock
        self._settler = Batcher(self._settle_all, shared=DatabaseUnavailable)
        self._lookups = Batcher(self._has_all, shared=DatabaseUnavailable)

    async def settle(self, purchase: LedgerEntry, answer: JsonObject | None = None) -> LedgerChange:
        """Enter *purchase*. Concurrent calls share a transaction.

        Args:
            purchase: What was bought.
            answer: What it has brought, for the evidence archive, in the same transaction.

        Idempotent: A purchase id that is there already changes nothing, whatever the rest says,
        unless it is there as uncertain and is known by now: then it is resolved, once. A run id
        that is there changes nothing either, even under another purchase id: SurfSense charges a
        run once.
        """
        packed = None if answer is None else pack(answer)
        return await self._settler.submit(_Settling(purchase, packed))

    async def has(self, purchase_id: str) -> bool:
        """Return whether that purchase is entered, under its own id. Concurrent calls share a read.

        Every refused purchase asks, and a seller that is down refuses hundreds at once.
        """
        return await self._lookups.submit(purchase_id)

    async def opening_balance(self, account: str) -> OpeningBalance:
        """Return what the budget's *account* is opened with.

        One statement, so that the sum and the recent purchases are of the same instant.
        """
        ours = _counts_in(account)
        recent = and_(ours, settled.c.recorded_at >= self._clock() - UNSETTLED)
        total = select(literal(""), func.coalesce(func.sum(settled.c.cost_micros), 0))
        statement = union_all(
            total.where(ours), select(settled.c.purchase_id, literal(0)).where(recent)
        )
        async with reading(self._engine, "read the ledger") as connection:
            found = {name: int(micros) for name, micros in await connection.execute(statement)}
        return OpeningBalance(found.pop(""), tuple(found))

    async def purchases_of(self, company_key: str) -> list[LedgerEntry]:
        """Return what was bought about a company, the latest last."""
        statement = (
            select(settled)
            .where(settled.c.company_key == company_key)
            .order_by(settled.c.settled_at, settled.c.purchase_id)
        )
        async with reading(self._engine, "read the ledger") as connection:
            rows = (await connection.execute(statement)).mappings()
            names = LedgerEntry.model_fields
            return [LedgerEntry.model_validate({n: row[n] for n in names}) for row in rows]

    async def latest_of(self, company_keys: Collection[str], limit: int) -> list[LedgerEntry]:
        """Return the *limit* latest purchases about companies, the latest first."""
        statement = (
            select(settled)
            .where(settled.c.company_key.in_(company_keys))
            .order_by(settled.c.settled_at.desc(), settled.c.purchase_id.desc())
            .limit(limit)
        )
        async with reading(self._engine, "read the ledger") as connection:
            rows = (await connection.execute(statement)).mappings()
            return [LedgerEntry.model_validate(dict(row)) for row in rows]

    async def _has_all(self, purchase_ids: Sequence[str]) -> list[bool]:
        async with reading(self._engine, "read the ledger") as connection:
            known = await _find_entered(connection, set(purchase_ids))
        return [purchase_id in known for purchase_id in purchase_ids]

    async def _settle_all(self, batch: Sequence["_Settling"]) -> list[LedgerChange]:
        now = self._clock()
        ids = [settling.purchase.purchase_id for settling in batch]
        rows = {
            s.purchase.purchase_id: {
                **s.purchase.model_dump(mode="python"),
                "settled_day": s.purchase.settled_at.astimezone(UTC).date(),
                "recorded_at": now,
            }
            for s in reversed(batch)
        }
        answers = {
            s.purchase.purchase_id: s.packed for s in reversed(batch) if s.packed is not None
        }
        async with writing(self._engine, "settle purchases") as connection:
            # One order by both unique columns: purchases of one run meet there, whatever their ids.
            in_order = sorted(
                rows.values(), key=lambda row: (row["run_id"] or "", row["purchase_id"])
            )
            new = await insert_new(connection, purchases.c.purchase_id, in_order)
            known = rows.keys() - new
            entered = new | await _find_entered(connection, known) if known else new
            # An answer may come in the same moment in which its purchase is called uncertain.
            again = (entered - new) | {each for each, times in Counter(ids).items() if times > 1}
            late = [s.purchase for s in batch if s.purchase.purchase_id in again]
            resolved = await _resolve(connection, late, now) if late else {}
            # In the transaction that enters their purchases; one that is there stays as it is.
            kept = [
                {"purchase_id": purchase_id, "body": answers[purchase_id], "archived_at": now}
                for purchase_id in sorted(answers.keys() & entered)
            ]
            await insert_new(connection, evidence.c.purchase_id, kept)
        return [
            LedgerChange(is_new, None if is_new else resolved.get(purchase_id))
            for purchase_id, is_new in zip(ids, first_occurrences(ids, new), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Settling:
    """A purchase with the stored form of what it has brought, if anything."""

    purchase: LedgerEntry
    packed: bytes | None


def pack(answer: JsonObject) -> bytes:
    """Return the stored form of *answer*: JSON, compressed where that makes it smaller.

    Of answers as the sandbox gives them (2.2 KB) a third is left; packing costs 0.1 ms.
    """
    plain = orjson.dumps(answer)
    packed = zlib.compress(plain)
    return packed if len(packed) < len(plain) else plain


def unpack(body: bytes) -> JsonObject:
    """Return the answer that `pack` made *body* from."""
    plain = zlib.decompress(body) if body.startswith(_COMPRESSED) else body
    answer: JsonObject = orjson.loads(plain)
    return answer


async def _find_entered(connection: AsyncConnection, purchase_ids: Collection[str]) -> set[str]:
    """Return which of *purchase_ids*, a batch at most, are there under their own ids."""
    ids = purchases.c.purchase_id
    return set((await connection.scalars(select(ids).where(ids.in_(purchase_ids)))).all())


async def _resolve(
    connection: AsyncConnection, late: Sequence[LedgerEntry], now: datetime
) -> dict[str, int]:
    """Resolve those of *late* that are entered as uncertain and known by now.

    Returns:
        What was entered for each of them, by purchase id.
    """
    known = {each.purchase_id: each for each in late if each.outcome not in UNCERTAIN}
    if not known:
        return {}
    uncertain = (
        select(purchases.c.purchase_id, purchases.c.cost_micros)
        .where(purchases.c.purchase_id.in_(known))
        .where(purchases.c.outcome.in_([outcome.value for outcome in UNCERTAIN]))
    )
    was = {str(id_): int(micros) for id_, micros in await connection.execute(uncertain)}
    resolving = [
        {
            "purchase_id": purchase_id,
            "outcome": known[purchase_id].outcome.value,
            "cost_micros": known[purchase_id].cost_micros,
            "estimated": known[purchase_id].estimated,
            "resolved_at": now,
        }
        for purchase_id in sorted(was)
    ]
    new = await insert_new(connection, resolutions.c.purchase_id, resolving)
    return {purchase_id: was[purchase_id] for purchase_id in new}


def _counts_in(account: str) -> ColumnElement[bool]:
    scope, subject = scope_of(account)
    match scope:
        case Scope.RUN:
            return settled.c.job_id == subject
        case Scope.TENANT:
            return settled.c.tenant == subject
        case Scope.DAY:
            return _begun_on(date.fromisoformat(subject))
        case Scope.REFRESH:
            return and_(_begun_on(date.fromisoformat(subject)), settled.c.refresh)
        case Scope.GLOBAL:
            return true()


def _begun_on(day: date) -> ColumnElement[bool]:
    # A purchase counts where it was begun; it cannot have been settled before.
    begin = datetime.combine(day, time.min, UTC)
    return and_(
        settled.c.settled_day >= day,
        settled.c.started_at >= begin,
        settled.c.started_at < begin + timedelta(days=1),
    )

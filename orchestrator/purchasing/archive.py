"""Reads what purchases have brought: by purchase, or the latest about a company.

An answer is written with its purchase's entry in the ledger, which may come seconds after
the answer itself was served; and it is kept for a while, not for ever. So any of them may be
missing, and callers say what they do then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.database import reading, writing
from orchestrator.database.schema import evidence, settled
from orchestrator.database.statements import in_chunks

from .packing import unpack

#: Answers of one statement: far below what SQLite takes as parameters, and a few MB at most.
CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """What one purchase has brought.

    `outcome` is the ledger's word (`found`, `not_found`, `ambiguous`), `payload` what the memo
    had kept of it; `as_of` the aware UTC instant that dates it.
    """

    purchase_id: str
    company_key: str
    outcome: str
    as_of: datetime
    payload: Mapping[str, Any]


class EvidenceArchive:
    """What was bought, by purchase id. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Read the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine

    async def of(self, purchase_ids: Collection[str]) -> dict[str, ArchivedAnswer]:
        """Return the answers of *purchase_ids*; what is not kept (any more) is left out."""
        chunks = (
            _answers().where(evidence.c.purchase_id.in_(chunk)) for chunk in _distinct(purchase_ids)
        )
        return {answer.purchase_id: answer for answer in await self._read(chunks)}

    async def latest(self, company_keys: Collection[str]) -> dict[str, ArchivedAnswer]:
        """Return the newest answer that is kept of each of *company_keys*, whatever it says."""
        chunks = (_newest(chunk) for chunk in _distinct(company_keys))
        return {answer.company_key: answer for answer in await self._read(chunks)}

    async def prune(self, before: datetime, *, limit: int = CHUNK) -> int:
        """Drop up to *limit* of the answers that were stored before *before*, oldest first.

        Returns:
            How many were dropped; fewer than *limit* say that none is left.
        """
        oldest = (
            select(evidence.c.purchase_id)
            .where(evidence.c.archived_at < before)
            .order_by(evidence.c.archived_at)
            .limit(limit)
        )
        async with writing(self._engine, "prune the evidence archive") as connection:
            statement = delete(evidence).where(evidence.c.purchase_id.in_(oldest))
            return (await connection.execute(statement)).rowcount

    async def _read(self, statements: Iterable[Select[Any]]) -> list[ArchivedAnswer]:
        async with reading(self._engine, "read the evidence archive") as connection:
            results = [await connection.execute(statement) for statement in statements]
            return [_answer(row) for result in results for row in result.mappings()]


def _answers() -> Select[Any]:
    bought = settled.c
    columns = (bought.purchase_id, bought.company_key, bought.outcome, bought.started_at)
    joined = evidence.join(settled, bought.purchase_id == evidence.c.purchase_id)
    return select(*columns, evidence.c.body).select_from(joined)


def _newest(company_keys: Sequence[str]) -> Select[Any]:
    newest_first = (settled.c.started_at.desc(), settled.c.purchase_id)
    rank = func.row_number().over(partition_by=settled.c.company_key, order_by=newest_first)
    # Ranked before the bodies are read: of a company that was bought often, one is.
    ranked = (
        select(evidence.c.purchase_id, rank.label("rank"))
        .join(settled, settled.c.purchase_id == evidence.c.purchase_id)
        .where(settled.c.company_key.in_(company_keys))
        .subquery()
    )
    newest = select(ranked.c.purchase_id).where(ranked.c.rank == 1)
    return _answers().where(evidence.c.purchase_id.in_(newest))


def _answer(row: RowMapping) -> ArchivedAnswer:
    return ArchivedAnswer(
        purchase_id=row["purchase_id"],
        company_key=row["company_key"],
        outcome=row["outcome"],
        as_of=row["started_at"],
        payload=unpack(row["body"]),
    )


def _distinct(ids: Collection[str]) -> Iterator[Sequence[str]]:
    return in_chunks(list(dict.fromkeys(ids)), CHUNK)

"""The decisions of people about companies: entered for ever, in order, never changed."""

from typing import Any

from sqlalchemy import RowMapping, insert, select, union
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.database import reading, writing
from orchestrator.database.schema import (
    decisions,
    identity_claims,
    identity_decisions,
    purchases,
)
from orchestrator.identity.decisions import (
    DecisionKind,
    IdentityDecision,
    NewDecision,
    check,
    in_force,
)
from orchestrator.identity.index_lock import take_turn
from orchestrator.infra.clock import Clock


class IdentityDecisions:
    """Keeps decisions. Every method raises DatabaseUnavailable when the database is away."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        """Keep them in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock

    async def enter(self, new: NewDecision) -> IdentityDecision:
        """Enter *new*, with the next number.

        Atomic: It is checked against all that was entered before; nothing comes between.

        Raises:
            BadDecision: It contradicts itself or an earlier one; nothing was entered.
        """
        async with writing(self._engine, "enter a decision") as connection:
            await take_turn(connection)
            past = await read_decisions(connection)
            check(new, in_force(past), {each.number: each for each in past})
            entered = IdentityDecision(
                number=past[-1].number + 1 if past else 1,
                kind=new.kind,
                subject=new.subject,
                target=new.target,
                by=new.by,
                why=new.why,
                decided_at=self._clock(),
            )
            await connection.execute(insert(identity_decisions).values(**_row(entered)))
        return entered

    async def check(self, new: NewDecision) -> None:
        """Let *new* pass if it could be entered right now; `enter` has the last word.

        Raises:
            BadDecision: It contradicts itself or an earlier one.
        """
        past = await self.all()
        check(new, in_force(past), {each.number: each for each in past})

    async def all(self) -> list[IdentityDecision]:
        """Return every decision, the first one first."""
        async with reading(self._engine, "read the decisions") as connection:
            return await read_decisions(connection)

    async def is_known(self, company_key: str) -> bool:
        """Say whether anything was ever bought, judged, claimed or decided under a key."""
        places = (
            select(purchases.c.company_key).where(purchases.c.company_key == company_key),
            select(decisions.c.company_key).where(decisions.c.company_key == company_key),
            select(identity_claims.c.company_key).where(
                identity_claims.c.company_key == company_key
            ),
            select(identity_decisions.c.target).where(identity_decisions.c.target == company_key),
        )
        async with reading(self._engine, "look a company up") as connection:
            return (await connection.execute(union(*places).limit(1))).first() is not None


async def read_decisions(connection: AsyncConnection) -> list[IdentityDecision]:
    """Return every decision, in order."""
    rows = await connection.execute(
        select(identity_decisions).order_by(identity_decisions.c.number)
    )
    return [_decision(row) for row in rows.mappings()]


def _decision(row: RowMapping) -> IdentityDecision:
    return IdentityDecision(
        number=row["number"],
        kind=DecisionKind(row["kind"]),
        subject=row["subject"],
        target=row["target"],
        by=row["decided_by"],
        why=row["why"],
        decided_at=row["decided_at"],
    )


def _row(decision: IdentityDecision) -> dict[str, Any]:
    return {
        "number": decision.number,
        "kind": decision.kind.value,
        "subject": decision.subject,
        "target": decision.target,
        "decided_by": decision.by,
        "why": decision.why,
        "decided_at": decision.decided_at,
    }

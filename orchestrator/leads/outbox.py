"""The outbox: events for the sales agent, and which hand-overs are pending, delivered or dead.

Any number of workers may claim; each row is one worker's until its claim lapses. A claim
moves the row's due instant ahead, so a worker that dies leaves nothing to clean up.
The event that is sent is documented in docs/operations.md.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

import orjson
from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Decision, OpportunityDraft
from orchestrator.database import reading, writing
from orchestrator.database.schema import handovers
from orchestrator.infra.clock import Clock

from .models import Judgement, opportunity_id

#: After this long without a word from the worker that claimed a row, another may claim it.
CLAIM: Final = timedelta(minutes=1)
#: Deliveries tried before it is given up: about half a day.
MOST_ATTEMPTS: Final = 20

#: Namespace of event ids. It never changes, or receivers could not recognise repeats.
_EVENTS: Final = UUID("0d5a64a1-6f0c-5a3a-8a7b-6b3c8a0f7f21")
#: The part of a finding that the event has. Its other values may be contact details.
_FINDING: Final = ("name", "points", "trust", "is_stale", "sources")


class HandOverState(StrEnum):
    """Where a hand-over is. `dead`: given up, with a reason, until a retry is asked for."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class HandOver:
    """One row without its body."""

    event_id: UUID
    opportunity_id: UUID
    state: HandOverState
    attempts: int
    due_at: datetime
    reason: str | None
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The body to send, and the token under which a failure is reported."""

    event_id: UUID
    body: str
    attempts: int
    token: str


def event_id(lead_id: UUID) -> UUID:
    """Return the id of the event about a lead's opportunity: one lead, one event."""
    return uuid5(_EVENTS, str(opportunity_id(lead_id)))


def hand_over_row(
    judgement: Judgement, decision: Decision, draft: OpportunityDraft, now: datetime
) -> dict[str, Any]:
    """Return the row for the opportunity that *judgement* creates by the *draft* of *decision*."""
    event = {
        "type": "opportunity.created",
        "id": event_id(judgement.lead_id),
        "timestamp": now,
        "simulated": judgement.simulated,
        "opportunity": {"id": opportunity_id(judgement.lead_id), **draft.model_dump(mode="json")},
        "lead": {"id": judgement.lead_id, "company_key": judgement.company_key},
        "decision": {
            "agent": decision.agent,
            "version": decision.version,
            "verdict": decision.verdict,
            "code": decision.code,
            "reason": decision.reason.model_dump(),
            "score": decision.score,
        },
        "evidence": {
            "basis": judgement.basis,
            "findings": [each for d in judgement.decisions for each in _findings(d)],
        },
    }
    return {
        "event_id": event_id(judgement.lead_id),
        "opportunity_id": opportunity_id(judgement.lead_id),
        "body": orjson.dumps(event).decode(),
        "state": HandOverState.PENDING.value,
        "attempts": 0,
        "due_at": now,
        "created_at": now,
    }


def _findings(decision: Decision) -> Iterator[dict[str, Any]]:
    found = decision.details.get("findings")
    for finding in found if isinstance(found, list) else ():
        if isinstance(finding, dict):
            yield {name: finding[name] for name in _FINDING if name in finding}


_COLUMNS: Final = [handovers.c[name] for name in HandOver.__dataclass_fields__]
_IS_PENDING: Final = handovers.c.state == HandOverState.PENDING.value


class Outbox:
    """Every method raises DatabaseUnavailable when the database does not answer."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        *,
        claim: timedelta = CLAIM,
        most_attempts: int = MOST_ATTEMPTS,
    ) -> None:
        """Keep it in the migrated database of *engine*, which the caller disposes of."""
        self._engine = engine
        self._clock = clock
        self._claim = claim
        self._most_attempts = most_attempts

    async def claim(self, limit: int) -> list[Claimed]:
        """Take up to *limit* rows that are due, the longest due first.

        Atomic: No row is claimed twice until its claim lapses, on whatever machine. An attempt
            counts when it is begun, so an event that kills its senders is given up, too.
        """
        now, token = self._clock(), uuid4().hex
        is_due = _IS_PENDING & (handovers.c.due_at <= now)
        if not await self._is_any(is_due):
            return []
        has_tries = handovers.c.attempts < self._most_attempts
        chosen = (
            select(handovers.c.event_id)
            .where(is_due, has_tries)
            .order_by(handovers.c.due_at)
            .limit(limit)
            # Others pass over what is being claimed. SQLite, with its one writer, does without.
            .with_for_update(skip_locked=True)
            .cte("chosen")
        )
        claiming = (
            update(handovers)
            .where(handovers.c.event_id.in_(select(chosen.c.event_id)), is_due)
            .values(token=token, attempts=handovers.c.attempts + 1)
            .returning(handovers.c.event_id, handovers.c.body, handovers.c.attempts)
        )
        spent = update(handovers).where(is_due, ~has_tries)
        given_up = {"state": HandOverState.DEAD.value, "reason": "its deliverers died"}
        async with writing(self._engine, "claim hand-overs") as connection:
            await connection.execute(spent.values(**given_up))
            # From now, not from before the wait for other writers.
            lapses_at = self._clock() + self._claim
            rows = (await connection.execute(claiming.values(due_at=lapses_at))).all()
        return [Claimed(event_id, body, tries, token) for event_id, body, tries in rows]

    async def delivered(self, event_id: UUID) -> None:
        """Record that the receiver has it, even if another worker has claimed it meanwhile."""
        now = self._clock()
        values = {"state": HandOverState.DELIVERED.value, "delivered_at": now, "reason": None}
        await self._change(handovers.c.event_id == event_id, values)

    async def postpone(self, claimed: Claimed, reason: str, wait: timedelta) -> None:
        """Retry *claimed* after *wait*; after its last attempt, give it up."""
        if claimed.attempts >= self._most_attempts:
            await self.bury(claimed, reason)
            return
        values = {"due_at": self._clock() + wait, "reason": reason, "token": None}
        await self._change(self._is_held(claimed), values)

    async def bury(self, claimed: Claimed, reason: str) -> None:
        """Give *claimed* up."""
        values = {"state": HandOverState.DEAD.value, "reason": reason, "token": None}
        await self._change(self._is_held(claimed), values)

    async def latest(
        self, state: HandOverState | None = None, *, limit: int = 100
    ) -> list[HandOver]:
        """Return hand-overs, the newest first."""
        statement = select(*_COLUMNS).order_by(handovers.c.created_at.desc()).limit(limit)
        if state is not None:
            statement = statement.where(handovers.c.state == state.value)
        async with reading(self._engine, "read the outbox") as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [HandOver(**{**row, "state": HandOverState(row["state"])}) for row in rows]

    async def counts(
        self, states: Collection[HandOverState] = tuple(HandOverState)
    ) -> dict[HandOverState, int]:
        """Count the hand-overs in each of *states*; a state without any is left out."""
        statement = (
            select(handovers.c.state, func.count())
            .where(handovers.c.state.in_([state.value for state in states]))
            .group_by(handovers.c.state)
        )
        async with reading(self._engine, "read the outbox") as connection:
            rows = (await connection.execute(statement)).all()
        return {HandOverState(state): count for state, count in rows}

    async def retry(self, event_ids: Sequence[UUID] | None = None) -> int:
        """Make dead hand-overs pending again, all of them for None; return how many there were."""
        condition = handovers.c.state == HandOverState.DEAD.value
        if event_ids is not None:
            condition &= handovers.c.event_id.in_(event_ids)
        values = {"state": HandOverState.PENDING.value, "attempts": 0, "due_at": self._clock()}
        async with writing(self._engine, "retry hand-overs") as connection:
            statement = update(handovers).where(condition).values(**values)
            return (await connection.execute(statement)).rowcount

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Drop up to *limit* hand-overs that were delivered before *before*, oldest first.

        Pending and dead ones stay. An opportunity whose hand-over is gone is not handed over
        again: only its creation makes one.

        Returns:
            How many were dropped; fewer than *limit* if none is left.
        """
        # Delivered rows are due at most one claim later, so the index on `due_at` finds the oldest.
        oldest = (
            select(handovers.c.event_id)
            .where(
                handovers.c.state == HandOverState.DELIVERED.value,
                handovers.c.due_at < before,
                handovers.c.delivered_at < before,
            )
            .order_by(handovers.c.due_at)
            .limit(limit)
        )
        async with writing(self._engine, "prune the outbox") as connection:
            statement = delete(handovers).where(handovers.c.event_id.in_(oldest))
            return (await connection.execute(statement)).rowcount

    async def _is_any(self, condition: ColumnElement[bool]) -> bool:
        # A read first: an idle worker must not take SQLite's write lock every second.
        async with reading(self._engine, "look into the outbox") as connection:
            return bool(await connection.scalar(select(exists().where(condition))))

    def _is_held(self, claimed: Claimed) -> ColumnElement[bool]:
        is_ours = handovers.c.token == claimed.token
        return (handovers.c.event_id == claimed.event_id) & is_ours & _IS_PENDING

    async def _change(self, condition: ColumnElement[bool], values: dict[str, Any]) -> None:
        async with writing(self._engine, "update a hand-over") as connection:
            await connection.execute(update(handovers).where(condition).values(**values))

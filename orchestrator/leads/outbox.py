"""The outbox: events for the sales agent, the state of each hand-over, and the relay.

The relay sends what is due to the webhook, signed. It runs in every worker, harmless in any number:
each row is one worker's until its claim lapses. A claim moves the row's due instant ahead, so a
worker that dies leaves nothing to clean up. The event is documented in docs/operations.md.

Events are signed by the Standard Webhooks convention: `webhook-signature` is `v1,` and the base64
of HMAC-SHA256 over `<id>.<timestamp>.<body>`; libraries for receivers exist in most languages
(standardwebhooks.com).
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, assert_never
from uuid import UUID, uuid4, uuid5

import httpx
import orjson
import structlog
from redis.backoff import EqualJitterBackoff
from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.case import Decision, OpportunityDraft
from orchestrator.database import free_rows, reading, writing
from orchestrator.database.schema import handovers
from orchestrator.infra.background import Loop
from orchestrator.infra.clock import Clock
from orchestrator.infra.redis_address import is_loopback
from orchestrator.surfsense import retry_after_s

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
        its_id, due_at = handovers.c.event_id, handovers.c.due_at
        claiming = (
            update(handovers)
            .where(its_id.in_(free_rows(its_id, is_due & has_tries, due_at, limit)), is_due)
            .values(token=token, attempts=handovers.c.attempts + 1)
            .returning(handovers.c.event_id, handovers.c.body, handovers.c.attempts)
        )
        spent = update(handovers).where(its_id.in_(free_rows(its_id, is_due & ~has_tries, due_at)))
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
            How many were dropped; fewer than *limit* if none is left that others do not drop.
        """
        # Delivered rows are due at most one claim later, so the index on `due_at` finds the oldest.
        is_old = (
            (handovers.c.state == HandOverState.DELIVERED.value)
            & (handovers.c.due_at < before)
            & (handovers.c.delivered_at < before)
        )
        oldest = free_rows(handovers.c.event_id, is_old, handovers.c.due_at, limit)
        async with writing(self._engine, "prune the outbox") as connection:
            its_id = handovers.c.event_id
            dropping = delete(handovers).where(its_id.in_(oldest)).returning(its_id)
            return len((await connection.execute(dropping)).all())

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


log = structlog.get_logger(__name__)

#: Deliveries that one process has under way.
AT_ONCE: Final = 10
#: How often an idle relay looks for work.
PERIOD: Final = timedelta(seconds=1)
#: How long a receiver has to answer. Much shorter than a claim lasts.
TIMEOUT: Final = timedelta(seconds=10)
#: Pause after the first failure; each further one doubles it, half of it is random.
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)

#: Answers after which a retry is of no use.
_REFUSALS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class DeliveryRefused:
    """The receiver will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryPostponed:
    """It may have arrived or not: retry, not before `wait` if the receiver names one."""

    reason: str
    wait: timedelta | None = None


Verdict = Delivered | DeliveryRefused | DeliveryPostponed


def verdict_on(status: int, retry_after: str | None, now: datetime) -> Verdict:
    """Return what an answer with *status* means. Pure."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    if status in _REFUSALS:
        return DeliveryRefused(f"answered {status}")
    wait = None if retry_after is None else timedelta(seconds=retry_after_s(retry_after, now))
    return DeliveryPostponed(f"answered {status}", wait)


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after *attempts* failures, at random up to twice as long."""
    backoff = EqualJitterBackoff(LONGEST_PAUSE.total_seconds(), FIRST_PAUSE.total_seconds())
    # The exponent is bounded: the longest pause is reached long before.
    return timedelta(seconds=backoff.compute(min(attempts - 1, 30)))


def signed_headers(secret: bytes, event_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver verifies *body*, its sender and its time. Pure."""
    signed = b".".join((event_id.encode(), str(timestamp_s).encode(), body))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class Webhook:
    """One receiver. Its address and secret appear in no log and no error."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        secret: bytes,
        clock: Clock,
        *,
        patience: timedelta = TIMEOUT,
    ) -> None:
        self._http = http
        self._url = url
        self._secret = secret
        self._clock = clock
        self._patience = patience

    async def send(self, event_id: str, body: bytes) -> Verdict:
        """Send *body* once and return the outcome. Raises nothing for a receiver that fails."""
        timestamp_s = int(self._clock().timestamp())
        headers = signed_headers(self._secret, event_id, timestamp_s, body)
        headers["content-type"] = "application/json"
        try:
            # httpx restarts its timeout with each read: only this one ends an answer byte by byte.
            async with (
                asyncio.timeout(self._patience.total_seconds()),
                self._http.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                # The status decides; the body is not read, however long it is.
                return verdict_on(
                    answer.status_code, answer.headers.get("retry-after"), self._clock()
                )
        except TimeoutError:
            return DeliveryPostponed("no answer in time")
        except httpx.HTTPError as error:
            return DeliveryPostponed(f"no answer ({type(error).__name__})")


@asynccontextmanager
async def open_webhook(
    url: str, secret: bytes, clock: Clock, *, patience: timedelta = TIMEOUT
) -> AsyncIterator[Webhook]:
    """Open a client for *url*; redirects are not followed: a signature is for one receiver."""
    async with httpx.AsyncClient(
        timeout=patience.total_seconds(),
        follow_redirects=False,
        # A receiver on this machine is not reached through the environment's proxy.
        trust_env=not is_loopback(httpx.URL(url).host),
    ) as http:
        yield Webhook(http, url, secret, clock, patience=patience)


class OutboxRelay:
    """Claims the hand-overs that are due, sends each, and records the outcome."""

    def __init__(
        self,
        outbox: Outbox,
        webhook: Webhook,
        *,
        period: timedelta = PERIOD,
        pause: Callable[[int], timedelta] = pause_after,
    ) -> None:
        self._outbox = outbox
        self._webhook = webhook
        self._period = period
        self._pause = pause

    @property
    def loop(self) -> Loop:
        """The loop that every worker of an installation with a receiver runs."""

        async def work() -> bool:
            return await self.deliver() == AT_ONCE

        return Loop("outbox relay", work, self._period)

    async def deliver(self) -> int:
        """Deliver what is due, up to `AT_ONCE`; return how many were tried."""
        claimed = await self._outbox.claim(AT_ONCE)
        await asyncio.gather(*(self._deliver(each) for each in claimed))
        return len(claimed)

    async def _deliver(self, claimed: Claimed) -> None:
        event_id = str(claimed.event_id)
        verdict = await self._webhook.send(event_id, claimed.body.encode())
        match verdict:
            case Delivered():
                await self._outbox.delivered(claimed.event_id)
                log.info("handover.delivered", event_id=event_id)
            case DeliveryRefused(reason):
                await self._outbox.bury(claimed, reason)
                log.error("handover.refused", event_id=event_id, reason=reason)
            case DeliveryPostponed(reason, wait):
                pause = max(self._pause(claimed.attempts), wait or timedelta(0))
                await self._outbox.postpone(claimed, reason, pause)
                log.warning("handover.failed", event_id=event_id, reason=reason)
            case _:
                assert_never(verdict)

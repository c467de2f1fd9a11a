"""The intent log: what is written down of a purchase, and what the next leader must do about it.

Pure. A purchase record is what the memo keeps for a flight; Redis has acknowledged it before the
step that it announces.

    (none) ──> INTENT ──POST──> ACCEPTED ──answer──> BOUGHT ──ledger──> (none)
                  └── no answer can be had ──> LOST ──the freshness window ends──> (none)

While the process that wrote an intent is alive, and until `answer_by_ms`, other callers follow it,
whatever has become of its lease. After that the next leader, or the sweeper, reads the record:

    none       buy
    INTENT     the POST may have been sent. If the archive has its answer, adopt it. Ask a seller
               with run ids for the run. With any other seller the outcome is unknown: enter the
               purchase as uncertain, and make its record LOST
    ACCEPTED   the seller has it: collect, do not buy
    BOUGHT     answered, and stored or invalidated since: settle, then buy if asked
    LOST       charged, or perhaps charged, without an answer. Its buyer may still bring one, which
               is stored then. Nothing else is bought until the freshness window ends, unless the
               seller honours its Idempotency-Key, or a person asks for another purchase
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from orchestrator.database.schema import PurchaseOutcome
from orchestrator.evidence.model import Step
from orchestrator.identity import domain_key, entry_key, step_key
from orchestrator.infra.clock import instant
from orchestrator.infra.slots import Lane
from orchestrator.purchasing.budget import accounts_of
from orchestrator.purchasing.ledger import LedgerEntry
from orchestrator.surfsense.verbs import VERBS

#: What the ledger calls the seller.
SELLER = "surfsense"

JsonObject = dict[str, Any]


class UnreadableRecord(Exception):
    """A purchase record that cannot be read; its purchase may have been charged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"a purchase record cannot be read ({self.reason}), so nothing is bought"


@dataclass(frozen=True, slots=True)
class BillingContext:
    """On whose behalf a purchase is made, and who pays for it.

    `capped`: the job has a budget of its own. `refresh`: a schedule asks for it, so it is refused
    first when a budget runs low. `lane` decides the order in which purchases of this process get
    their slots. `item` is the item's number in the job: a purchase that a crashed worker made for
    the same item counts as its own. `buy_again` identifies a person's request to buy even what may
    have been charged before; it allows one purchase of each company.
    """

    job_id: str | None
    tenant: str
    capped: bool = False
    refresh: bool = False
    lane: Lane = field(default=Lane.PIPELINE, compare=False)
    item: int | None = None
    buy_again: str | None = field(default=None, compare=False)

    @property
    def bought_for(self) -> tuple[str | None, int] | None:
        """The job's item that the purchase is for, if it is for one."""
        return None if self.item is None else (self.job_id, self.item)


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """What to buy, and for whom.

    `step` is None where one purchase brings all there is: by the protocol `enrich`, and in records
    of earlier versions. `body` is the request of a step, `price_micros` the most that it costs;
    None stands for the seller's price. `subject` is what was known of the company, as JSON, and
    `asked` the part of it that the step is asked by; None in records of earlier versions. Without a
    step, `asked` is the domain that the name alone did not tell.
    """

    company: str
    company_key: str
    billing: BillingContext
    step: Step | None = None
    body: JsonObject | None = None
    price_micros: int | None = None
    subject: JsonObject | None = None
    asked: str | None = None

    @property
    def entry_key(self) -> str:
        """The key of the memo entry that the answer becomes."""
        if self.step is not None:
            return step_key(self.company_key, self.step, self.asked or "")
        return entry_key(self.company_key) if self.asked is None else domain_key(self.company_key)

    def asks_as(self, other: "PurchaseRequest") -> bool:
        """Return whether the answer is one to *other*, too; so it was before a step had `asked`."""
        return self.step is other.step and self.asked in {None, other.asked}


class Stage(StrEnum):
    """How far a purchase has come, as far as it is written down."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    BOUGHT = "bought"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """One attempt at one purchase.

    Attributes:
        stage: How far it has come.
        purchase_id: The same for every attempt: the Idempotency-Key of its POSTs.
        number: Counts the POSTs of `purchase_id` across leaders, from 1.
        started_at_ms: When the attempt began, by the Redis server's clock.
        request: What is bought, and for whom.
        run_id: The seller's, from ACCEPTED on, where it gives one.
        ledger_entry: From BOUGHT on, what the ledger is to be given.
        answer: From BOUGHT on, what the archive is to keep: a memo entry's payload.
        generation: The flight's that sent it. An invalidation raises it; then the answer is
            settled, but no longer wanted.
        send_before_ms: The instant from which the POST does not leave any more; the socket
            enforces it.
        answer_by_ms: The instant by which a buyer that runs has its answer, or has given up.
        failure: From LOST on, the error that lookups get; the attempt is entered as uncertain.
        repeat_requests: Requests of people for another purchase that were granted.
        has_run_id: Its protocol gives run ids, so that its run can be found.
    """

    stage: Stage
    purchase_id: str
    number: int
    started_at_ms: int
    request: PurchaseRequest
    run_id: str | None = None
    ledger_entry: LedgerEntry | None = None
    answer: JsonObject | None = None
    generation: int = 0
    send_before_ms: int | None = None
    answer_by_ms: int | None = None
    failure: JsonObject | None = None
    repeat_requests: tuple[str, ...] = ()
    has_run_id: bool = True

    @classmethod
    def from_json(cls, stored: JsonObject) -> "PurchaseRecord":
        """Read what `to_json` returned.

        Raises:
            UnreadableRecord: It is of another version, or no purchase record.
        """
        try:
            entry = stored.get("record")
            return cls(
                stage=Stage(stored["stage"]),
                purchase_id=stored["purchase_id"],
                number=stored["attempt"],
                started_at_ms=stored["started_at_ms"],
                request=PurchaseRequest(
                    stored["company"],
                    stored["company_key"],
                    BillingContext(
                        stored["job_id"],
                        stored["tenant"],
                        stored["capped"],
                        refresh=stored.get("refresh", False),
                        item=stored.get("item"),
                    ),
                    step=None if stored.get("step") is None else Step(stored["step"]),
                    body=stored.get("body"),
                    price_micros=stored.get("price_micros"),
                    subject=stored.get("subject"),
                    asked=stored.get("asked"),
                ),
                run_id=stored.get("run_id"),
                ledger_entry=None if entry is None else LedgerEntry.model_validate(entry),
                answer=stored.get("answer"),
                generation=stored.get("generation", 0),
                send_before_ms=stored.get("send_before_ms"),
                answer_by_ms=stored.get("answer_by_ms"),
                failure=stored.get("failure"),
                repeat_requests=tuple(stored.get("requests", ())),
                has_run_id=stored.get("has_run_id", True),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise UnreadableRecord(type(error).__name__) from error

    def to_json(self) -> JsonObject:
        """Return the record as the memo keeps it."""
        billing, entry = self.request.billing, self.ledger_entry
        return {
            "stage": self.stage.value,
            "purchase_id": self.purchase_id,
            "attempt": self.number,
            "started_at_ms": self.started_at_ms,
            "company": self.request.company,
            "company_key": self.request.company_key,
            "job_id": billing.job_id,
            "tenant": billing.tenant,
            "capped": billing.capped,
            "refresh": billing.refresh,
            "item": billing.item,
            "step": self.request.step,
            "body": self.request.body,
            "price_micros": self.request.price_micros,
            "subject": self.request.subject,
            "asked": self.request.asked,
            "run_id": self.run_id,
            "generation": self.generation,
            "send_before_ms": self.send_before_ms,
            "answer_by_ms": self.answer_by_ms,
            "failure": self.failure,
            "requests": list(self.repeat_requests),
            "has_run_id": self.has_run_id,
            "record": None if entry is None else entry.model_dump(mode="json"),
            "answer": self.answer,
        }

    def sent_by_ms(self, now_ms: int) -> int:
        """Return the instant by which the POST has left, or never will; *now_ms* at the latest.

        A flight that is followed, or that has its POST's error, sends nothing any more.
        """
        return now_ms if self.send_before_ms is None else min(now_ms, self.send_before_ms)

    def as_accepted(self, run_id: str) -> "PurchaseRecord":
        """Return the record after the seller has given *run_id*."""
        return replace(self, stage=Stage.ACCEPTED, run_id=run_id)

    def as_lost(self, failure: JsonObject) -> "PurchaseRecord":
        """Return the record after its answer was lost: lookups get *failure*."""
        return replace(self, stage=Stage.LOST, failure=failure)

    def next_attempt(
        self, request: PurchaseRequest, now_ms: int, generation: int
    ) -> "PurchaseRecord":
        """Return the record of another POST under the same Idempotency-Key, charged by itself."""
        again = request.billing.buy_again
        return PurchaseRecord(
            Stage.INTENT,
            self.purchase_id,
            self.number + 1,
            now_ms,
            request,
            generation=generation,
            repeat_requests=(*self.repeat_requests, *([] if again is None else [again])),
        )

    def same_attempt(self) -> "PurchaseRecord":
        """Return the record of the same POST sent again, which the seller charges once."""
        return replace(self, stage=Stage.INTENT)

    def may_be_bought_again(self, request: PurchaseRequest) -> bool:
        """Return whether *request* is a person's for another purchase, and not used up."""
        again = request.billing.buy_again
        return again is not None and again not in self.repeat_requests

    @property
    def ledger_id(self) -> str:
        """Identifies the attempt in the ledger, and its reservation in the budget."""
        return self.purchase_id if self.number == 1 else f"{self.purchase_id}.{self.number}"

    @property
    def started_at(self) -> datetime:
        """When the attempt was begun."""
        return instant(self.started_at_ms)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The budget accounts that must allow the attempt, and pay for it."""
        billing = self.request.billing
        return accounts_of(
            tenant=billing.tenant,
            day=self.started_at.date(),
            job_id=billing.job_id if billing.capped else None,
            refresh=billing.refresh,
        )

    def entry(
        self,
        outcome: PurchaseOutcome,
        cost_micros: int,
        *,
        estimated: bool,
        protocol: str,
        settled_at: datetime,
    ) -> LedgerEntry:
        """Return the attempt's entry in the ledger."""
        billing, step = self.request.billing, self.request.step
        return LedgerEntry(
            purchase_id=self.ledger_id,
            company_key=self.request.company_key,
            company=self.request.company,
            job_id=billing.job_id,
            tenant=billing.tenant,
            source=SELLER if step is None else VERBS[step].source,
            protocol=protocol,
            started_at=self.started_at,
            settled_at=settled_at,
            cost_micros=cost_micros,
            estimated=estimated,
            outcome=outcome,
            run_id=self.run_id,
            refresh=billing.refresh,
        )


def lost_purchases(stored: Iterable[JsonObject]) -> dict[str, PurchaseRecord]:
    """Return those of the *stored* records that are LOST, by ledger id; skip unreadable ones."""
    lost: dict[str, PurchaseRecord] = {}
    for each in stored:
        with suppress(UnreadableRecord):
            record = PurchaseRecord.from_json(each)
            if record.stage is Stage.LOST:
                lost[record.ledger_id] = record
    return lost


class FirstStep(StrEnum):
    """What a leader does first."""

    BUY = "buy"
    COLLECT = "collect"
    RECONCILE = "reconcile"
    WRITE_OFF = "write_off"
    SETTLE = "settle"
    WAIT = "wait"


def first_step(record: PurchaseRecord | None, *, gives_run_ids: bool) -> FirstStep:
    """Return what a leader that finds *record* does before anything else."""
    if record is None:
        return FirstStep.BUY
    match record.stage:
        case Stage.INTENT:
            # After a change of protocol, no run of the earlier one can be found.
            is_listed = gives_run_ids and record.has_run_id
            return FirstStep.RECONCILE if is_listed else FirstStep.WRITE_OFF
        case Stage.ACCEPTED:
            return FirstStep.COLLECT if gives_run_ids else FirstStep.WRITE_OFF
        case Stage.BOUGHT:
            return FirstStep.SETTLE
        case Stage.LOST:
            return FirstStep.WAIT
        case _:
            assert_never(record.stage)

"""The intent log: what is written down of a purchase, and what the next leader must do about it.

Pure. A page is the note of a flight; Redis has acknowledged it before the step it announces.

    (none) ──> INTENT ──POST──> ACCEPTED ──answer──> BOUGHT ──ledger──> (none)
                  └── the answer cannot be had ──> LOST ──the freshness window is over──> (none)

While its process is alive, and until `answer_by_ms`, the writer of an intent is followed, whatever
has become of its lease. After that the next leader, or the sweeper, reads what it has left:

    none       buy
    INTENT     the POST may have been sent. If the archive has its answer, that is adopted. A seller
               with run ids is asked for the run. With another one nobody can know: the purchase is
               entered as uncertain, and its page becomes LOST
    ACCEPTED   the seller has it: collect, do not buy
    BOUGHT     answered, and stored or invalidated since: settle, then buy anew if asked
    LOST       charged, or perhaps charged, without an answer. Its writer may still bring one, which
               is stored then. Nothing else is bought until the freshness window is over, unless the
               seller honours its Idempotency-Key, or a person asks for another purchase
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, assert_never

from orchestrator.jobs import Lane
from orchestrator.purchasing.accounts import accounts_of
from orchestrator.purchasing.ledger import PurchaseRecord

JsonObject = dict[str, Any]


class UnreadableRecord(Exception):
    """A purchase record that cannot be read; its purchase may have been charged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"a purchase record cannot be read ({self.reason}), so nothing is bought"


@dataclass(frozen=True, slots=True)
class Purpose:
    """On whose behalf something is bought.

    `capped`: the job has a budget of its own. `refresh`: nobody waits for it, so it is the
    first thing to be given up when a budget runs low. `lane` says where its purchase waits for
    a place, in this process: whoever finds its page later does not wait there. `item` is the number
    of the job's item: a purchase that it finds made for it, after a crash, is its own. `buy_again`
    identifies a person's request to buy even what may have been charged before: it allows one
    purchase of each company.
    """

    job_id: str | None
    tenant: str
    capped: bool = False
    refresh: bool = False
    lane: Lane = field(default=Lane.PIPELINE, compare=False)
    item: int | None = None
    buy_again: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Order:
    """What is bought, and for whom."""

    company: str
    company_key: str
    purpose: Purpose


class Stage(StrEnum):
    """How far a purchase has come, as far as anybody has written down."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    BOUGHT = "bought"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Page:
    """One attempt at one purchase.

    `number` counts the POSTs of `purchase_id` across leaders, from 1. `run_id` is the
    seller's, from ACCEPTED on where it gives one; from BOUGHT on, `record` is what the ledger
    must be told, and `answer` what the archive is to keep. `generation` is the flight's that
    sent it: an invalidation raises it, and then the answer is settled, but no longer wanted.
    `send_before_ms` is the instant from which the POST does not leave any more, if it has not
    by then: the socket sees to it. `answer_by_ms` is the instant by which its answer has come, or
    its buyer has given it up, if it runs. From LOST on, `failure` is what lookups are told, and
    the attempt is entered as uncertain. `requests` are those of people who have asked for another
    purchase, and got it. `has_run_id`: its protocol gives run ids, so that a run can be found.
    """

    stage: Stage
    purchase_id: str
    number: int
    started_at_ms: int
    order: Order
    run_id: str | None = None
    record: PurchaseRecord | None = None
    answer: JsonObject | None = None
    generation: int = 0
    send_before_ms: int | None = None
    answer_by_ms: int | None = None
    failure: JsonObject | None = None
    requests: tuple[str, ...] = ()
    has_run_id: bool = True

    @classmethod
    def from_note(cls, note: JsonObject) -> "Page":
        """Read what `note` wrote.

        Raises:
            UnreadableRecord: It is of another version, or no purchase record.
        """
        try:
            return cls._read(note)
        except (LookupError, TypeError, ValueError) as error:
            raise UnreadableRecord(type(error).__name__) from error

    @classmethod
    def _read(cls, note: JsonObject) -> "Page":
        record = note.get("record")
        return cls(
            stage=Stage(note["stage"]),
            purchase_id=note["purchase_id"],
            number=note["attempt"],
            started_at_ms=note["started_at_ms"],
            order=Order(
                note["company"],
                note["company_key"],
                Purpose(
                    *(note["job_id"], note["tenant"], note["capped"]),
                    refresh=note.get("refresh", False),
                    item=note.get("item"),
                ),
            ),
            run_id=note.get("run_id"),
            record=None if record is None else PurchaseRecord.model_validate(record),
            answer=note.get("answer"),
            generation=note.get("generation", 0),
            send_before_ms=note.get("send_before_ms"),
            answer_by_ms=note.get("answer_by_ms"),
            failure=note.get("failure"),
            requests=tuple(note.get("requests", ())),
            has_run_id=note.get("has_run_id", True),
        )

    def note(self) -> JsonObject:
        """Return the page as JSON."""
        purpose = self.order.purpose
        return {
            "stage": self.stage.value,
            "purchase_id": self.purchase_id,
            "attempt": self.number,
            "started_at_ms": self.started_at_ms,
            "company": self.order.company,
            "company_key": self.order.company_key,
            "job_id": purpose.job_id,
            "tenant": purpose.tenant,
            "capped": purpose.capped,
            "refresh": purpose.refresh,
            "item": purpose.item,
            "run_id": self.run_id,
            "generation": self.generation,
            "send_before_ms": self.send_before_ms,
            "answer_by_ms": self.answer_by_ms,
            "failure": self.failure,
            "requests": list(self.requests),
            "has_run_id": self.has_run_id,
            "record": None if self.record is None else self.record.model_dump(mode="json"),
            "answer": self.answer,
        }

    def announced(
        self, *, send_before_ms: int, answer_by_ms: int, has_run_id: bool = True
    ) -> "Page":
        """Return the page as it is written down before its POST."""
        return replace(
            self,
            send_before_ms=send_before_ms,
            answer_by_ms=answer_by_ms,
            has_run_id=has_run_id,
        )

    def sent_by_ms(self, now_ms: int) -> int:
        """Return the instant by which the POST has left, or never will; *now_ms* at the latest.

        A flight that is followed, or has its POST's error, sends nothing any more.
        """
        return now_ms if self.send_before_ms is None else min(now_ms, self.send_before_ms)

    def accepted(self, run_id: str) -> "Page":
        """Return the page after the seller has given *run_id*."""
        return replace(self, stage=Stage.ACCEPTED, run_id=run_id)

    def bought(self, record: PurchaseRecord, answer: JsonObject | None = None) -> "Page":
        """Return the page after *answer* has come, at the cost that *record* names."""
        return replace(self, stage=Stage.BOUGHT, record=record, answer=answer)

    def lost(self, failure: JsonObject) -> "Page":
        """Return the page after its answer was lost: *failure* is what lookups are told."""
        return replace(self, stage=Stage.LOST, failure=failure)

    def next_attempt(self, order: Order, now_ms: int, generation: int) -> "Page":
        """Return the page of another POST under the same Idempotency-Key, charged by itself."""
        request = order.purpose.buy_again
        return Page(
            *(Stage.INTENT, self.purchase_id, self.number + 1, now_ms, order),
            generation=generation,
            requests=self.requests if request is None else (*self.requests, request),
        )

    def repeated(self) -> "Page":
        """Return the page of the same POST sent again, which the seller charges once."""
        return replace(self, stage=Stage.INTENT)

    def may_be_bought_again(self, order: Order) -> bool:
        """Return whether *order* was asked for by a person, in a request that is not used up."""
        request = order.purpose.buy_again
        return request is not None and request not in self.requests

    @property
    def ledger_id(self) -> str:
        """Under which the attempt enters the ledger, and holds its part of a budget."""
        return self.purchase_id if self.number == 1 else f"{self.purchase_id}.{self.number}"

    @property
    def started_at(self) -> datetime:
        """When the attempt was begun."""
        return datetime.fromtimestamp(self.started_at_ms / 1000, UTC)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The budget accounts that must allow the attempt, and pay for it."""
        purpose = self.order.purpose
        return accounts_of(
            tenant=purpose.tenant,
            day=self.started_at.date(),
            job_id=purpose.job_id if purpose.capped else None,
            refresh=purpose.refresh,
        )


class Step(StrEnum):
    """What a leader does first."""

    BUY = "buy"
    COLLECT = "collect"
    RECONCILE = "reconcile"
    WRITE_OFF = "write_off"
    SETTLE = "settle"
    WAIT = "wait"


def first_step(page: Page | None, *, gives_run_ids: bool) -> Step:
    """Say what a leader that finds *page* does before anything else."""
    if page is None:
        return Step.BUY
    match page.stage:
        case Stage.INTENT:
            # Where the protocol was changed since, no run of this one can be found.
            is_listed = gives_run_ids and page.has_run_id
            return Step.RECONCILE if is_listed else Step.WRITE_OFF
        case Stage.ACCEPTED:
            return Step.COLLECT if gives_run_ids else Step.WRITE_OFF
        case Stage.BOUGHT:
            return Step.SETTLE
        case Stage.LOST:
            return Step.WAIT
        case _:
            assert_never(page.stage)

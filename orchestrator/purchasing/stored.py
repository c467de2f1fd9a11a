"""What the memo keeps of one purchase, and what is read back. Pure.

The payload of an entry is `{"answer", "candidates", "company", "purchase_id", "cost_micros",
"cost_estimated", "bought_for"}`; its status is one of `found`, `not_found`, `ambiguous`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from orchestrator.memo import Entry
from orchestrator.purchasing.archive import ArchivedAnswer
from orchestrator.purchasing.journal import Page
from orchestrator.surfsense import Ambiguous, Answer, Found, NotFound

JsonObject = dict[str, Any]


class EnrichmentStatus(StrEnum):
    """What is known about a company after it was looked up."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One answer with its price. `payload` is SurfSense's object, empty if not found.

    `bought_for` is the job and the number of its item for which it was bought, if it was for one.
    """

    status: EnrichmentStatus
    payload: Mapping[str, Any]
    candidates: tuple[str, ...]
    company: str
    purchase_id: str | None
    cost_micros: int
    cost_estimated: bool
    bought_for: tuple[str, int] | None = None


def status_of(answer: Answer) -> EnrichmentStatus:
    """Return the entry's status for *answer*."""
    match answer:
        case Found():
            return EnrichmentStatus.FOUND
        case NotFound():
            return EnrichmentStatus.NOT_FOUND
        case Ambiguous():
            return EnrichmentStatus.AMBIGUOUS
        case _:
            assert_never(answer)


def payload_of(answer: Answer, page: Page) -> JsonObject:
    """Return the entry's payload for *answer* to the purchase of *page*."""
    purpose = page.order.purpose
    return {
        "answer": {} if isinstance(answer, NotFound) else answer.payload,
        "candidates": list(answer.candidates) if isinstance(answer, Ambiguous) else [],
        "company": page.order.company,
        "purchase_id": page.ledger_id,
        "cost_micros": answer.cost_micros,
        "cost_estimated": answer.cost_estimated,
        "bought_for": None if purpose.item is None else [purpose.job_id, purpose.item],
    }


def read_stored(entry: Entry) -> StoredAnswer:
    """Read an entry's payload; one set by hand through the cache functions has no price."""
    return _stored(entry.status, entry.payload)


def read_archived(answer: ArchivedAnswer) -> StoredAnswer:
    """Read what the archive has kept of a purchase."""
    return _stored(answer.outcome, answer.payload)


def _stored(status: str, payload: Mapping[str, Any]) -> StoredAnswer:
    bought_for = payload.get("bought_for")
    return StoredAnswer(
        status=EnrichmentStatus(status),
        payload=payload.get("answer", {}),
        candidates=tuple(payload.get("candidates", ())),
        company=payload.get("company", ""),
        purchase_id=payload.get("purchase_id"),
        cost_micros=payload.get("cost_micros", 0),
        cost_estimated=payload.get("cost_estimated", False),
        bought_for=None if bought_for is None else (bought_for[0], bought_for[1]),
    )

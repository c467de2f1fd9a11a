"""What the memo keeps of one purchase, and what is read back. Pure.

The payload of an entry is `{"answer", "company", "purchase_id", "cost_micros",
"cost_estimated"}`; its status is one of `found`, `not_found`, `ambiguous`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from orchestrator.archive import ArchivedAnswer
from orchestrator.memo import Entry
from orchestrator.surfsense import Ambiguous, Answer, Found, NotFound

JsonObject = dict[str, Any]


class EnrichmentStatus(StrEnum):
    """What is known about a company after it was looked up."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One answer with its price. `payload` is SurfSense's object, empty if not found."""

    status: EnrichmentStatus
    payload: Mapping[str, Any]
    candidates: tuple[str, ...]
    company: str
    purchase_id: str | None
    cost_micros: int
    cost_estimated: bool


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


def payload_of(answer: Answer, *, company: str, purchase_id: str) -> JsonObject:
    """Return the entry's payload for *answer*."""
    return {
        "answer": {} if isinstance(answer, NotFound) else answer.payload,
        "candidates": list(answer.candidates) if isinstance(answer, Ambiguous) else [],
        "company": company,
        "purchase_id": purchase_id,
        "cost_micros": answer.cost_micros,
        "cost_estimated": answer.cost_estimated,
    }


def read_stored(entry: Entry) -> StoredAnswer:
    """Read an entry's payload; one set by hand through the cache functions has no price."""
    return _stored(entry.status, entry.payload)


def read_archived(answer: ArchivedAnswer) -> StoredAnswer:
    """Read what the archive has kept of a purchase."""
    return _stored(answer.outcome, answer.payload)


def _stored(status: str, payload: Mapping[str, Any]) -> StoredAnswer:
    return StoredAnswer(
        status=EnrichmentStatus(status),
        payload=payload.get("answer", {}),
        candidates=tuple(payload.get("candidates", ())),
        company=payload.get("company", ""),
        purchase_id=payload.get("purchase_id"),
        cost_micros=payload.get("cost_micros", 0),
        cost_estimated=payload.get("cost_estimated", False),
    )

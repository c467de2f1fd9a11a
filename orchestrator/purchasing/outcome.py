"""What one lookup comes to: an outcome, or a failure that is shared with followers. Pure.

The payload of a memo entry is `{"answer", "candidates", "company", "purchase_id", "cost_micros",
"cost_estimated", "bought_for"}`; its status is one of `found`, `not_found`, `ambiguous`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, assert_never

from agents.case import Evidence
from orchestrator.identity.resolution import MatchReason, Resolved
from orchestrator.memo import Entry, Failure, Source
from orchestrator.surfsense import (
    AccessDenied,
    Ambiguous,
    Answer,
    AnswerLost,
    EnrichmentError,
    Found,
    MalformedAnswer,
    NotFound,
    PermanentEnrichmentError,
    RateLimited,
    TransientEnrichmentError,
    evidence_from,
    from_record,
    is_simulated,
    to_record,
)

JsonObject = dict[str, Any]


class EnrichmentStatus(StrEnum):
    """What is known about a company after its lookup."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"


#: Largest random share taken off a freshness, so that what was bought together does not expire
#: together: after a large import, expiry is spread over 6 minutes of 2 hours.
TTL_JITTER: Final = 0.05


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long an answer is fresh, by its kind.

    `jitter` is the largest share of it that chance may take off, so that what was bought
    together does not expire together; it never adds.
    """

    found: timedelta
    not_found: timedelta
    jitter: float = 0.0

    def ttl(self, status: EnrichmentStatus, chance: float) -> timedelta:
        """Return the TTL of an answer; an ambiguous one lasts as long as a found one.

        Args:
            status: What the answer says.
            chance: A number from 0 to 1, drawn once for this answer.
        """
        longest = self.not_found if status is EnrichmentStatus.NOT_FOUND else self.found
        return longest * (1 - self.jitter * chance)


@dataclass(frozen=True)
class Enrichment:
    """The outcome of one lookup.

    `source` is None where nothing was looked up: the name is `ambiguous`, because several companies
    share it (`shared`) or because it says nothing; or the archive was read. `cost_micros` is what
    this lookup paid, `saved_micros` what it would have paid without the memo. `purchase_id`
    identifies the evidence in the ledger. `answer` is SurfSense's object, empty unless the company
    was found, and `query_name` the name it was bought under.
    """

    company_key: str
    status: EnrichmentStatus
    source: Source | None = None
    candidates: tuple[str, ...] = ()
    as_of: datetime | None = None
    purchase_id: str | None = None
    cost_micros: int = 0
    saved_micros: int = 0
    simulated: bool = False
    shared: bool = False
    query_name: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def evidence(self) -> Evidence | None:
        """What the answer claims, parsed on first use; None unless the company was found."""
        if self.status is not EnrichmentStatus.FOUND or self.as_of is None:
            return None
        return evidence_from(self.query_name, self.answer, self.as_of)

    def repeated(self) -> "Enrichment":
        """Return the outcome of a further lookup that this one answers, too."""
        if self.source is None:
            return self
        return replace(
            self,
            source=repeated_source(self.source),
            cost_micros=0,
            saved_micros=self.cost_micros + self.saved_micros,
        )


def repeated_source(source: Source) -> Source:
    """Return the source of a lookup that shares the outcome of one with *source*."""
    return source if source in {Source.HIT, Source.STALE} else Source.COALESCED


def ambiguous_outcome(company: Resolved) -> Enrichment:
    """Return the outcome for a name that identifies no single company: nothing is looked up."""
    return Enrichment(
        company.key,
        EnrichmentStatus.AMBIGUOUS,
        candidates=company.candidates,
        shared=company.reason is MatchReason.SHARED,
    )


def enrichment_of(
    company_key: str,
    source: Source | None,
    entry: Entry,
    bought_for: tuple[str | None, int] | None = None,
) -> Enrichment:
    """Return what *entry* says of a company.

    Args:
        company_key: The key that was looked up.
        source: How the entry was found; None if nothing was looked up.
        entry: From the memo or the archive. One that another service has set has no price.
        bought_for: Job and item number of the lookup. A purchase made for the same item counts as
            this lookup's own, even if another worker made it and crashed.
    """
    payload, status = entry.payload, EnrichmentStatus(entry.status)
    answer = payload.get("answer", {})
    if bought_for is not None and payload.get("bought_for") == list(bought_for):
        source = Source.BOUGHT
    paid, price = source is Source.BOUGHT, payload.get("cost_micros", 0)
    return Enrichment(
        company_key=company_key,
        status=status,
        source=source,
        candidates=tuple(payload.get("candidates", ())),
        as_of=as_of(entry),
        purchase_id=payload.get("purchase_id"),
        cost_micros=price if paid else 0,
        saved_micros=0 if paid or source is None else price,
        simulated=is_simulated(answer),
        query_name=payload.get("company", ""),
        answer=answer,
    )


def as_of(entry: Entry) -> datetime:
    """Return the instant that dates *entry*."""
    return datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC)


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


def payload_of(
    answer: Answer, company: str, purchase_id: str, bought_for: tuple[str | None, int] | None
) -> JsonObject:
    """Return the entry's payload for *answer*, bought as *purchase_id* under the name *company*."""
    return {
        "answer": {} if isinstance(answer, NotFound) else answer.payload,
        "candidates": list(answer.candidates) if isinstance(answer, Ambiguous) else [],
        "company": company,
        "purchase_id": purchase_id,
        "cost_micros": answer.cost_micros,
        "cost_estimated": answer.cost_estimated,
        "bought_for": None if bought_for is None else list(bought_for),
    }


@dataclass(frozen=True, slots=True)
class EnrichmentFailures:
    """The memo's failure codec for `EnrichmentError`.

    `transient` is how long a passing fault keeps every process from another attempt, `permanent`
    how long a fault does that the same request would meet again.
    """

    transient: timedelta
    permanent: timedelta

    def encode(self, error: Exception) -> Failure | None:
        """Return the shared form; None for an error of another family."""
        if not isinstance(error, EnrichmentError):
            return None
        return Failure(to_record(error), self._ttl(error))

    def decode(self, record: JsonObject, retry_in: timedelta) -> Exception:
        """Return the error that `encode` had made *record* from."""
        error = from_record(record)
        error.retry_in = retry_in
        return error

    def postponed(self, error: Exception, retry_in: timedelta) -> None:
        """Note in *error* how long no process makes another attempt."""
        if isinstance(error, EnrichmentError):
            error.retry_in = retry_in

    def may_serve_stale(self, error: Exception) -> bool:
        """Return whether SurfSense is down, so that an old answer is better than none."""
        return isinstance(error, TransientEnrichmentError)

    def _ttl(self, error: EnrichmentError) -> timedelta:
        match error:
            case AnswerLost() | MalformedAnswer() if error.retry_in is not None:
                # Charged, or perhaps charged: the purchase record says how long that bars another
                # purchase.
                return error.retry_in
            case RateLimited():
                return max(timedelta(seconds=error.retry_after_s), timedelta(seconds=1))
            case AccessDenied():
                # Takes effect soon after the key is replaced or the credit topped up.
                return self.transient
            case PermanentEnrichmentError():
                return self.permanent
            case _:
                return self.transient

"""What one lookup comes to: an outcome, or a failure that is shared with followers. Pure.

The payload of a memo entry is `{"answer", "candidates", "company", "purchase_id", "cost_micros",
"cost_estimated", "bought_for"}`; its status is one of `found`, `not_found`, `ambiguous`, `unknown`.
An answer that was assembled from several purchases has their ids, joined by `+`, the sum of their
costs, and each of them in `steps`, and the `subject` for which they were judged; the entry of one
of these steps has the `subject` for which it was bought. An answer for which a second question was
asked has `asked`, the domain, and each of both purchases in `purchases`, its own first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from agents.case import ClaimField, Evidence
from orchestrator.identity.resolution import MatchReason, Resolved
from orchestrator.infra.clock import instant
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
    UNKNOWN = "unknown"
    """No source said anything, which does not mean that there is no such company."""


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
        is_short = status in {EnrichmentStatus.NOT_FOUND, EnrichmentStatus.UNKNOWN}
        longest = self.not_found if is_short else self.found
        return longest * (1 - self.jitter * chance)


@dataclass(frozen=True)
class Enrichment:
    """The outcome of one lookup.

    `source` is None where nothing was looked up: the name is `ambiguous`, because several companies
    share it (`shared`), because nothing is known that would tell it from others of its name
    (`by_name`), or because it says nothing; or the archive was read. `cost_micros` is what
    this lookup paid, `saved_micros` what it would have paid without the memo. `purchase_id`
    identifies the evidence in the ledger: one id, or several joined by `+`. `unpaid` are those
    purchases, with their prices, that this lookup did not pay for. `answer` is SurfSense's object,
    empty unless the company was found, and `query_name` the name it was bought under. `unasked` is
    why an `ambiguous` name was not asked for once more, with the domain.
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
    by_name: bool = False
    query_name: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unpaid: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    unasked: Exception | None = field(default=None, compare=False)

    @cached_property
    def evidence(self) -> Evidence | None:
        """What the answer claims, parsed on first use; None unless the company was found."""
        if self.status is not EnrichmentStatus.FOUND or self.as_of is None:
            return None
        return evidence_from(self.query_name, self.answer, self.as_of)

    def evidence_about(self, only: frozenset[ClaimField] | None) -> Evidence | None:
        """Return what the answer claims about *only* these fields; about all for None."""
        if only is None or self.status is not EnrichmentStatus.FOUND or self.as_of is None:
            return self.evidence
        return evidence_from(self.query_name, self.answer, self.as_of, only)

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

    def purchases(self) -> tuple[tuple[str, int], ...]:
        """Return the purchases that the answer rests on, with what a lookup saves by each."""
        return purchases_in(self.purchase_id, self.cost_micros + self.saved_micros)


def purchases_in(purchase_id: str | None, price_micros: int) -> tuple[tuple[str, int], ...]:
    """Return the purchases of a joined *purchase_id*; the first stands for the whole price.

    >>> purchases_in("a+b", 9_000)
    (('a', 9000), ('b', 0))
    """
    ids = () if purchase_id is None else purchase_id.split("+")
    return tuple((one, 0 if number else price_micros) for number, one in enumerate(ids))


def repeated_source(source: Source) -> Source:
    """Return the source of a lookup that shares the outcome of one with *source*."""
    return source if source in {Source.HIT, Source.STALE} else Source.COALESCED


def ambiguous_outcome(company: Resolved) -> Enrichment:
    """Return the outcome for a name that identifies no single company: nothing is looked up.

    Either *company* is ambiguous, or its name is all that is known of it.
    """
    return Enrichment(
        company.key,
        EnrichmentStatus.AMBIGUOUS,
        candidates=company.candidates,
        shared=company.reason is MatchReason.SHARED,
        by_name=not company.is_ambiguous,
    )


def is_open(company: Resolved, entry: Entry) -> bool:
    """Return whether *entry* leaves open which company is meant, and the domain was not told yet.

    Once for all domains of a company: those that share its key are of one company.
    """
    return (
        entry.status == EnrichmentStatus.AMBIGUOUS
        and "asked" not in entry.payload
        and company.query_with_domain is not None
    )


def enrichment_of(
    company_key: str,
    source: Source | None,
    entry: Entry,
    bought_for: tuple[str | None, int] | None = None,
    bought: Collection[str] = (),
) -> Enrichment:
    """Return what *entry* says of a company.

    Args:
        company_key: The key that was looked up.
        source: How the entry was found; None if SurfSense was not asked.
        entry: From the memo or the archive. One that another service has set has no price.
        bought_for: Job and item number of the lookup. A purchase made for the same item counts as
            this lookup's own, even if another worker made it and crashed.
        bought: Ids of the purchases that this lookup has made.
    """
    payload, status = entry.payload, EnrichmentStatus(entry.status)
    answer = payload.get("answer", {})
    steps = payload.get("steps", payload.get("purchases"))
    own = None if bought_for is None else list(bought_for)
    if steps is None:
        is_own = own is not None and payload.get("bought_for") == own
        if is_own or payload.get("purchase_id") in bought:
            source = Source.BOUGHT
        is_paid, price = source is Source.BOUGHT, payload.get("cost_micros", 0)
        paid_micros = price if is_paid else 0
        unpaid = () if is_paid else purchases_in(payload.get("purchase_id"), price)
    else:
        made = [each for each in steps if each["purchase_id"] is not None]
        mine = [
            each
            for each in made
            if each["purchase_id"] in bought or (own is not None and each["bought_for"] == own)
        ]
        if mine:
            source = Source.BOUGHT
        elif not made and source is Source.BOUGHT:
            source = None  # no step was worth its price, so SurfSense was not asked
        others = [each for each in made if each not in mine and not each.get("failure")]
        paid_micros = sum(each["cost_micros"] for each in mine)
        price = paid_micros + sum(each["cost_micros"] for each in others)
        unpaid = tuple((each["purchase_id"], each["cost_micros"]) for each in others)
    return Enrichment(
        company_key=company_key,
        status=status,
        source=source,
        candidates=tuple(payload.get("candidates", ())),
        as_of=instant(entry.stored_at_ms),
        purchase_id=payload.get("purchase_id"),
        cost_micros=paid_micros,
        saved_micros=0 if source is None else price - paid_micros,
        simulated=is_simulated(answer),
        query_name=payload.get("company", ""),
        answer=answer,
        unpaid=unpaid if source is not None else (),
    )


#: The entry's status for an answer.
STATUS_OF: Final[Mapping[type[Answer], EnrichmentStatus]] = {
    Found: EnrichmentStatus.FOUND,
    NotFound: EnrichmentStatus.NOT_FOUND,
    Ambiguous: EnrichmentStatus.AMBIGUOUS,
}


def payload_of(
    answer: Answer,
    company: str,
    purchase_id: str,
    bought_for: tuple[str | None, int] | None,
    *,
    subject: JsonObject | None = None,
    asked: str | None = None,
) -> JsonObject:
    """Return the entry's payload for *answer*, bought as *purchase_id* under the name *company*."""
    about = {"subject": subject, "asked": asked}
    return {name: known for name, known in about.items() if known is not None} | {
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
        """Return whether SurfSense is unavailable, so that an old answer is better than none."""
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

"""What one lookup comes to, and how it is made of what is stored. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agents.case import Evidence
from orchestrator.identity.resolution import MatchReason, Resolved
from orchestrator.memo import Entry, Source
from orchestrator.purchasing.archive import ArchivedAnswer
from orchestrator.purchasing.journal import Purpose
from orchestrator.purchasing.stored import (
    EnrichmentStatus,
    StoredAnswer,
    read_archived,
    read_stored,
)
from orchestrator.surfsense import evidence_from, is_simulated


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The outcome of one lookup.

    `source` is None where nothing was looked up: it is `ambiguous` which company is meant, since
    several go by the name (`shared`) or it says nothing; or the archive was asked. `cost_micros`
    is what this lookup paid, `saved_micros` what it would have paid without the memo.
    `purchase_id` identifies the evidence in the ledger; `simulated`: invented.
    """

    company_key: str
    status: EnrichmentStatus
    source: Source | None = None
    evidence: Evidence | None = None
    candidates: tuple[str, ...] = ()
    as_of: datetime | None = None
    purchase_id: str | None = None
    cost_micros: int = 0
    saved_micros: int = 0
    simulated: bool = False
    shared: bool = False

    def again(self) -> "Enrichment":
        """Return the outcome of asking for the same company in the same breath."""
        if self.source is None:
            return self
        return replace(
            self,
            source=source_again(self.source),
            cost_micros=0,
            saved_micros=self.cost_micros + self.saved_micros,
        )


def source_again(source: Source) -> Source:
    """Return how evidence that came by *source* comes to whoever asks in the same breath."""
    return source if source in {Source.HIT, Source.STALE} else Source.COALESCED


def nobody(company: Resolved) -> Enrichment:
    """Return the outcome where it is not known who is meant: nothing is looked up."""
    return Enrichment(
        company.key,
        EnrichmentStatus.AMBIGUOUS,
        candidates=company.candidates,
        shared=company.reason is MatchReason.SHARED,
    )


def evidence_in(entry: Entry) -> Evidence | None:
    """Return what *entry* claims; None unless the company was found."""
    return _evidence(read_stored(entry), as_of(entry))


def as_of(entry: Entry) -> datetime:
    """Return the instant that dates *entry*."""
    return datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC)


def enrichment_of(
    company_key: str, source: Source, entry: Entry, purpose: Purpose | None = None
) -> Enrichment:
    """Return what *entry* says of a company, but for the evidence.

    What was bought for the very item that *purpose* names is its purchase, also where a worker has
    died in between and another one has found it.
    """
    stored = read_stored(entry)
    if purpose is not None and stored.bought_for == (purpose.job_id, purpose.item):
        source = Source.BOUGHT
    paid = source is Source.BOUGHT
    return Enrichment(
        company_key=company_key,
        status=stored.status,
        source=source,
        candidates=stored.candidates,
        as_of=as_of(entry),
        purchase_id=stored.purchase_id,
        cost_micros=stored.cost_micros if paid else 0,
        saved_micros=0 if paid else stored.cost_micros,
        simulated=is_simulated(stored.payload),
    )


def recalled(answer: ArchivedAnswer) -> Enrichment:
    """Return what a purchase has brought, told again from the archive; nothing is looked up."""
    stored = read_archived(answer)
    return Enrichment(
        company_key=answer.company_key,
        status=stored.status,
        evidence=_evidence(stored, answer.as_of),
        candidates=stored.candidates,
        as_of=answer.as_of,
        purchase_id=answer.purchase_id,
        simulated=is_simulated(stored.payload),
    )


def _evidence(stored: StoredAnswer, as_of: datetime) -> Evidence | None:
    if stored.status is not EnrichmentStatus.FOUND:
        return None
    return evidence_from(stored.company, stored.payload, as_of)

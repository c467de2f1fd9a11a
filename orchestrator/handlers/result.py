"""What a job keeps of each item. Pure; stored as JSON, read by the CLI, the API and clients."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from pydantic import BaseModel, ConfigDict

from agents.case import Decision, Evidence, Localized, OpportunityDraft
from orchestrator.identity import InvalidCompanyName, Mention
from orchestrator.memo import Source
from orchestrator.purchasing import Enrichment, EnrichmentStatus


class ItemStatus(StrEnum):
    """How an item ended."""

    OPPORTUNITY = "opportunity"
    DISCARDED = "discarded"
    ENRICHED = "enriched"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    SKIPPED_BUDGET = "skipped_budget"
    FAILED = "failed"
    INVALID = "invalid"
    NOT_DUE = "not_due"


class ItemResult(BaseModel):
    """What every item's result says.

    `source` is how the evidence came about, None where nothing was looked up; `found` says
    whether SurfSense knows the company. Of one that is ambiguous, `candidates` are the companies
    that may be meant. `reason` is one sentence, `code` its machine-readable
    form. `uncertain_micros` is what a purchase may have cost whose answer was lost.
    """

    model_config = ConfigDict(frozen=True)

    status: ItemStatus
    company: str
    company_key: str | None = None
    code: str | None = None
    reason: Localized | None = None
    source: Source | None = None
    found: bool | None = None
    as_of: datetime | None = None
    cost_micros: int = 0
    saved_micros: int = 0
    uncertain_micros: int = 0
    simulated: bool = False
    candidates: tuple[str, ...] = ()


class LeadResult(ItemResult):
    """A lead's result: the last agent's judgement, and the opportunity if there is one.

    `version` identifies the rules that it was judged by.
    """

    lead_id: str
    opportunity_id: str | None = None
    viable: bool | None = None
    score: int | None = None
    draft: OpportunityDraft | None = None
    version: str | None = None


class Change(StrEnum):
    """What judging a lead again has changed."""

    DISCARDED = "advance->discard"
    ADVANCED = "discard->advance"
    UNCHANGED = "unchanged"
    FIRST = "first judgement"
    NOT_JUDGED = "not judged"


class RejudgedLead(LeadResult):
    """How a lead is judged now, and how it was."""

    change: Change
    previous_code: str | None = None
    previous_version: str | None = None

    @property
    def keeps_opportunity(self) -> bool:
        """Whether there is an opportunity that would not be created today."""
        return self.viable is False and self.opportunity_id is not None


class CompanyResult(ItemResult):
    """A company's result: what is claimed about it, by whom, as of when.

    `website` and `country` are what was said beside its name; `purchase_id` identifies the
    evidence in the ledger.
    """

    website: str | None = None
    country: str | None = None
    purchase_id: str | None = None
    evidence: Evidence | None = None


def named(mention: Mention) -> dict[str, str]:
    """Return the fields of a company's result that say whom it is about."""
    name, website, country = mention
    said = {"company": name, "website": website, "country": country}
    return {field: text for field, text in said.items() if text is not None}


def own_key(mention: Mention) -> str | None:
    """Return the key that *mention* has by itself, of a company that nobody has looked up."""
    try:
        return mention.identify().key
    except InvalidCompanyName:
        return None


class Provenance(TypedDict, total=False):
    """The fields of a result that tell where its evidence came from."""

    company_key: str | None
    source: Source | None
    found: bool
    as_of: datetime | None
    cost_micros: int
    saved_micros: int
    simulated: bool


def provenance(company_key: str | None, enrichment: Enrichment | None) -> Provenance:
    """Return where the evidence about a company came from; without any, only its key."""
    if enrichment is None:
        return {"company_key": company_key}
    return {
        "company_key": enrichment.company_key,
        "source": enrichment.source,
        "found": enrichment.status is EnrichmentStatus.FOUND,
        "as_of": enrichment.as_of,
        "cost_micros": enrichment.cost_micros,
        "saved_micros": enrichment.saved_micros,
        "simulated": enrichment.simulated,
    }


def tally_of(
    status: ItemStatus, enrichment: Enrichment | None, decision: Decision | None = None
) -> dict[str, int]:
    """Return what a result adds to its job's tally."""
    return dict(_counts(status, enrichment, decision))


def again_of(status: ItemStatus, enrichment: Enrichment | None) -> dict[str, int]:
    """Return what each further row with the same result adds to its job's tally."""
    again = None if enrichment is None else enrichment.again()
    return {name: n for name, n in _counts(status, again, None) if name != "spent_micros"}


def _counts(
    status: ItemStatus, enrichment: Enrichment | None, decision: Decision | None
) -> Iterator[tuple[str, int]]:
    yield f"status:{status}", 1
    if status is ItemStatus.DISCARDED and decision is not None:
        yield f"discard:{decision.code}", 1
    if enrichment is not None and enrichment.source is not None:
        yield f"source:{enrichment.source}", 1
        yield "spent_micros", enrichment.cost_micros
        yield "saved_micros", enrichment.saved_micros

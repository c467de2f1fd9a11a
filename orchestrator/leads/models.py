"""What the lead store answers with, and how it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from agents.case import Decision, OpportunityDraft


class UnknownLead(LookupError):
    """A judgement names a lead that was never imported, or has been erased since."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(lead_id)
        self.lead_id = lead_id

    def __str__(self) -> str:
        return f"there is no lead {self.lead_id}; import it first"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many of the given leads were stored, and how many were there already."""

    new: int
    existing: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The lead's opportunity after recording: None if it has none; `created` if this call made it.

    A lead that had one keeps it, so the id may be set although the latest decision discards.
    `standing` has, by agent, what was decided before by the same rules on the same evidence and
    otherwise than now (evidence grows old): that stands, so judge again with it.
    """

    opportunity_id: UUID | None
    created: bool
    standing: Mapping[str, Decision] = field(default_factory=dict)


class Opportunity(BaseModel):
    """What sales received for a lead, as it was when it was created.

    `simulated` says that it rests on invented evidence.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    lead_id: UUID
    company_key: str
    draft: OpportunityDraft
    simulated: bool
    created_at: AwareDatetime


class StoredDecision(BaseModel):
    """A decision, what it rests on, and when it was first and last reached.

    `basis` identifies the evidence: the id of its purchase, or its as-of instant.
    """

    model_config = ConfigDict(frozen=True)

    lead_id: UUID
    company_key: str
    basis: str
    decision: Decision
    simulated: bool
    decided_at: AwareDatetime
    confirmed_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Totals for summaries. `discards` counts leads by the code of their latest decision."""

    leads: int
    opportunities: int
    discards: dict[str, int]

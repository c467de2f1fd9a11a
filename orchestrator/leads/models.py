"""The values of the lead store: judgements, decisions, opportunities, filters. Pure.

LeadChanged(lead_id)    a judgement is about fields that a lead does not have any more
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from operator import add
from typing import Annotated, Final, Self
from uuid import UUID, uuid5

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from agents.case import Decision, Lead, OpportunityDraft, Verdict
from orchestrator.infra.bounds import FilledText, Flag, Instant

from .same import is_newer_address

#: Namespace of opportunity ids. It never changes, or leads would get a second opportunity.
_OPPORTUNITIES: Final = UUID("8b0e4d0c-53f5-5f57-9f0a-6f3f4a1f2f10")


def lead_key(lead_id: UUID) -> str:
    """Return the documented cache key of a lead."""
    return f"lead:{lead_id}"


def opportunity_key(opportunity_id: UUID) -> str:
    """Return the documented cache key of an opportunity."""
    return f"oportunidad:{opportunity_id}"


class LeadChanged(Exception):
    """A lead is not stored as it was judged: it was changed or deleted meanwhile."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(lead_id)
        self.lead_id = lead_id

    def __str__(self) -> str:
        return f"lead {self.lead_id} is not stored as it was judged; read it and judge it again"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decisions of a pipeline about one lead, in order, and what they rest on.

    `lead` is as the pipeline had read it. `basis` identifies the evidence: the id of its purchase,
    or its as-of instant.
    """

    lead: Lead
    company_key: str
    basis: str
    decisions: tuple[Decision, ...]
    simulated: bool

    @property
    def lead_id(self) -> UUID:
        """The lead's id."""
        return self.lead.id


def opportunity_id(lead_id: UUID) -> UUID:
    """Return the id that the opportunity of *lead_id* has or would have."""
    return uuid5(_OPPORTUNITIES, str(lead_id))


def drafting(decisions: Sequence[Decision]) -> tuple[Decision, OpportunityDraft] | None:
    """Return the last decision with a draft, which sales receives, if every agent advanced."""
    if any(decision.verdict is Verdict.DISCARD for decision in decisions):
        return None
    drafted = ((each, each.draft) for each in reversed(decisions) if each.draft is not None)
    return next(drafted, None)


class OnConflict(StrEnum):
    """Who wins where a lead that is stored is imported again. What is blank never does."""

    REPLACE = "replace"
    """The later import."""
    FILL = "fill"
    """What is stored; the later import fills in what is blank there."""
    KEEP = "keep"
    """The stored lead stays as it is."""


def merge_leads(stored: Lead, later: Lead, rule: OnConflict) -> Lead:
    """Return *stored* as it is after an import of the same lead as *later*."""
    if rule is OnConflict.KEEP:
        return stored
    changes = {
        name: value
        for name, value in later
        if value and name != "id"
        if rule is OnConflict.REPLACE or not getattr(stored, name)
        if name != "email" or is_newer_address(stored, later)
    }
    return stored.model_copy(update=changes)


def merge_all(stored: Lead, later: Sequence[Lead], rule: OnConflict) -> Lead:
    """Return *stored* as it is after imports of the same lead, one after another."""
    for each in later:
        stored = merge_leads(stored, each, rule)
    return stored


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many of the given leads were not stored before, were changed, and are as they were."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: "ImportReport") -> "ImportReport":
        return ImportReport(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class Imported:
    """What given leads have become: `ids` has the id of the stored lead of each, in order.

    `doubtful` has the ids of those that were stored as new leads, although a lead is stored that
    may be the same person's.
    """

    report: ImportReport = ImportReport()
    ids: list[UUID] = field(default_factory=list)
    doubtful: set[UUID] = field(default_factory=set)

    def __add__(self, other: "Imported") -> "Imported":
        return Imported(
            self.report + other.report, self.ids + other.ids, self.doubtful | other.doubtful
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """The lead's opportunity after recording: None if it has none; `created` if this call made it.

    A lead that had one keeps it, so the id may be set although the latest decision discards.
    `standing` has, by agent, earlier decisions by the same rules on the same evidence that differ
    from the given ones (evidence grows old): these stand, so judge again with them.
    """

    opportunity_id: UUID | None
    created: bool
    standing: Mapping[str, Decision] = field(default_factory=dict)


class Opportunity(BaseModel):
    """What sales received for a lead, as it was when it was created.

    `simulated` marks one that rests on invented evidence.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    lead_id: UUID
    company_key: str
    draft: OpportunityDraft
    simulated: bool
    created_at: AwareDatetime


class StoredDecision(BaseModel):
    """A decision, the basis it rests on, and when it was first and last reached."""

    model_config = ConfigDict(frozen=True)

    lead_id: UUID
    company_key: str
    basis: str
    decision: Decision
    simulated: bool
    decided_at: AwareDatetime
    confirmed_at: AwareDatetime


class LeadStatus(StrEnum):
    """What has become of a lead."""

    NEVER_JUDGED = "never_judged"
    OPPORTUNITY = "opportunity"
    DISCARDED = "discarded"


class LeadFilter(BaseModel):
    """The leads that meet every condition that is given; at least one is.

    `discarded` are those whose latest decision discards them and that have no opportunity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: FilledText | None = Field(
        default=None, description="Where the lead came from, in any case."
    )
    country: Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{2}$")] | None = (
        Field(default=None, description="ISO 3166-1 alpha-2 code.")
    )
    imported_since: Instant | None = None
    status: LeadStatus | None = None
    other_policy: Flag = Field(
        default=False, description="Those that were last judged by another policy than today's."
    )

    @property
    def about(self) -> str:
        """Its conditions, in one line."""
        return f"leads where {self.model_dump_json(exclude_defaults=True)}"

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not any(self.__dict__.values()):
            raise ValueError("names no condition; give at least one")
        return self

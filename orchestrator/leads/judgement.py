"""What a judgement of a lead leads to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from agents.case import Decision, OpportunityDraft, Verdict

#: Namespace of opportunity ids. It never changes, or leads would get a second opportunity.
_OPPORTUNITIES: Final = UUID("8b0e4d0c-53f5-5f57-9f0a-6f3f4a1f2f10")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decisions of a pipeline about one lead, in order, and what they rest on."""

    lead_id: UUID
    company_key: str
    basis: str
    decisions: tuple[Decision, ...]
    simulated: bool


def opportunity_id(lead_id: UUID) -> UUID:
    """Return the id that the opportunity of *lead_id* has or would have."""
    return uuid5(_OPPORTUNITIES, str(lead_id))


def draft_of(decisions: Sequence[Decision]) -> OpportunityDraft | None:
    """Return what sales receives: the last draft, if every agent advanced the case."""
    if any(decision.verdict is Verdict.DISCARD for decision in decisions):
        return None
    drafts = [decision.draft for decision in decisions if decision.draft is not None]
    return drafts[-1] if drafts else None

"""What the sales agent is told of an opportunity. Pure; documented in docs/operations.md."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from agents.case import Decision, OpportunityDraft

from .judgement import Judgement, opportunity_id

#: Namespace of event ids. It never changes, or receivers could not tell repeats.
_EVENTS: Final = UUID("0d5a64a1-6f0c-5a3a-8a7b-6b3c8a0f7f21")
#: What a finding says in the summary. Its other values may be contact details.
_FINDING: Final = ("name", "points", "trust", "is_stale", "sources")


def event_id(lead_id: UUID) -> UUID:
    """Return the id of the event that tells of a lead's opportunity: one lead, one event."""
    return uuid5(_EVENTS, str(opportunity_id(lead_id)))


def hand_over_row(judgement: Judgement, draft: OpportunityDraft, now: datetime) -> dict[str, Any]:
    """Return the outbox's row for the opportunity that *judgement* creates at *now*."""
    return {
        "event_id": event_id(judgement.lead_id),
        "opportunity_id": opportunity_id(judgement.lead_id),
        "body": orjson.dumps(_event(judgement, draft, now)).decode(),
        "state": "pending",
        "attempts": 0,
        "due_at": now,
        "created_at": now,
    }


def _event(judgement: Judgement, draft: OpportunityDraft, now: datetime) -> dict[str, Any]:
    decision = judgement.decisions[-1]
    return {
        "type": "opportunity.created",
        "id": event_id(judgement.lead_id),
        "timestamp": now,
        "simulated": judgement.simulated,
        "opportunity": {
            "id": opportunity_id(judgement.lead_id),
            **draft.model_dump(mode="json"),
        },
        "lead": {"id": judgement.lead_id, "company_key": judgement.company_key},
        "decision": {
            "agent": decision.agent,
            "version": decision.version,
            "verdict": decision.verdict,
            "code": decision.code,
            "reason": decision.reason.model_dump(),
            "score": decision.score,
        },
        "evidence": {"basis": judgement.basis, "findings": list(_findings(decision))},
    }


def _findings(decision: Decision) -> Iterator[dict[str, Any]]:
    found = decision.details.get("findings")
    for finding in found if isinstance(found, list) else ():
        if isinstance(finding, dict):
            yield {name: finding[name] for name in _FINDING if name in finding}

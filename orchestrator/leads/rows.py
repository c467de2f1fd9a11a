"""Rows to models and back. Pure."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping

from agents.case import Decision, Lead, Localized, Money, OpportunityDraft, Verdict

from .judgement import Judgement, opportunity_id
from .models import Opportunity, StoredDecision

Row = dict[str, Any]

#: What makes two decisions the same: same rules, same evidence. Columns of a unique constraint.
IDENTITY: Final = ("lead_id", "agent", "version", "basis")
#: The values of these columns.
Identity = tuple[Any, ...]


def lead_row(lead: Lead, now: datetime) -> Row:
    """Return the row of a lead imported at *now*."""
    return {**lead.model_dump(), "imported_at": now}


def decision_rows(judgement: Judgement, now: datetime) -> list[Row]:
    """Return a row for each decision of *judgement*, reached at *now*."""
    return [
        {
            "lead_id": judgement.lead_id,
            "agent": decision.agent,
            "version": decision.version,
            "basis": judgement.basis,
            "company_key": judgement.company_key,
            "verdict": decision.verdict.value,
            "code": decision.code,
            "reason_en": decision.reason.en,
            "reason_es": decision.reason.es,
            "score": decision.score,
            "draft": decision.draft and decision.draft.model_dump(),
            "details": decision.details,
            "simulated": judgement.simulated,
            "decided_at": now,
            "confirmed_at": now,
        }
        for decision in judgement.decisions
    ]


def identity_of(judgement: Judgement, decision: Decision) -> Identity:
    """Return what identifies *decision* of *judgement* among all decisions."""
    return judgement.lead_id, decision.agent, decision.version, judgement.basis


def opportunity_row(judgement: Judgement, draft: OpportunityDraft, now: datetime) -> Row:
    """Return the row of the opportunity that *judgement* creates at *now*."""
    return {
        "id": opportunity_id(judgement.lead_id),
        "lead_id": judgement.lead_id,
        "company_key": judgement.company_key,
        "score": draft.score,
        "value_amount": draft.value.amount,
        "value_currency": draft.value.currency,
        "probability": draft.probability,
        "next_step_en": draft.next_step.en,
        "next_step_es": draft.next_step.es,
        "simulated": judgement.simulated,
        "created_at": now,
    }


def to_lead(row: RowMapping) -> Lead:
    """Return the lead of *row*."""
    return Lead.model_validate({name: row[name] for name in Lead.model_fields})


def to_opportunity(row: RowMapping) -> Opportunity:
    """Return the opportunity of *row*."""
    return Opportunity(
        id=row["id"],
        lead_id=row["lead_id"],
        company_key=row["company_key"],
        draft=OpportunityDraft(
            score=row["score"],
            value=Money(amount=row["value_amount"], currency=row["value_currency"]),
            probability=row["probability"],
            next_step=Localized(en=row["next_step_en"], es=row["next_step_es"]),
        ),
        simulated=row["simulated"],
        created_at=row["created_at"],
    )


def to_decision(row: RowMapping) -> StoredDecision:
    """Return the stored decision of *row*."""
    return StoredDecision(
        lead_id=row["lead_id"],
        company_key=row["company_key"],
        basis=row["basis"],
        decision=Decision(
            agent=row["agent"],
            version=row["version"],
            verdict=Verdict(row["verdict"]),
            code=row["code"],
            reason=Localized(en=row["reason_en"], es=row["reason_es"]),
            score=row["score"],
            draft=row["draft"],
            details=row["details"],
        ),
        simulated=row["simulated"],
        decided_at=row["decided_at"],
        confirmed_at=row["confirmed_at"],
    )

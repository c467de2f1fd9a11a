"""What is reported of a lead: how it was judged, or why it was not. Pure."""

from agents.case import Lead, Localized, Verdict
from orchestrator.handlers.judging import Judged, Judging
from orchestrator.handlers.result import ItemStatus, LeadResult, provenance, tally_of
from orchestrator.handlers.trouble import Explanation, failure_of
from orchestrator.jobs import Item, Report
from orchestrator.leads import Recorded
from orchestrator.purchasing import Enrichment

UNKNOWN_LEAD = Explanation(
    ItemStatus.FAILED,
    "unknown_lead",
    Localized(
        en="There is no lead with this id; import it first.",
        es="No hay ningún lead con este id; impórtelo primero.",
    ),
)


def judged(judging: Judging, judgement: Judged, recorded: Recorded) -> Report:
    """Report a lead's judgement, and what came of it."""
    result = judged_result(judging, judgement, recorded)
    tally = tally_of(result.status, judgement.enrichment, judgement.decision)
    return Report(result.model_dump(mode="json"), tally)


def judged_result(judging: Judging, judgement: Judged, recorded: Recorded) -> LeadResult:
    """Return the result of a lead that was judged."""
    lead = judging.lead
    decision = judgement.decision
    viable = decision.verdict is Verdict.ADVANCE
    return LeadResult(
        status=ItemStatus.OPPORTUNITY if viable else ItemStatus.DISCARDED,
        lead_id=str(lead.id),
        company=lead.company,
        code=decision.code,
        reason=decision.reason,
        viable=viable,
        score=decision.score,
        opportunity_id=None if recorded.opportunity_id is None else str(recorded.opportunity_id),
        draft=decision.draft,
        version=decision.version,
        **provenance(judging.company_key, judgement.enrichment),
    )


def failed(
    item: Item,
    lead: Lead | None,
    why: Explanation,
    enrichment: Enrichment | None = None,
    *,
    company_key: str | None = None,
) -> Report:
    """Report a lead that was not judged, and why."""
    result = failed_result(item, lead, why, enrichment, company_key=company_key)
    tally = tally_of(why.status, enrichment)
    return Report(result.model_dump(mode="json"), tally, failure=failure_of(why))


def failed_result(
    item: Item,
    lead: Lead | None,
    why: Explanation,
    enrichment: Enrichment | None = None,
    *,
    company_key: str | None = None,
) -> LeadResult:
    """Return the result of a lead that was not judged; without a key if it was not worked on."""
    return LeadResult(
        status=why.status,
        lead_id=item,
        company="" if lead is None else lead.company,
        code=why.code,
        reason=why.reason,
        candidates=() if enrichment is None else enrichment.candidates,
        uncertain_micros=why.uncertain_micros,
        **provenance(company_key, enrichment),
    )

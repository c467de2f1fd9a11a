"""One lead past the agents: enriched where an agent wants evidence, judged, stored once."""

from uuid import UUID

from agents.case import Case, Decision, Lead, Localized, Verdict
from agents.protocol import Pipeline
from orchestrator.clock import Clock
from orchestrator.enrichment import Enricher, Enrichment, EnrichmentStatus, Purpose
from orchestrator.identity import company_key
from orchestrator.jobs import Item, JobContext, Report
from orchestrator.pipeline.ambiguity import explain_ambiguity
from orchestrator.pipeline.patience import enrich_patiently
from orchestrator.pipeline.result import ItemStatus, LeadResult, provenance, tally_of
from orchestrator.pipeline.trouble import Explanation, reported
from orchestrator.store import LeadStore, Recorded


class LeadHandler:
    """Runs the leads of a job through one pipeline of agents."""

    def __init__(
        self, store: LeadStore, enricher: Enricher, pipeline: Pipeline, clock: Clock
    ) -> None:
        self._store = store
        self._enricher = enricher
        self._pipeline = pipeline
        self._clock = clock

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Judge the lead whose id is *item*.

        Idempotent: a repeated run confirms the decisions and finds the same opportunity.

        Raises:
            NotNow: Redis or the database is away.
        """
        lead: Lead | None = None

        async def work() -> Report:
            nonlocal lead
            lead = await self._lead(item)
            if lead is None:
                return _failed(item, None, _UNKNOWN_LEAD)
            return await self._judge(lead, context)

        return await reported(work(), lambda why: _failed(item, lead, why))

    async def _lead(self, item: Item) -> Lead | None:
        try:
            lead_id = UUID(item)
        except ValueError:  # other services enqueue ids, too
            return None
        return (await self._store.leads([lead_id])).get(lead_id)

    async def _judge(self, lead: Lead, context: JobContext) -> Report:
        purpose = Purpose(context.job_id, context.tenant, context.capped)
        case, enrichment = Case(lead=lead, now=self._clock()), None
        for agent in self._pipeline.agents:
            if agent.wants_evidence(case):
                enrichment = await enrich_patiently(
                    self._enricher, lead.company, purpose, context.pause
                )
                if enrichment.status is EnrichmentStatus.AMBIGUOUS:
                    return _failed(str(lead.id), lead, explain_ambiguity(enrichment), enrichment)
                case = case.with_evidence(enrichment.evidence)
            case = case.with_decision(agent.decide(case))
            if case.decisions[-1].verdict is Verdict.DISCARD:
                break
        recorded = await self._store.record(
            lead.id,
            case.decisions,
            company_key(lead.company),
            basis=_basis(enrichment),
            simulated=case.evidence is not None and case.evidence.simulated,
        )
        return _judged(lead, case.decisions[-1], recorded, enrichment)


_UNKNOWN_LEAD = Explanation(
    ItemStatus.FAILED,
    "unknown_lead",
    Localized(
        en="There is no lead with this id; import it first.",
        es="No hay ningún lead con este id; impórtelo primero.",
    ),
)


def _basis(enrichment: Enrichment | None) -> str:
    """Return what identifies the evidence that a judgement rests on."""
    if enrichment is None or enrichment.as_of is None:
        return "lead"
    return enrichment.purchase_id or enrichment.as_of.isoformat()


def _judged(
    lead: Lead, decision: Decision, recorded: Recorded, enrichment: Enrichment | None
) -> Report:
    viable = decision.verdict is Verdict.ADVANCE
    status = ItemStatus.OPPORTUNITY if viable else ItemStatus.DISCARDED
    result = LeadResult(
        status=status,
        lead_id=str(lead.id),
        company=lead.company,
        code=decision.code,
        reason=decision.reason,
        viable=viable,
        score=decision.score,
        opportunity_id=None if recorded.opportunity_id is None else str(recorded.opportunity_id),
        draft=decision.draft,
        **provenance(lead.company, enrichment),
    )
    return Report(result.model_dump(mode="json"), tally_of(status, enrichment, decision))


def _failed(
    item: Item, lead: Lead | None, why: Explanation, enrichment: Enrichment | None = None
) -> Report:
    company = "" if lead is None else lead.company
    result = LeadResult(
        status=why.status,
        lead_id=item,
        company=company,
        code=why.code,
        reason=why.reason,
        **provenance(company, enrichment),
    )
    return Report(result.model_dump(mode="json"), tally_of(why.status, enrichment))

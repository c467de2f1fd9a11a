"""One company looked up, for jobs that ask for evidence and no judgement."""

from orchestrator.enrichment import Enricher, Enrichment, EnrichmentStatus, Purpose
from orchestrator.jobs import Item, JobContext, Report
from orchestrator.pipeline.ambiguity import explain_ambiguity
from orchestrator.pipeline.patience import enrich_patiently
from orchestrator.pipeline.result import CompanyResult, ItemStatus, provenance, tally_of
from orchestrator.pipeline.trouble import Explanation, reported

_STATUS = {
    EnrichmentStatus.FOUND: ItemStatus.ENRICHED,
    EnrichmentStatus.NOT_FOUND: ItemStatus.NOT_FOUND,
}


class CompanyHandler:
    """Enriches the companies of a job."""

    def __init__(self, enricher: Enricher) -> None:
        self._enricher = enricher

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Look up the company called *item*.

        Raises:
            NotNow: Redis or the database is away.
        """

        async def work() -> Report:
            purpose = Purpose(context.job_id, context.tenant, context.capped)
            enrichment = await enrich_patiently(self._enricher, item, purpose, context.pause)
            if enrichment.status is EnrichmentStatus.AMBIGUOUS:
                return _failed(item, explain_ambiguity(enrichment), enrichment)
            return _enriched(item, enrichment)

        return await reported(work(), lambda why: _failed(item, why))


def _enriched(name: str, enrichment: Enrichment) -> Report:
    result = CompanyResult(
        status=_STATUS[enrichment.status],
        company=name,
        evidence=enrichment.evidence,
        **provenance(name, enrichment),
    )
    return Report(result.model_dump(mode="json"), tally_of(result.status, enrichment))


def _failed(name: str, why: Explanation, enrichment: Enrichment | None = None) -> Report:
    result = CompanyResult(
        status=why.status,
        company=name,
        code=why.code,
        reason=why.reason,
        candidates=() if enrichment is None else enrichment.candidates,
        **provenance(name, enrichment),
    )
    return Report(result.model_dump(mode="json"), tally_of(why.status, enrichment))

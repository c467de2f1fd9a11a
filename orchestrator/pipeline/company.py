"""One company looked up, for jobs that ask for evidence and no judgement.

What a job keeps of it is a `CompanyResult` without its defaults and without its evidence, of
which there is a copy already, in the memo or in the archive.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from orchestrator.enrichment import Enricher, Enrichment, EnrichmentStatus, Purpose
from orchestrator.jobs import GivenUp, Item, JobContext, Report
from orchestrator.memo import Source
from orchestrator.pipeline.ambiguity import explain_ambiguity
from orchestrator.pipeline.patience import enrich_patiently
from orchestrator.pipeline.result import (
    CompanyResult,
    ItemStatus,
    again_of,
    provenance,
    tally_of,
)
from orchestrator.pipeline.trouble import Explanation, explain_given_up, failure_of, reported

JsonObject = dict[str, Any]

_STATUS = {
    EnrichmentStatus.FOUND: ItemStatus.ENRICHED,
    EnrichmentStatus.NOT_FOUND: ItemStatus.NOT_FOUND,
}


class CompanyHandler:
    """Enriches the companies of a job; gives up on one after *patience*, if there is a limit.

    *refresh* says that nobody waits for them.
    """

    def __init__(
        self, enricher: Enricher, *, patience: timedelta | None = None, refresh: bool = False
    ) -> None:
        self._enricher = enricher
        self._patience = patience
        self._refresh = refresh

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Look up the company called *item*.

        Raises:
            NotNow: Redis or the database is away.
        """
        return (await self.look_up(item, context))[0]

    async def look_up(self, item: Item, context: JobContext) -> tuple[Report, Enrichment | None]:
        """Look up the company called *item*; return also what was found, if it could be done.

        Raises:
            NotNow: Redis or the database is away.
        """
        enrichment: Enrichment | None = None

        async def work() -> Report:
            nonlocal enrichment
            await context.step("lookup")
            purpose = Purpose(
                *(context.job_id, context.tenant, context.capped),
                refresh=self._refresh,
                lane=context.lane,
            )
            enrichment = await enrich_patiently(
                self._enricher, item, purpose, context, patience=self._patience
            )
            self._enricher.serve_again(enrichment, context.rows - 1)
            return report_of(item, enrichment)

        report = await reported(work(), lambda why: report_of_failure(item, why))
        return report, enrichment

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a company that is not worked on any more."""
        del context
        return report_of_failure(item, explain_given_up(why))


def report_of(name: str, enrichment: Enrichment) -> Report:
    """Return what a job keeps of the company called *name*."""
    if enrichment.status is EnrichmentStatus.AMBIGUOUS:
        return report_of_failure(name, explain_ambiguity(enrichment), enrichment)
    status = _STATUS[enrichment.status]
    result = {"status": status.value, "company": name, **_provenance(enrichment)}
    tally, again = _tallies(
        status, enrichment.source, enrichment.cost_micros, enrichment.saved_micros
    )
    return Report(result, tally, again)


def report_of_failure(name: str, why: Explanation, enrichment: Enrichment | None = None) -> Report:
    """Return what a job keeps of a company that could not be enriched, and of *why*."""
    result = CompanyResult(
        status=why.status,
        company=name,
        code=why.code,
        reason=why.reason,
        candidates=() if enrichment is None else enrichment.candidates,
        **provenance(name, enrichment),
    )
    return Report(
        result.model_dump(mode="json", exclude_defaults=True),
        tally_of(why.status, enrichment),
        again_of(why.status, enrichment),
        failure_of(why),
    )


def _provenance(enrichment: Enrichment) -> JsonObject:
    """Return what `provenance` says, as JSON without defaults; by hand, since hits are many."""
    result: JsonObject = {
        "company_key": enrichment.company_key,
        "source": enrichment.source,
        "found": enrichment.status is EnrichmentStatus.FOUND,
        "purchase_id": enrichment.purchase_id,
    }
    if enrichment.as_of is not None:
        result["as_of"] = enrichment.as_of.isoformat().replace("+00:00", "Z")
    if enrichment.cost_micros:
        result["cost_micros"] = enrichment.cost_micros
    if enrichment.saved_micros:
        result["saved_micros"] = enrichment.saved_micros
    if enrichment.simulated:
        result["simulated"] = True
    return result


@lru_cache(maxsize=1000)
def _tallies(
    status: ItemStatus, source: Source | None, cost_micros: int, saved_micros: int
) -> tuple[dict[str, int], dict[str, int]]:
    enrichment = Enrichment(
        "",
        EnrichmentStatus.FOUND,
        source=source,
        cost_micros=cost_micros,
        saved_micros=saved_micros,
    )
    return tally_of(status, enrichment), again_of(status, enrichment)

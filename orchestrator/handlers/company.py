"""One company looked up, for jobs that ask for evidence and no judgement.

What a job keeps of it is a `CompanyResult` without its defaults and without its evidence, of
which there is a copy already, in the memo or in the archive.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

from orchestrator.handlers.ambiguity import explain_ambiguity
from orchestrator.handlers.patience import enrich_patiently
from orchestrator.handlers.result import (
    CompanyResult,
    ItemStatus,
    again_of,
    named,
    own_key,
    provenance,
    tally_of,
)
from orchestrator.handlers.trouble import Explanation, explain_given_up, failure_of, reported
from orchestrator.identity import Mention
from orchestrator.identity.resolution import Resolved
from orchestrator.jobs import GivenUp, Item, JobContext, Report
from orchestrator.memo import Source
from orchestrator.purchasing import Enricher, Enrichment, EnrichmentStatus, Purpose

JsonObject = dict[str, Any]
Identify = Callable[[], Awaitable[Resolved]]

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
        """Look up the company that *item* mentions.

        Raises:
            NotNow: Redis or the database is away.
        """
        mention = Mention.of(item)

        async def identify() -> Resolved:
            return await self._enricher.identify(mention)

        return (await self.look_up(mention, identify, context))[0]

    async def look_up(
        self, mention: Mention, identify: Identify, context: JobContext
    ) -> tuple[Report, Enrichment | None]:
        """Look up a company; return also what was found, if it could be done.

        Args:
            mention: Whom the report is about.
            identify: Says which company is meant, or raises what `Enricher.identify` does.
            context: What is known of the job.

        Raises:
            NotNow: Redis or the database is away.
        """
        enrichment: Enrichment | None = None
        company: Resolved | None = None

        async def work() -> Report:
            nonlocal enrichment, company
            await context.step("lookup")
            company = await identify()
            purpose = Purpose(
                *(context.job_id, context.tenant, context.capped),
                refresh=self._refresh,
                lane=context.lane,
                item=context.item,
                buy_again=context.buy_again,
            )
            enrichment = await enrich_patiently(
                self._enricher, company, purpose, context, patience=self._patience
            )
            self._enricher.serve_again(enrichment, context.rows - 1)
            return report_of(mention, enrichment)

        def fail(why: Explanation) -> Report:
            key = None if company is None else company.key
            return report_of_failure(mention, why, company_key=key)

        return await reported(work(), fail), enrichment

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a company that is not worked on any more."""
        del context
        mention = Mention.of(item)
        return report_of_failure(mention, explain_given_up(why), company_key=own_key(mention))


def report_of(mention: Mention, enrichment: Enrichment) -> Report:
    """Return what a job keeps of a company."""
    if enrichment.status is EnrichmentStatus.AMBIGUOUS:
        return report_of_failure(mention, explain_ambiguity(enrichment), enrichment)
    status = _STATUS[enrichment.status]
    result = {"status": status.value, **named(mention), **_provenance(enrichment)}
    tally, again = _tallies(
        status, enrichment.source, enrichment.cost_micros, enrichment.saved_micros
    )
    return Report(result, tally, again)


def report_of_failure(
    mention: Mention,
    why: Explanation,
    enrichment: Enrichment | None = None,
    *,
    company_key: str | None = None,
) -> Report:
    """Return what a job keeps of a company that could not be enriched, and of *why*."""
    result = CompanyResult(
        status=why.status,
        company=mention.name,
        website=mention.website,
        country=mention.country,
        code=why.code,
        reason=why.reason,
        candidates=() if enrichment is None else enrichment.candidates,
        uncertain_micros=why.uncertain_micros,
        **provenance(company_key, enrichment),
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

"""One company looked up, for jobs that ask for evidence and no judgement."""

import asyncio
from datetime import timedelta

from orchestrator.evidence.waterfall import wants_profile
from orchestrator.handlers.explanation import (
    Explanation,
    explain_ambiguity,
    explain_given_up,
    reported,
)
from orchestrator.handlers.result import (
    CompanyResult,
    ItemStatus,
    again_of,
    named,
    own_key,
    provenance,
    tally_of,
)
from orchestrator.identity import Mention
from orchestrator.identity.resolution import Resolved
from orchestrator.jobs import GivenUp, Item, JobContext, Report
from orchestrator.purchasing import BillingContext, Enricher, Enrichment, EnrichmentStatus, Wants
from orchestrator.surfsense import TransientEnrichmentError

#: Lookups of one item before its failure is its result.
TRIES = 3
#: A longer pause is left to the next run.
LONGEST_PAUSE = timedelta(minutes=2)

_STATUS = {
    EnrichmentStatus.FOUND: ItemStatus.ENRICHED,
    EnrichmentStatus.NOT_FOUND: ItemStatus.NOT_FOUND,
    EnrichmentStatus.UNKNOWN: ItemStatus.UNKNOWN,
}


class CompanyHandler:
    """Enriches the companies of a job; gives up on one after *patience*, if there is a limit.

    *refresh* marks lookups that no caller waits for.
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
            NotNow: Redis or the database is unavailable.
        """
        report, _ = await self.look_up(Mention.of(item), context)
        return report

    async def look_up(
        self, mention: Mention, context: JobContext, company: Resolved | None = None
    ) -> tuple[Report, Enrichment | None]:
        """Look up a company; return also what was found, None if the lookup failed.

        Args:
            mention: How the report names the company.
            context: What is known of the job.
            company: Which company is meant, where that is known already.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        enrichment: Enrichment | None = None

        async def work() -> Report:
            nonlocal enrichment, company
            await context.step("lookup")
            company = company or await self._enricher.identify(mention)
            enrichment = await enrich_patiently(
                self._enricher, company, context, patience=self._patience, refresh=self._refresh
            )
            self._enricher.count_repeats(enrichment, context.rows - 1)
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


async def enrich_patiently(
    enricher: Enricher,
    company: Resolved,
    context: JobContext,
    *,
    patience: timedelta | None = None,
    refresh: bool = False,
    wants: Wants = wants_profile,
) -> Enrichment:
    """Look *company* up for an item; after a transient fault, again when a retry is allowed.

    If the job is cancelled meanwhile, so is the purchase, unless another caller waits for it. A
    limited *patience* is spent on one try; the purchase goes on after it has ended. *wants* says
    which evidence is worth its price.

    Raises:
        StillLoading: *patience* has ended.
        Exception: As `Enricher.enrich`, after the last try; or whatever `context.pause` raises.
    """
    billing = BillingContext(
        job_id=context.job_id,
        tenant=context.tenant,
        capped=context.capped,
        refresh=refresh,
        lane=context.lane,
        item=context.item,
        buy_again=context.buy_again,
    )
    try:
        if patience is not None:
            return await enricher.enrich(company, billing, patience=patience, wants=wants)
        for _ in range(TRIES - 1):
            context.tries.begin()
            try:
                found = await enricher.enrich(company, billing, wants=wants)
                failed = found.unasked
                if not isinstance(failed, TransientEnrichmentError) or not _is_soon(failed):
                    return found
            except TransientEnrichmentError as error:
                if not _is_soon(error):
                    raise
                failed = error
            # No pause after a flight that was overtaken while it stood still.
            await context.pause(failed.retry_in or timedelta(0))
        context.tries.begin()
        return await enricher.enrich(company, billing, wants=wants)
    except asyncio.CancelledError:
        if context.is_abandoned():
            enricher.abandon(company.key)
        raise


def _is_soon(error: TransientEnrichmentError) -> bool:
    return (error.retry_in or timedelta(0)) <= LONGEST_PAUSE


def report_of(mention: Mention, enrichment: Enrichment) -> Report:
    """Return what a job keeps of a company that was looked up."""
    if enrichment.status is EnrichmentStatus.AMBIGUOUS:
        return report_of_failure(mention, explain_ambiguity(enrichment, mention), enrichment)
    status = _STATUS[enrichment.status]
    result = {"status": status.value, **named(mention), **provenance(enrichment)}
    result["purchase_id"] = enrichment.purchase_id
    return Report(result, tally_of(status, enrichment), again_of(status, enrichment))


def report_of_failure(
    mention: Mention,
    why: Explanation,
    enrichment: Enrichment | None = None,
    *,
    company_key: str | None = None,
) -> Report:
    """Return what a job keeps of a company that could not be enriched, and of *why*."""
    found = {"company_key": company_key} if enrichment is None else provenance(enrichment)
    result = CompanyResult(
        status=why.status,
        **named(mention),
        code=why.code,
        reason=why.reason,
        candidates=() if enrichment is None else enrichment.candidates,
        uncertain_micros=why.uncertain_micros,
        **found,
    )
    return Report(
        result.model_dump(mode="json", exclude_defaults=True),
        tally_of(why.status, enrichment),
        again_of(why.status, enrichment),
        why.failure,
    )

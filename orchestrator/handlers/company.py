"""One company looked up: for jobs that ask for evidence and no judgement, and for watches.

For a watch its evidence is compared with the evidence before.
"""

import asyncio
from datetime import timedelta

from agents.case import Localized
from orchestrator.database import DatabaseUnavailable
from orchestrator.evidence.waterfall import wants_profile
from orchestrator.identity import Mention
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report
from orchestrator.purchasing import (
    BillingContext,
    Enricher,
    Enrichment,
    EnrichmentStatus,
    EvidenceReader,
    Wants,
)
from orchestrator.schedule import DueSet, RunEnd, Watch, Watches, evidence_digest, watch_id
from orchestrator.surfsense import TransientEnrichmentError

from .explanation import Explanation, explain_ambiguity, explain_given_up, reported
from .result import CompanyResult, ItemStatus, again_of, named, own_key, provenance, tally_of

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


#: The lookup of an ambiguous or unknown company brings no evidence to compare.
_CONCLUSIVE = (EnrichmentStatus.FOUND, EnrichmentStatus.NOT_FOUND)


class RefreshHandler:
    """Runs the watches of a refresh job; as in every lookup, a fresh entry means no purchase."""

    def __init__(
        self,
        watches: Watches,
        due: DueSet,
        evidence: EvidenceReader,
        index: CompanyIndex,
        enricher: Enricher,
    ) -> None:
        self._watches = watches
        self._due = due
        self._evidence = evidence
        self._index = index
        self._look_up = CompanyHandler(enricher, refresh=True)

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Look the company of *item* up again, and set the next instant of its watch.

        Idempotent: a run that has ended, or that another job has taken over, buys nothing.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        try:
            return await self._run(item, context)
        except (DatabaseUnavailable, StoreUnavailable) as error:
            raise NotNow(str(error)) from error

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """End the run of a company that is not worked on any more; its watch runs again later.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        report = await self._look_up.give_up(item, context, why)
        try:
            watch = await self._watch_of_run(item, context)
            if watch is not None:
                await self._end(_ended(watch, report, None, None))
        except (DatabaseUnavailable, StoreUnavailable) as error:
            raise NotNow(str(error)) from error
        return report

    async def _run(self, item: Item, context: JobContext) -> Report:
        watch = await self._watch_of_run(item, context)
        if watch is None:
            return _not_looked_up(item, "not_due", _NOT_DUE)
        # By its key: the name may mean another company by now.
        company = await self._index.resolve_key(watch.company_key, watch.company)
        if await self._is_watched(company, watch):
            await self._end(RunEnd(watch, context.job_id or "", "merged"))
            return _not_looked_up(watch.company, "merged", _MERGED, company.key)
        known = None if watch.digest else await self._evidence.latest(company)
        report, found = await self._look_up.look_up(Mention(watch.company), context, company)
        await self._end(_ended(watch, report, found, None if known is None else _digest(known)))
        return report

    async def _is_watched(self, company: Resolved, watch: Watch) -> bool:
        """Return whether *watch* was merged into *company* and that one has a watch of its own."""
        if company.key == watch.company_key:
            return False
        identity = watch_id(watch.tenant, company.key)
        other = (await self._watches.of([identity])).get(identity)
        return other is not None and not other.paused

    async def _watch_of_run(self, item: Item, context: JobContext) -> Watch | None:
        """Return the watch whose current run *item* is, if any."""
        identity = watch_id(context.tenant, Mention.of(item).identify().key)
        watch = (await self._watches.of([identity])).get(identity)
        if watch is None or watch.job_id is None or watch.job_id != context.job_id:
            return None
        return watch

    async def _end(self, ended: RunEnd) -> None:
        next_at = await self._watches.end(ended)
        if next_at is not None:
            await self._due.put({ended.watch.id: next_at})


def _ended(
    watch: Watch, report: Report, found: Enrichment | None, known_digest: str | None
) -> RunEnd:
    result = CompanyResult.model_validate(report.result)
    return RunEnd(
        watch=watch,
        job_id=watch.job_id or "",
        outcome=result.status.value,
        cost_micros=result.cost_micros,
        # From the lookup: the report of a job does not carry evidence.
        digest=None if found is None else _digest(found),
        known_digest=known_digest,
    )


def _digest(found: Enrichment) -> str | None:
    return evidence_digest(found.evidence) if found.status in _CONCLUSIVE else None


def _not_looked_up(name: str, code: str, reason: Localized, key: str | None = None) -> Report:
    result = CompanyResult(
        status=ItemStatus.NOT_DUE, company=name, company_key=key, code=code, reason=reason
    )
    return Report(result.model_dump(mode="json"), tally_of(result.status, None))


_NOT_DUE = Localized(
    en="Not looked up: its watch was removed, or its run is over already.",
    es="No se consultó: su seguimiento se quitó, o su ejecución ya terminó.",
)
_MERGED = Localized(
    en="Not looked up: it was merged into a company that is watched itself.",
    es="No se consultó: se unió a una empresa que ya tiene su propio seguimiento.",
)

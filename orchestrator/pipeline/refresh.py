"""One watched company looked at again; what it showed is held against what it showed before."""

from agents.case import Localized
from orchestrator.archive import EvidenceArchive
from orchestrator.database import DatabaseUnavailable
from orchestrator.enrichment import Enricher, Enrichment, EnrichmentStatus, recalled
from orchestrator.identity import company_key
from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report
from orchestrator.memo import StoreUnavailable
from orchestrator.pipeline.company import CompanyHandler
from orchestrator.pipeline.result import CompanyResult, ItemStatus, tally_of
from orchestrator.schedule import DueSet, RunEnd, Watch, Watches, evidence_digest, watch_id

#: Of a company that is ambiguous nothing was learned.
_LEARNED = (EnrichmentStatus.FOUND, EnrichmentStatus.NOT_FOUND)


class RefreshHandler:
    """Runs the watches of a refresh job: within freshness nothing is bought, as for anybody."""

    def __init__(
        self, watches: Watches, due: DueSet, archive: EvidenceArchive, enricher: Enricher
    ) -> None:
        self._watches = watches
        self._due = due
        self._archive = archive
        self._look_up = CompanyHandler(enricher, refresh=True)

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Look at the company called *item* again, and give its watch its next instant.

        Idempotent: a run that has ended, or that another job has taken over, buys nothing.

        Raises:
            NotNow: Redis or the database is away.
        """
        try:
            return await self._run(item, context)
        except (DatabaseUnavailable, StoreUnavailable) as away:
            raise NotNow(str(away)) from away

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """End the run of a company that is not worked on any more: its watch is tried later.

        Raises:
            NotNow: Redis or the database is away.
        """
        report = await self._look_up.give_up(item, context, why)
        try:
            watch = await self._watch_of_run(item, context)
            if watch is not None:
                await self._end(_ended(watch, report, None, None))
        except (DatabaseUnavailable, StoreUnavailable) as away:
            raise NotNow(str(away)) from away
        return report

    async def _run(self, item: Item, context: JobContext) -> Report:
        watch = await self._watch_of_run(item, context)
        if watch is None:
            return _not_due(item)
        known = None if watch.digest else await self._known_digest(watch.company_key)
        report, found = await self._look_up.look_up(item, context)
        await self._end(_ended(watch, report, found, known))
        return report

    async def _watch_of_run(self, name: str, context: JobContext) -> Watch | None:
        """Return the watch whose run the item is; None if it is not, or not any more."""
        identity = watch_id(context.tenant, company_key(name))
        watch = (await self._watches.of([identity])).get(identity)
        if watch is None or watch.job_id is None or watch.job_id != context.job_id:
            return None
        return watch

    async def _end(self, ended: RunEnd) -> None:
        next_at = await self._watches.end(ended)
        if next_at is not None:
            await self._due.put({ended.watch.id: next_at})

    async def _known_digest(self, key: str) -> str | None:
        """Return what the agents have seen so far, if that is still kept."""
        answer = (await self._archive.latest([key])).get(key)
        return None if answer is None else _digest(recalled(answer))


def _ended(
    watch: Watch, report: Report, found: Enrichment | None, known_digest: str | None
) -> RunEnd:
    result = CompanyResult.model_validate(report.result)
    return RunEnd(
        watch=watch,
        job_id=watch.job_id or "",
        outcome=result.status.value,
        cost_micros=result.cost_micros,
        # Of what was found: the report of a job does not carry evidence.
        digest=None if found is None else _digest(found),
        known_digest=known_digest,
    )


def _digest(found: Enrichment) -> str | None:
    return evidence_digest(found.evidence) if found.status in _LEARNED else None


def _not_due(name: str) -> Report:
    result = CompanyResult(
        status=ItemStatus.NOT_DUE,
        company=name,
        company_key=company_key(name),
        code="not_due",
        reason=_NOT_DUE,
    )
    return Report(result.model_dump(mode="json"), tally_of(result.status, None))


_NOT_DUE = Localized(
    en="Not looked up: its watch was removed, or its run is over already.",
    es="No se consultó: su seguimiento se quitó, o su ejecución ya terminó.",
)

"""One watched company looked up again; its evidence is compared with the evidence before."""

from agents.case import Localized
from orchestrator.database import DatabaseUnavailable
from orchestrator.handlers.company import CompanyHandler
from orchestrator.handlers.result import CompanyResult, ItemStatus, tally_of
from orchestrator.identity import Mention
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report
from orchestrator.purchasing import Enricher, Enrichment, EnrichmentStatus, EvidenceReader
from orchestrator.schedule import DueSet, RunEnd, Watch, Watches, evidence_digest, watch_id

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

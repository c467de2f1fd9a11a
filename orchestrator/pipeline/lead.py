"""One lead of a job: enriched where an agent wants evidence, judged, stored once."""

from uuid import UUID

from agents.case import Lead
from agents.protocol import Pipeline
from orchestrator.clock import Clock
from orchestrator.database import DatabaseUnavailable
from orchestrator.enrichment import Enricher, Enrichment, Purpose
from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report
from orchestrator.pipeline.judging import Judging, NotJudged
from orchestrator.pipeline.lead_report import UNKNOWN_LEAD, failed, judged
from orchestrator.pipeline.patience import enrich_patiently
from orchestrator.pipeline.trouble import explain_given_up, reported
from orchestrator.store import LeadStore


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

        Idempotent: a repeated run confirms the decisions and finds the same opportunity. Where
        evidence has grown older meanwhile, the decisions that it led to first stand.

        Raises:
            NotNow: Redis or the database is away.
        """
        lead: Lead | None = None

        async def work() -> Report:
            nonlocal lead
            lead = await lead_of(self._store, item)
            if lead is None:
                return failed(item, None, UNKNOWN_LEAD)
            return await self._judge(lead, context)

        return await reported(work(), lambda why: failed(item, lead, why))

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a lead that is not worked on any more.

        Raises:
            NotNow: The database is away.
        """
        del context
        lead = await lead_if_there(self._store, item)
        return failed(item, lead, explain_given_up(why))

    async def _judge(self, lead: Lead, context: JobContext) -> Report:
        purpose = Purpose(context.job_id, context.tenant, context.capped, lane=context.lane)

        async def seek() -> Enrichment:
            await context.step("lookup")
            found = await enrich_patiently(self._enricher, lead.company, purpose, context)
            await context.step("judge")
            return found

        try:
            answer = await Judging(self._pipeline, lead, self._clock(), seek).record(self._store)
        except NotJudged as none:
            return failed(str(lead.id), lead, none.why, none.enrichment)
        return judged(lead, *answer)


async def lead_if_there(store: LeadStore, item: Item) -> Lead | None:
    """Return the stored lead that *item* names, for a job that can wait.

    Raises:
        NotNow: The database is away.
    """
    try:
        return await lead_of(store, item)
    except DatabaseUnavailable as away:
        raise NotNow(str(away)) from away


async def lead_of(store: LeadStore, item: Item) -> Lead | None:
    """Return the stored lead that *item* names, if there is one."""
    try:
        lead_id = UUID(item)
    except ValueError:  # other services enqueue ids, too
        return None
    return (await store.leads([lead_id])).get(lead_id)

"""One lead of a job: enriched where an agent wants evidence, judged, stored once."""

from uuid import UUID

from agents.case import Lead
from agents.protocol import Pipeline
from orchestrator.database import DatabaseUnavailable
from orchestrator.handlers.judging import Judging, NotJudged
from orchestrator.handlers.lead_report import UNKNOWN_LEAD, failed, judged
from orchestrator.handlers.patience import enrich_patiently
from orchestrator.handlers.result import own_key
from orchestrator.handlers.trouble import Explanation, explain_given_up, reported
from orchestrator.identity import mention_of
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.clock import Clock
from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report
from orchestrator.leads import LeadStore
from orchestrator.purchasing import Enricher, Enrichment, Purpose


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
        company: Resolved | None = None

        async def work() -> Report:
            nonlocal lead, company
            lead = await lead_of(self._store, item)
            if lead is None:
                return failed(item, None, UNKNOWN_LEAD)
            company = await self._enricher.identify(mention_of(lead))
            return await self._judge(lead, company, context)

        def fail(why: Explanation) -> Report:
            key = None if company is None else company.key
            return failed(item, lead, why, company_key=key)

        return await reported(work(), fail)

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a lead that is not worked on any more.

        Raises:
            NotNow: The database is away.
        """
        del context
        lead = await lead_if_there(self._store, item)
        key = None if lead is None else own_key(mention_of(lead))
        return failed(item, lead, explain_given_up(why), company_key=key)

    async def _judge(self, lead: Lead, company: Resolved, context: JobContext) -> Report:
        purpose = Purpose(
            *(context.job_id, context.tenant, context.capped),
            lane=context.lane,
            item=context.item,
            buy_again=context.buy_again,
        )

        async def seek() -> Enrichment:
            await context.step("lookup")
            found = await enrich_patiently(self._enricher, company, purpose, context)
            await context.step("judge")
            return found

        try:
            judging = Judging(self._pipeline, lead, company.key, self._clock(), seek)
            return judged(judging, *await judging.record(self._store))
        except NotJudged as none:
            return failed(str(lead.id), lead, none.why, none.enrichment, company_key=company.key)


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

"""Leads judged again by the rules of today, on evidence that is there. Nothing is bought."""

from datetime import datetime

from agents.case import Decision, Lead, Localized, Verdict
from agents.protocol import Pipeline
from orchestrator.handlers.judging import Judged, Judging, NotJudged
from orchestrator.handlers.lead import lead_if_there, lead_of
from orchestrator.handlers.lead_report import UNKNOWN_LEAD, failed_result, judged_result
from orchestrator.handlers.result import (
    Change,
    ItemStatus,
    LeadResult,
    RejudgedLead,
    own_key,
    tally_of,
)
from orchestrator.handlers.trouble import Explanation, explain_given_up, reported
from orchestrator.identity import mention_of
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.clock import Clock
from orchestrator.jobs import GivenUp, Item, JobContext, Report
from orchestrator.leads import LeadStore, Recorded, StoredDecision
from orchestrator.purchasing import Enrichment, LastKnown, nobody


class Rejudge:
    """Judges stored leads again.

    A judgement that changes is one more decision; an opportunity that exists stays as it is,
    even where the new decision discards its lead.
    """

    def __init__(
        self,
        store: LeadStore,
        last_known: LastKnown,
        index: CompanyIndex,
        pipeline: Pipeline,
        clock: Clock,
    ) -> None:
        self._store = store
        self._index = index
        self._last_known = last_known
        self._pipeline = pipeline
        self._clock = clock

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Judge the lead whose id is *item* again, and store what is decided.

        Idempotent: what an earlier try of the same job has decided counts as this one's.

        Raises:
            NotNow: Redis or the database is away.
        """

        async def work() -> Report:
            return _report(await self.judge(item, before=context.accepted_at, store=True))

        return await reported(work(), lambda why: _report(_failed(item, None, why)))

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a lead that is not judged any more.

        Raises:
            NotNow: The database is away.
        """
        del context
        lead = await lead_if_there(self._store, item)
        key = None if lead is None else own_key(mention_of(lead))
        return _report(_failed(item, lead, explain_given_up(why), company_key=key))

    async def judge(
        self, item: Item, *, before: datetime | None = None, store: bool = False
    ) -> RejudgedLead:
        """Say how the lead whose id is *item* is judged now, and how it was.

        Args:
            item: Id of a lead.
            before: Only what was decided before counts as how it was; now if not given.
            store: Whether the decision is stored, with the opportunity that may come of it.

        Raises:
            DatabaseUnavailable, StoreUnavailable: It cannot be told.
        """
        lead = await lead_of(self._store, item)
        if lead is None:
            return _failed(item, None, UNKNOWN_LEAD)
        history = await self._store.decisions_of(lead.id)
        company = await self._index.look(mention_of(lead).identify())
        judging = Judging(
            *(self._pipeline, lead, company.key, self._clock()),
            seek=lambda: self._remember(company),
        )
        try:
            if store:
                judged, recorded = await judging.record(self._store)
            else:
                judged, recorded = await self._foresee(judging, history)
        except NotJudged as none:
            return _failed(item, lead, none.why, none.enrichment, company_key=company.key)
        earlier = [each for each in history if before is None or each.decided_at < before]
        previous = earlier[-1].decision if earlier else None
        return RejudgedLead(
            **judged_result(judging, judged, recorded).model_dump(),
            change=_change(previous, judged.decision),
            previous_code=None if previous is None else previous.code,
            previous_version=None if previous is None else previous.version,
        )

    async def _foresee(
        self, judging: Judging, history: list[StoredDecision]
    ) -> tuple[Judged, Recorded]:
        """Tell what would be decided, and stored."""
        judged = await judging.decide()
        standing = {
            each.decision.agent: each.decision
            for each in history
            for ours in judged.decisions
            if (each.basis, each.decision.agent, each.decision.version)
            == (judged.basis, ours.agent, ours.version)
        }
        opportunity = await self._store.opportunity_of(judging.lead.id)
        recorded = Recorded(None if opportunity is None else opportunity.id, created=False)
        return await judging.decide(standing), recorded

    async def _remember(self, company: Resolved) -> Enrichment:
        if company.is_ambiguous:
            return nobody(company)
        known = await self._last_known.of(company)
        if known is None:
            raise NotJudged.because(_NOTHING_KEPT)
        return known


_NOTHING_KEPT = Explanation(
    ItemStatus.FAILED,
    "no_evidence_kept",
    Localized(
        en="No evidence about this company is kept; run the lead without --rejudge to buy it.",
        es="No se conserva ninguna consulta de esta empresa; ejecute el lead sin --rejudge "
        "para comprarla.",
    ),
)


def _change(previous: Decision | None, now: Decision) -> Change:
    if previous is None:
        return Change.FIRST
    if previous.verdict is now.verdict:
        return Change.UNCHANGED
    return Change.ADVANCED if now.verdict is Verdict.ADVANCE else Change.DISCARDED


def _failed(
    item: Item,
    lead: Lead | None,
    why: Explanation,
    enrichment: Enrichment | None = None,
    *,
    company_key: str | None = None,
) -> RejudgedLead:
    result: LeadResult = failed_result(item, lead, why, enrichment, company_key=company_key)
    return RejudgedLead(**result.model_dump(), change=Change.NOT_JUDGED)


def _report(result: RejudgedLead) -> Report:
    tally = {**tally_of(result.status, None), f"change:{result.change}": 1}
    failure = result.code if result.status is ItemStatus.FAILED else None
    return Report(result.model_dump(mode="json"), tally, failure=failure)

"""Judges one lead by the agents of the pipeline: in a job, or again without buying."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from agents.case import Case, ClaimField, Decision, Evidence, Lead, Localized, Pipeline, Verdict
from orchestrator.database import DatabaseUnavailable
from orchestrator.evidence.profile import EVIDENCE
from orchestrator.handlers.company import enrich_patiently, explain_end
from orchestrator.handlers.explanation import (
    KEEPS_CHANGING,
    Explanation,
    explain_ambiguity,
    explain_given_up,
    report_or_explain,
)
from orchestrator.handlers.result import (
    Change,
    ItemStatus,
    LeadResult,
    RejudgedLead,
    name_fields,
    own_key,
    provenance,
    tally_of,
    tally_of_failure,
)
from orchestrator.identity import Mention, mention_of
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.clock import Clock
from orchestrator.jobs import GivenUp, Item, JobContext, NotNow, Report
from orchestrator.leads import LeadChanged, LeadStore, Recorded, StoredDecision
from orchestrator.purchasing import (
    Enricher,
    Enrichment,
    EnrichmentStatus,
    EvidenceReader,
    Wants,
    ambiguous_outcome,
    subject_of,
)


@dataclass(frozen=True, slots=True)
class NoJudgement:
    """Why a lead cannot be judged, and what was looked up in vain."""

    why: Explanation
    enrichment: Enrichment | None = None


#: Judgements of a lead that changes each time while it is judged, before that is its result.
TRIES: Final = 3
Seek = Callable[[], Awaitable[Enrichment | NoJudgement]]
#: A company, and what is wanted of it: None if nothing is.
WantedCompany: TypeAlias = tuple[Mention, Wants | None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the agents decided, in order, and the evidence it rests on, where one wanted any."""

    decisions: tuple[Decision, ...]
    enrichment: Enrichment | None

    @property
    def decision(self) -> Decision:
        """The last one, which counts."""
        return self.decisions[-1]

    @property
    def basis(self) -> str:
        """What identifies the evidence."""
        if self.enrichment is None or self.enrichment.as_of is None:
            return "lead"
        return self.enrichment.purchase_id or self.enrichment.as_of.isoformat()

    @property
    def simulated(self) -> bool:
        """Whether the evidence is invented."""
        evidence = None if self.enrichment is None else self.enrichment.evidence
        return evidence is not None and evidence.simulated


def wants_of(pipeline: Pipeline, lead: Lead, now: datetime) -> Wants:
    """Return which evidence about the company of *lead* the agents want at *now*."""
    case = Case(lead=lead, now=now)

    def wants(evidence: Evidence | None, fields: frozenset[ClaimField]) -> bool:
        known = case if evidence is None else case.with_evidence(evidence)
        return any(agent.wants(known, fields) for agent in pipeline.agents)

    return wants


def leads_asked(
    pipeline: Pipeline, leads: Iterable[Lead], now: datetime
) -> Iterator[WantedCompany]:
    """Yield the company of each lead, and what the agents want of it; None if nothing."""
    for lead in leads:
        case = Case(lead=lead, now=now)
        is_sought = any(agent.wants_evidence(case) for agent in pipeline.agents)
        yield mention_of(lead), wants_of(pipeline, lead, now) if is_sought else None


class _Judging:
    """The judgement of a lead as it was read, at one instant. Evidence is sought once at most."""

    def __init__(self, pipeline: Pipeline, lead: Lead, now: datetime, seek: Seek) -> None:
        self._lead = lead
        self._pipeline = pipeline
        self._now = now
        self._seek = seek
        self._sought: Enrichment | NoJudgement | None = None

    async def decide(
        self, standing: Mapping[str, Decision] | None = None
    ) -> Judgement | NoJudgement:
        """Have the agents decide, except where a decision stands already (by agent).

        Raises:
            Exception: What seeking raises.
        """
        case, enrichment = Case(lead=self._lead, now=self._now), None
        for agent in self._pipeline.agents:
            if agent.wants_evidence(case):
                sought = await self._evidence()
                if isinstance(sought, NoJudgement):
                    return sought
                enrichment, case = sought, case.with_evidence(sought.evidence)
            earlier = (standing or {}).get(agent.name)
            case = case.with_decision(earlier or agent.decide(case))
            if case.decisions[-1].verdict is Verdict.DISCARD:
                break
        return Judgement(case.decisions, enrichment)

    async def record(
        self, store: LeadStore, company_key: str
    ) -> tuple[Judgement, Recorded] | NoJudgement:
        """Decide and store it. What was decided before on the same evidence stands.

        Raises:
            LeadChanged: The lead is not stored as it was read; nothing was written.
        """
        standing: dict[str, Decision] = {}
        while True:
            judged = await self.decide(standing)
            if isinstance(judged, NoJudgement):
                return judged
            recorded = await store.record(
                self._lead,
                judged.decisions,
                company_key,
                basis=judged.basis,
                simulated=judged.simulated,
            )
            if not recorded.standing:
                return judged, recorded
            standing |= recorded.standing

    async def _evidence(self) -> Enrichment | NoJudgement:
        if self._sought is None:
            sought = await self._seek()
            if isinstance(sought, Enrichment) and sought.status is EnrichmentStatus.AMBIGUOUS:
                sought = NoJudgement(explain_ambiguity(sought, mention_of(self._lead)), sought)
            self._sought = sought
        return self._sought


@dataclass(slots=True)
class _Subject:
    """The lead that an item names, and its company's key, as far as they are known yet."""

    item: Item
    lead: Lead | None = None
    company_key: str | None = None

    async def read(self, store: LeadStore) -> Lead | None:
        """Read the lead; None if it is not stored."""
        try:
            lead_id = UUID(self.item)
        except ValueError:  # other services enqueue ids, too
            return None
        self.lead = await store.lead(lead_id)
        return self.lead

    async def read_last(self, store: LeadStore) -> Lead | None:
        """Read a lead that is not worked on any more.

        Raises:
            NotNow: The database is unavailable.
        """
        try:
            lead = await self.read(store)
        except DatabaseUnavailable as error:
            raise NotNow(str(error)) from error
        self.company_key = None if lead is None else own_key(mention_of(lead))
        return lead

    def failed_result(self, why: Explanation, enrichment: Enrichment | None = None) -> LeadResult:
        """Return the result of a lead that was not judged, and why."""
        return LeadResult(
            status=why.status,
            lead_id=self.item,
            company="" if self.lead is None else self.lead.company,
            code=why.code,
            reason=why.reason,
            candidates=() if enrichment is None else enrichment.candidates,
            uncertain_micros=why.uncertain_micros,
            **self._provenance(enrichment, why.spent.cost_micros),
        )

    def judged_result(
        self, lead: Lead, judged: Judgement, recorded: Recorded, version: str
    ) -> LeadResult:
        """Return the result of a lead that was judged by the rules of *version*."""
        decision = judged.decision
        viable = decision.verdict is Verdict.ADVANCE
        drafts = [each.draft for each in judged.decisions if each.draft is not None]
        opportunity_id = recorded.opportunity_id
        return LeadResult(
            status=ItemStatus.OPPORTUNITY if viable else ItemStatus.DISCARDED,
            lead_id=str(lead.id),
            **name_fields(mention_of(lead)),
            code=decision.code,
            reason=decision.reason,
            viable=viable,
            score=decision.score,
            opportunity_id=None if opportunity_id is None else str(opportunity_id),
            draft=drafts[-1] if viable and drafts else decision.draft,
            version=version,
            **self._provenance(judged.enrichment),
        )

    def _provenance(self, enrichment: Enrichment | None, cost_micros: int = 0) -> dict[str, Any]:
        if enrichment is None:
            return {"company_key": self.company_key, "cost_micros": cost_micros}
        return provenance(enrichment) | {"purchase_id": enrichment.purchase_id}


async def _while_it_changes(
    judge: Callable[[], Awaitable[Report]], otherwise: Callable[[Explanation], Awaitable[Report]]
) -> Report:
    """Return the report of *judge*, which reads a lead: again where the lead changes meanwhile.

    Of one that does so each time, *otherwise* makes the report.

    Raises:
        Exception: What *judge* raises.
    """
    for _ in range(TRIES):
        with suppress(LeadChanged):
            return await judge()
    return await otherwise(KEEPS_CHANGING)


class LeadHandler:
    """Runs the leads of a job through the pipeline of agents."""

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
        evidence has grown older meanwhile, the decisions that it led to first stand. A lead that
        changes while it is judged is read and judged again; what was bought for it is a hit then.

        Raises:
            NotNow: Redis or the database is unavailable.
        """
        subject = _Subject(item)
        company: Resolved | None = None

        async def fail(why: Explanation) -> Report:
            if company is not None:
                spent = await self._enricher.spent_on(company, context.job_id, context.item)
                why = replace(why, spent=spent)
            return _report_of_failure(subject, why)

        async def work() -> Report:
            nonlocal company
            lead = await subject.read(self._store)
            if lead is None:
                return _report_of_failure(subject, UNKNOWN_LEAD)
            company = await self._enricher.identify(mention_of(lead))
            subject.company_key = company.key
            return await self._judge(subject, lead, company, context)

        return await report_or_explain(_while_it_changes(work, fail), fail)

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a lead that is not worked on any more.

        Raises:
            NotNow: The database is unavailable.
        """
        subject, ending = _Subject(item), explain_given_up(why)
        lead = await subject.read_last(self._store)
        if lead is not None:
            ending = await explain_end(self._enricher, mention_of(lead), context, why)
        return _report_of_failure(subject, ending)

    async def _judge(
        self, subject: _Subject, lead: Lead, company: Resolved, context: JobContext
    ) -> Report:
        now = self._clock()

        async def seek() -> Enrichment:
            await context.step("lookup")
            found = await enrich_patiently(
                self._enricher, company, context, wants=wants_of(self._pipeline, lead, now)
            )
            await context.step("judge")
            return found

        judging = _Judging(self._pipeline, lead, now, seek)
        outcome = await judging.record(self._store, company.key)
        if isinstance(outcome, NoJudgement):
            result = subject.failed_result(outcome.why, outcome.enrichment)
            return _report(result, outcome.enrichment)
        judged, recorded = outcome
        result = subject.judged_result(lead, judged, recorded, self._pipeline.version)
        return _report(result, judged.enrichment, judged.decision)


class Rejudge:
    """Judges stored leads again, by today's rules, on evidence that is kept. Buys nothing.

    A judgement that changes is one more decision; an opportunity that exists stays as it is,
    even where the new decision discards its lead.
    """

    def __init__(
        self,
        store: LeadStore,
        evidence: EvidenceReader,
        index: CompanyIndex,
        pipeline: Pipeline,
        clock: Clock,
    ) -> None:
        self._store = store
        self._index = index
        self._evidence = evidence
        self._pipeline = pipeline
        self._clock = clock

    async def __call__(self, item: Item, context: JobContext) -> Report:
        """Judge the lead whose id is *item* again, and store what is decided.

        Idempotent: what an earlier try of the same job has decided counts as this one's.

        Raises:
            NotNow: Redis or the database is unavailable.
        """

        async def work() -> Report:
            return _rejudge_report(await self.judge(item, before=context.accepted_at, store=True))

        async def fail(why: Explanation) -> Report:
            return _rejudge_report(_not_judged(_Subject(item).failed_result(why)))

        return await report_or_explain(_while_it_changes(work, fail), fail)

    async def give_up(self, item: Item, context: JobContext, why: GivenUp) -> Report:
        """Return the report of a lead that is not judged any more.

        Raises:
            NotNow: The database is unavailable.
        """
        del context
        subject = _Subject(item)
        await subject.read_last(self._store)
        return _rejudge_report(_not_judged(subject.failed_result(explain_given_up(why))))

    async def judge(
        self, item: Item, *, before: datetime | None = None, store: bool = False
    ) -> RejudgedLead:
        """Return how the lead of *item* is judged now.

        Args:
            item: The id of a lead.
            before: Decisions of this instant and later do not count as the previous judgement.
            store: Whether the judgement is stored; otherwise nothing is changed.

        Raises:
            LeadChanged: The lead changed meanwhile, and *store* is set.
            DatabaseUnavailable, StoreUnavailable: A backend is unavailable.
        """
        subject = _Subject(item)
        lead = await subject.read(self._store)
        if lead is None:
            return _not_judged(subject.failed_result(UNKNOWN_LEAD))
        history = await self._store.decisions_of(lead.id)
        company = await self._index.preview(mention_of(lead).identify())
        subject.company_key = company.key
        judging = _Judging(
            self._pipeline, lead, self._clock(), seek=lambda: self._known_evidence(company)
        )
        if store:
            outcome = await judging.record(self._store, company.key)
        else:
            outcome = await self._preview(judging, lead, history)
        if isinstance(outcome, NoJudgement):
            return _not_judged(subject.failed_result(outcome.why, outcome.enrichment))
        judged, recorded = outcome
        earlier = [each for each in history if before is None or each.decided_at < before]
        previous = [each for each in earlier if each.confirmed_at == earlier[-1].confirmed_at]
        result = subject.judged_result(lead, judged, recorded, self._pipeline.version)
        return RejudgedLead(
            **result.model_dump(),
            change=_change(previous[-1].decision if previous else None, judged.decision),
            previous_code=previous[-1].decision.code if previous else None,
            previous_version="+".join(each.decision.version for each in previous) or None,
        )

    async def _preview(
        self, judging: _Judging, lead: Lead, history: list[StoredDecision]
    ) -> tuple[Judgement, Recorded] | NoJudgement:
        """Return what would be decided, and the opportunity that there is."""
        judged = await judging.decide()
        if isinstance(judged, NoJudgement):
            return judged
        standing = {
            each.decision.agent: each.decision
            for each in history
            for ours in judged.decisions
            if (each.basis, each.decision.agent, each.decision.version)
            == (judged.basis, ours.agent, ours.version)
        }
        opportunity = await self._store.opportunity_of(lead.id)
        judged = await judging.decide(standing)
        if isinstance(judged, NoJudgement):
            return judged
        return judged, Recorded(None if opportunity is None else opportunity.id, created=False)

    async def _known_evidence(self, company: Resolved) -> Enrichment | NoJudgement:
        if company.is_ambiguous:
            return ambiguous_outcome(company)
        found = await self._evidence.latest(company)
        if found is None:
            return NoJudgement(_NOTHING_KEPT)
        is_by_name = EVIDENCE in found.answer and not subject_of(company).has_second_fact
        return ambiguous_outcome(company) if is_by_name else found


UNKNOWN_LEAD = Explanation(
    ItemStatus.FAILED,
    "unknown_lead",
    Localized(
        en="There is no lead with this id; import it first.",
        es="No hay ningún lead con este id; impórtelo primero.",
    ),
)
_NOTHING_KEPT = Explanation(
    ItemStatus.FAILED,
    "no_evidence_kept",
    Localized(
        en="No evidence about this company is kept; run the lead without --rejudge to buy it.",
        es="No se conserva ninguna consulta de esta empresa; ejecute el lead sin --rejudge "
        "para comprarla.",
    ),
)


def _report(
    result: LeadResult, enrichment: Enrichment | None = None, decision: Decision | None = None
) -> Report:
    failure = result.code if result.status is ItemStatus.FAILED else None
    tally = tally_of(result.status, enrichment, decision)
    return Report(result.model_dump(mode="json"), tally, failure=failure)


def _report_of_failure(subject: _Subject, why: Explanation) -> Report:
    tally = tally_of_failure(why.status, why.spent)
    return Report(subject.failed_result(why).model_dump(mode="json"), tally, failure=why.failure)


def _rejudge_report(result: RejudgedLead) -> Report:
    tally = {**tally_of(result.status, None), f"change:{result.change}": 1}
    failure = result.code if result.status is ItemStatus.FAILED else None
    return Report(result.model_dump(mode="json"), tally, failure=failure)


def _not_judged(result: LeadResult) -> RejudgedLead:
    return RejudgedLead(**result.model_dump(), change=Change.NOT_JUDGED)


def _change(previous: Decision | None, now: Decision) -> Change:
    if previous is None:
        return Change.FIRST
    if previous.verdict is now.verdict:
        return Change.UNCHANGED
    return Change.ADVANCED if now.verdict is Verdict.ADVANCE else Change.DISCARDED

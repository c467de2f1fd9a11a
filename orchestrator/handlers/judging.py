"""One lead past the agents of a pipeline; where evidence comes from is its caller's business."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agents.case import Case, Decision, Lead, Localized, Verdict
from agents.protocol import Pipeline
from orchestrator.handlers.ambiguity import explain_ambiguity
from orchestrator.handlers.result import ItemStatus
from orchestrator.handlers.trouble import Explanation
from orchestrator.leads import LeadStore, Recorded
from orchestrator.purchasing import Enrichment, EnrichmentStatus

Seek = Callable[[], Awaitable[Enrichment]]


class NotJudged(Exception):
    """There is no evidence to judge a lead by; the arguments say why, as an `Explanation` does."""

    enrichment: Enrichment | None = None

    def __init__(self, status: str, code: str, en: str, es: str) -> None:
        super().__init__(status, code, en, es)
        self.status = status
        self.code = code
        self.reason = Localized(en=en, es=es)

    def __str__(self) -> str:
        return self.reason.en

    @classmethod
    def because(cls, why: Explanation, enrichment: Enrichment | None = None) -> "NotJudged":
        """Return the error for *why*; *enrichment* is what was looked up in vain."""
        error = cls(why.status, why.code, why.reason.en, why.reason.es)
        error.enrichment = enrichment
        return error

    @property
    def why(self) -> Explanation:
        """How the lead ends."""
        return Explanation(ItemStatus(self.status), self.code, self.reason)


@dataclass(frozen=True, slots=True)
class Judged:
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


class Judging:
    """The judgement of one lead at one instant. Evidence is sought once at most."""

    def __init__(
        self, pipeline: Pipeline, lead: Lead, company_key: str, now: datetime, seek: Seek
    ) -> None:
        self.lead = lead
        self.company_key = company_key
        self._pipeline = pipeline
        self._now = now
        self._seek = seek
        self._sought: Enrichment | None = None

    async def decide(self, standing: Mapping[str, Decision] | None = None) -> Judged:
        """Have the agents decide, except where a decision stands already (by agent).

        Raises:
            NotJudged: The evidence may be about another company, or there is none.
            Exception: What seeking raises.
        """
        case, enrichment = Case(lead=self.lead, now=self._now), None
        for agent in self._pipeline.agents:
            if agent.wants_evidence(case):
                enrichment = await self._evidence()
                case = case.with_evidence(enrichment.evidence)
            earlier = (standing or {}).get(agent.name)
            case = case.with_decision(earlier or agent.decide(case))
            if case.decisions[-1].verdict is Verdict.DISCARD:
                break
        return Judged(case.decisions, enrichment)

    async def record(self, store: LeadStore) -> tuple[Judged, Recorded]:
        """Decide and store it. What was decided before on the same evidence stands."""
        standing: dict[str, Decision] = {}
        while True:
            judged = await self.decide(standing)
            recorded = await store.record(
                self.lead.id,
                judged.decisions,
                self.company_key,
                basis=judged.basis,
                simulated=judged.simulated,
            )
            if not recorded.standing:
                return judged, recorded
            standing |= recorded.standing

    async def _evidence(self) -> Enrichment:
        if self._sought is None:
            self._sought = await self._seek()
        if self._sought.status is EnrichmentStatus.AMBIGUOUS:
            raise NotJudged.because(explain_ambiguity(self._sought), self._sought)
        return self._sought

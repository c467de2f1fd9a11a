"""What was found about a company, step by step, for a person who wants to check it. Pure.

The bounds of the score after each step are computed again from the stored answers of the steps: the
evidence that there was then, judged at that instant. `orchestrator.lookup.read_evidence` gathers
what is shown here; nothing is bought for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from agents.case import Case, ClaimField, Decision, Evidence, Lead
from agents.cdao import Bounds
from orchestrator.evidence.model import Step, Subject
from orchestrator.evidence.profile import (
    FIELD_NAMES,
    SourceShown,
    assemble,
    site_of,
    sources_in,
    website_in,
)
from orchestrator.evidence.waterfall import (
    Offer,
    Skip,
    Stop,
    Wants,
    offers_for,
    unanswered,
    wants_profile,
)
from orchestrator.evidence.website import WebsiteChoice, pages_to_read
from orchestrator.infra.clock import instant
from orchestrator.purchasing.outcome import JsonObject
from orchestrator.purchasing.steps import Progress, StepTaken, answers_of, assembled, is_whole
from orchestrator.surfsense import evidence_from

StepAnswers = Mapping[Step, Mapping[str, Any]]

_FIELDS: Final = {name: field for field, name in FIELD_NAMES.items()}


class Judge(Protocol):
    """An agent that says how far the score can still move."""

    @property
    def threshold(self) -> int:
        """The score, 0 to 100, from which a lead advances."""

    def bounds(self, case: Case, fields: frozenset[ClaimField]) -> Bounds:
        """Return where the judgement is expected to end with evidence about *fields*."""

    def wants(self, case: Case, fields: frozenset[ClaimField]) -> bool:
        """Return whether evidence about *fields* is worth paying for."""

    def decide(self, case: Case) -> Decision:
        """Judge *case*."""


@dataclass(frozen=True, slots=True)
class Rules:
    """By what the steps of a company are judged.

    Attributes:
        lead: The company, and what is known of it for free.
        judge: Gives the bounds of the score; None leaves them out.
        ceiling_micros: What one company may cost.
    """

    lead: Lead
    judge: Judge | None
    ceiling_micros: int


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step of the research, in the order in which they were bought.

    Attributes:
        step: Which.
        bought_at: Aware UTC instant of its answer; None for a step that failed.
        purchase_id: Its purchase in the ledger.
        cost_micros: What it cost.
        failure: The code of the error that it ended with.
        items: How many places, hits, pages or job ads it brought; None where that is not kept.
        brought: The fields of the answer after it that it supports.
        score: What the lead would have been judged with then, 0 to 100.
        bounds: Where the judgement could still end after it. Both are None where the answer of the
            step, or of an earlier one, is not kept any more.
    """

    step: Step
    bought_at: datetime | None = None
    purchase_id: str | None = None
    cost_micros: int = 0
    failure: str | None = None
    items: int | None = None
    brought: tuple[ClaimField, ...] = ()
    score: int | None = None
    bounds: Bounds | None = None

    def as_json(self) -> JsonObject:
        """Return it for `--json`."""
        bounds = self.bounds and {
            "lowest": self.bounds.lowest,
            "highest": self.bounds.highest,
            "verdicts": sorted(self.bounds.verdicts),
        }
        at = self.bought_at and self.bought_at.isoformat()
        brought = [field.value for field in self.brought]
        return asdict(self) | {"bought_at": at, "brought": brought, "bounds": bounds}


@dataclass(frozen=True, slots=True)
class EvidenceShown:
    """All that was found about a company, and how.

    Attributes:
        company_key: Whose evidence it is.
        is_current: Whether the memo has it; else it is what the archive keeps, which may be old.
        has_steps: Whether it was bought in steps. An answer of the protocol `enrich` was not.
        steps: In the order in which they were bought.
        stopped: Why nothing more was bought; None where that is not known.
        for_profile: Whether the completeness of a profile explains that, and not an agent.
        not_bought: The steps that were not bought, and why; None where no rule explains it.
        threshold: The score from which a lead advances; None without an agent that has one.
        sources: All that was looked at, what agrees first.
        website: The website that was chosen, and the candidates.
        evidence: The values.
        cost_micros: What all of it cost.
    """

    company_key: str
    is_current: bool
    has_steps: bool
    steps: tuple[StepShown, ...] = ()
    stopped: Stop | None = None
    for_profile: bool = False
    not_bought: Mapping[Step, Skip | None] | None = None
    threshold: int | None = None
    sources: tuple[SourceShown, ...] = ()
    website: WebsiteChoice | None = None
    evidence: Evidence | None = None
    cost_micros: int = 0

    def as_json(self) -> JsonObject:
        """Return it for `--json`."""
        claims = () if self.evidence is None else self.evidence.claims
        return {
            "company_key": self.company_key,
            "is_current": self.is_current,
            "has_steps": self.has_steps,
            "cost_micros": self.cost_micros,
            "steps": [step.as_json() for step in self.steps],
            "stopped": self.stopped,
            "not_bought": {step.value: why for step, why in (self.not_bought or {}).items()},
            "threshold": self.threshold,
            "simulated": self.evidence is not None and self.evidence.simulated,
            "values": [claim.model_dump(mode="json") for claim in claims],
            "sources": [asdict(source) for source in self.sources],
            "website": self.website and asdict(self.website),
        }


def show_steps(
    company_key: str,
    subject: Subject,
    steps: Sequence[StepTaken],
    kept: StepAnswers,
    rules: Rules,
    *,
    stopped: str | None = None,
    answer: Mapping[str, Any] | None = None,
    is_current: bool = True,
) -> EvidenceShown:
    """Return what *steps* brought.

    Args:
        company_key: Whose evidence it is.
        subject: Who was asked for.
        steps: Without order, failed ones too.
        kept: The answers of those steps that are still kept.
        rules: By what they are judged.
        stopped: A `Stop`, as the assembled entry has it.
        answer: The assembled answer; it is assembled again without one.
        is_current: Whether the memo has it.
    """
    in_order = sorted(steps, key=lambda each: (each.failure is not None, each.stored_at_ms))
    brought = [each for each in in_order if each.failure is None and each.step in kept]
    dated = {each.step: instant(each.stored_at_ms) for each in brought}
    if answer is None:
        answer = assembled(subject, {step: kept[step] for step in dated}, dated).payload
    oldest = min(dated.values(), default=None)
    research = _Research(subject, rules)
    evidence = None if oldest is None else evidence_from(subject.name, answer, oldest)
    stop, reasons, for_profile = research.reasons(in_order, kept, answer, evidence, stopped)
    return EvidenceShown(
        company_key,
        is_current=is_current,
        has_steps=True,
        steps=tuple(research.show_each(in_order, kept)),
        stopped=stop,
        for_profile=for_profile,
        not_bought=reasons,
        threshold=None if rules.judge is None else rules.judge.threshold,
        sources=sources_in(answer),
        website=website_in(answer),
        evidence=evidence,
        cost_micros=sum(each.cost_micros for each in in_order),
    )


def show_answer(
    company_key: str,
    name: str,
    payload: Mapping[str, Any],
    as_of: datetime,
    *,
    is_current: bool = True,
) -> EvidenceShown:
    """Return what an entry's *payload* says that one purchase brought: no steps are known."""
    answer = payload.get("answer") or {}
    return EvidenceShown(
        company_key,
        is_current=is_current,
        has_steps=False,
        sources=sources_in(answer),
        website=website_in(answer),
        evidence=evidence_from(name, answer, as_of) if answer else None,
        cost_micros=payload.get("cost_micros", 0),
    )


@dataclass(frozen=True, slots=True)
class _Research:
    """The rules that the steps were bought by."""

    subject: Subject
    rules: Rules

    @property
    def _offers(self) -> tuple[Offer, ...]:
        return offers_for(has_place=self.subject.has_place)

    def show_each(self, steps: Sequence[StepTaken], kept: StepAnswers) -> Iterator[StepShown]:
        """Yield each of *steps*, which are in order, with what was known after it."""
        known: dict[Step, Mapping[str, Any]] = {}
        dated: dict[Step, datetime] = {}
        tried: list[Step] = []
        is_complete = True
        for taken in steps:
            tried.append(taken.step)
            shown = StepShown(
                taken.step,
                purchase_id=taken.purchase_id,
                cost_micros=taken.cost_micros,
                failure=taken.failure,
            )
            if taken.failure is None:
                shown = replace(shown, bought_at=instant(taken.stored_at_ms))
                if taken.step in kept:
                    known[taken.step], dated[taken.step] = (
                        kept[taken.step],
                        instant(taken.stored_at_ms),
                    )
                    shown = replace(shown, items=_count(kept[taken.step]))
                    shown = replace(shown, brought=self._new_fields(taken.step, known, dated))
                else:
                    is_complete = False
            if is_complete and self.rules.judge is not None and dated:
                shown = self._judge(shown, self.rules.judge, known, dated, tried)
            yield shown

    def _new_fields(
        self, step: Step, known: StepAnswers, dated: Mapping[Step, datetime]
    ) -> tuple[ClaimField, ...]:
        if is_whole([known[step]]):
            claims = evidence_from(self.subject.name, known[step], dated[step]).claims
            return tuple(dict.fromkeys(claim.field for claim in claims))
        sources = assemble(self.subject, answers_of(known), dated).sources
        own = {item.get("url") for item in known[step].get("items", ())}
        is_site = step in {Step.CRAWL, Step.PAGES}
        taken = {
            name
            for source in sources
            if (is_site and source.step is Step.CRAWL and source.url in own)
            or (not is_site and source.step is step)
            for name in source.taken
        }
        return tuple(field for name, field in _FIELDS.items() if name in taken)

    def _judge(
        self,
        shown: StepShown,
        judge: Judge,
        known: StepAnswers,
        dated: Mapping[Step, datetime],
        tried: Sequence[Step],
    ) -> StepShown:
        """Return *shown* with the judgement on what was *known* after it."""
        answer = assembled(self.subject, known, dated).payload
        evidence = evidence_from(self.subject.name, answer, min(dated.values()))
        fields = frozenset[ClaimField]()
        if not is_whole(known.values()):
            fields = unanswered(self._offers, tried)
        case = Case(lead=self.rules.lead, now=max(dated.values())).with_evidence(evidence)
        return replace(shown, score=judge.decide(case).score, bounds=judge.bounds(case, fields))

    def reasons(
        self,
        steps: Sequence[StepTaken],
        kept: StepAnswers,
        answer: Mapping[str, Any],
        evidence: Evidence | None,
        stopped: str | None,
    ) -> tuple[Stop | None, Mapping[Step, Skip | None], bool]:
        """Return why nothing more was bought, for each step too, and whether a profile explains it.

        Which caller's wishes the steps were bought by is not stored: those that lead to the
        *stopped* that is, of a profile and of an agent, explain it.
        """
        stop = Stop(stopped) if stopped in set(Stop) else None
        tried = {each.step for each in steps}
        left = [offer.step for offer in self._offers if offer.step not in tried]
        if is_whole(kept.values()):
            return stop, dict.fromkeys(left, Skip.DECIDED), True
        answers = answers_of(kept)
        progress = Progress(
            self._offers,
            steps,
            has_site=site_of(self.subject, answers).url is not None,
            pages=len(pages_to_read(answers.crawl or (), answer)),
            ceiling_micros=self.rules.ceiling_micros,
        )
        for wants, for_profile in self._wishes(evidence, steps):
            chosen = progress.next(wants)
            if isinstance(chosen, Stop) and stop in {None, chosen}:
                return chosen, progress.skipped(wants), for_profile
        return stop, dict.fromkeys(left), False

    def _wishes(
        self, evidence: Evidence | None, steps: Sequence[StepTaken]
    ) -> Iterator[tuple[Wants, bool]]:
        yield partial(wants_profile, evidence), True
        dated = [each for each in steps if each.failure is None]
        if self.rules.judge is not None and dated:
            case = Case(lead=self.rules.lead, now=max(instant(each.stored_at_ms) for each in dated))
            known = case if evidence is None else case.with_evidence(evidence)
            yield partial(self.rules.judge.wants, known), False


def _count(answer: Mapping[str, Any]) -> int | None:
    """Return how many items an answer has; a whole company is none."""
    if answer and "step" not in answer:
        return None
    return len(answer.get("items", ()))

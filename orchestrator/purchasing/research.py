"""What several purchases say of one company, bought one by one while another one is wanted.

Each step (Maps, search, crawl, jobs) is a purchase with an entry, an intent and a line in the
ledger of its own. So a crash repeats nothing, and a company that two leads ask for buys each step
once. The assembled answer becomes the entry of the company; it is fresh as long as all of its
steps are. An entry that lacks a step which the caller wants is assembled anew.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

import structlog

from agents.case import ClaimField, Evidence
from orchestrator.evidence.model import Step, Subject
from orchestrator.evidence.profile import FIELD_NAMES, Answers, assemble, site_of
from orchestrator.evidence.waterfall import (
    Offer,
    Stop,
    next_step,
    offers_for,
)
from orchestrator.identity import step_key
from orchestrator.identity.resolution import Resolved
from orchestrator.memo import Abandoned, Entry, Flight, Loaded, Memo, Source
from orchestrator.purchasing.intents import BillingContext, PurchaseRequest
from orchestrator.purchasing.outcome import EnrichmentStatus, JsonObject
from orchestrator.purchasing.purchase import NothingToCollect, Purchaser
from orchestrator.surfsense import (
    AccessDenied,
    EnrichmentError,
    PermanentEnrichmentError,
    SourceRefused,
    evidence_from,
)
from orchestrator.surfsense.verbs import is_askable, kept_in, request_of

log = structlog.get_logger(__name__)

#: Whether evidence about these fields is wanted beside the evidence that there is.
Wants: TypeAlias = Callable[[Evidence | None, frozenset[ClaimField]], bool]
#: Returns what is offered for a company; *has_place*: its country or city is known.
Offers: TypeAlias = Callable[[bool], Awaitable[Sequence[Offer]]]

#: How long an answer is kept that lacks a step which failed.
INCOMPLETE_FOR: Final = timedelta(minutes=5)

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step of one company's research, as the assembled entry keeps it.

    `failure` is the code of the error that it ended with; then nothing else is known of it.
    """

    step: Step
    stored_at_ms: int = 0
    expires_at_ms: int = 0
    purchase_id: str | None = None
    cost_micros: int = 0
    bought_for: tuple[str | None, int] | None = None
    failure: str | None = None
    answer: Mapping[str, Any] = field(default_factory=dict, compare=False)
    source: Source | None = field(default=None, compare=False)

    @classmethod
    def of(cls, step: Step, entry: Entry, source: Source) -> "StepTaken":
        """Return the step that *entry* is about."""
        payload, bought_for = entry.payload, entry.payload.get("bought_for")
        return cls(
            step=step,
            stored_at_ms=entry.stored_at_ms,
            expires_at_ms=entry.expires_at_ms,
            purchase_id=payload.get("purchase_id"),
            cost_micros=payload.get("cost_micros", 0),
            bought_for=None if bought_for is None else tuple(bought_for),
            answer=payload.get("answer", {}),
            source=source,
        )

    def to_json(self) -> JsonObject:
        """Return what the assembled entry keeps of it."""
        return {
            "step": self.step.value,
            "stored_at_ms": self.stored_at_ms,
            "purchase_id": self.purchase_id,
            "cost_micros": self.cost_micros,
            "bought_for": self.bought_for and list(self.bought_for),
            "failure": self.failure,
            "source": self.source and self.source.value,
        }


def subject_of(company: Resolved) -> Subject:
    """Return who is asked for when *company* is researched."""
    facts = company.identity.facts
    name = company.identity.display_name or company.query_name
    return Subject(name, domain=facts.domain, country=facts.country)


def answers_of(kept: Mapping[Step, Mapping[str, Any]]) -> Answers:
    """Return what the steps brought, from what `verbs.answer_of` kept of each."""
    read = {step: kept_in(step, answer) for step, answer in kept.items()}
    return Answers(
        maps=read.get(Step.MAPS),
        search=read.get(Step.SEARCH),
        crawl=read.get(Step.CRAWL),
        jobs=read.get(Step.JOBS),
    )


def assembled(
    subject: Subject, kept: Mapping[Step, Mapping[str, Any]], bought_at: Mapping[Step, datetime]
) -> JsonObject:
    """Return one answer in the form of `POST /enrich` from what is *kept* of each step.

    A search of the sandbox may have brought the whole company, which is the answer then.
    """
    whole = next((each for each in kept.values() if each and "step" not in each), None)
    if whole is not None:
        return dict(whole)
    payload = assemble(subject, answers_of(kept), bought_at).payload
    if any(each.get("simulado") for each in kept.values()):
        payload["simulado"] = True
    return payload


def is_whole(kept: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether one of the steps has brought the whole company."""
    return any(each and "step" not in each for each in kept)


class Research:
    """Assembles answers; buys the steps that they need."""

    def __init__(
        self, memo: Memo, purchaser: Purchaser, offers: Offers, *, ceiling_micros: int
    ) -> None:
        """Buy through *purchaser* what *offers* name, at most *ceiling_micros* a company."""
        self._memo = memo
        self._purchaser = purchaser
        self._offers = offers
        self._ceiling_micros = ceiling_micros

    def is_enough(self, company: Resolved, entry: Entry, wants: Wants) -> bool:
        """Return whether *entry* has all that a caller wants, as far as it can be had.

        An entry without steps has all there is.
        """
        payload = entry.payload
        if "steps" not in payload or payload.get("is_whole"):
            return True
        subject = subject_of(company)
        as_of = datetime.fromtimestamp(entry.stored_at_ms / 1000, UTC)
        evidence = evidence_from(company.query_name, payload["answer"], as_of)
        chosen = next_step(
            offers_for(has_place=_has_place(subject)),
            tried={Step(each["step"]) for each in payload["steps"]},
            has_site="website" in payload["answer"] or subject.domain is not None,
            spent_micros=sum(each["cost_micros"] for each in payload["steps"]),
            ceiling_micros=self._ceiling_micros,
            wants=partial(wants, evidence),
        )
        return isinstance(chosen, Stop)

    def abandon(self, company_key: str) -> None:
        """Stop the steps of a company that no caller waits for."""
        for step in Step:
            self._memo.abandon(step_key(company_key, step))

    async def load(
        self, flight: Flight, company: Resolved, billing: BillingContext, wants: Wants
    ) -> tuple[Loaded, tuple[StepTaken, ...]]:
        """Return the assembled answer about *company*, and the steps that it is made of.

        Raises:
            Abandoned: No caller waits for it; what was bought is kept.
            Exception: As `Purchaser.buy`, for the step that failed; what was bought is kept.
        """
        if flight.record is not None and (earlier := await self._finish(flight)):
            return earlier, ()
        subject = subject_of(company)
        taken = await self._still_known(company.key)
        offers = await self._offers(_has_place(subject)) if is_askable(subject) else ()
        failed: EnrichmentError | None = None
        while True:
            chosen, site = self._next(company, subject, offers, taken, wants)
            if isinstance(chosen, Stop):
                break
            request = PurchaseRequest(
                company.query_name,
                company.key,
                billing,
                chosen.step,
                request_of(chosen.step, subject, site=site),
                chosen.price_micros,
                subject_json(subject),
            )
            try:
                taken[chosen.step] = await self._take(flight, request)
            except (SourceRefused, PermanentEnrichmentError) as error:
                if isinstance(error, AccessDenied):
                    raise
                log.info("research.step_failed", step=chosen.step.value, reason=error.code)
                failed = failed or error
                taken[chosen.step] = StepTaken(chosen.step, failure=error.code)
        if failed is not None and all(each.failure for each in taken.values()):
            raise failed
        return self._loaded(flight, company, subject, taken, chosen), tuple(taken.values())

    def _next(
        self,
        company: Resolved,
        subject: Subject,
        offers: Sequence[Offer],
        taken: Mapping[Step, StepTaken],
        wants: Wants,
    ) -> tuple[Offer | Stop, str | None]:
        """Return what to buy next, or why nothing; and the site that a crawl would read."""
        kept = _kept(taken)
        if is_whole(kept.values()):
            return Stop.DECIDED, None
        evidence = self._evidence(company, subject, taken)
        site = site_of(subject, answers_of(kept)).url
        chosen = next_step(
            offers,
            tried=taken.keys(),
            has_site=site is not None,
            spent_micros=sum(each.cost_micros for each in taken.values()),
            ceiling_micros=self._ceiling_micros,
            wants=partial(wants, evidence),
        )
        return chosen, site

    async def _finish(self, flight: Flight) -> Loaded | None:
        """Return the answer of a purchase that an earlier version of this program began."""
        try:
            return await self._purchaser.finish(flight)
        except NothingToCollect:
            return None

    async def _still_known(self, company_key: str) -> dict[Step, StepTaken]:
        """Return the steps whose answers are still fresh: they cost nothing."""
        entries = await self._memo.peek_many([step_key(company_key, step) for step in Step])
        return {
            step: StepTaken.of(step, entry, Source.HIT)
            for step, entry in zip(Step, entries, strict=True)
            if entry is not None
        }

    async def _take(self, flight: Flight, request: PurchaseRequest) -> StepTaken:
        assert request.step is not None  # noqa: S101 - a step's request has one
        try:
            with flight.abandonable():
                outcome = await self._memo.get(
                    request.entry_key, lambda inner: self._purchaser.buy(inner, request)
                )
        except Abandoned:
            self._memo.abandon(request.entry_key)
            raise
        return StepTaken.of(request.step, outcome.entry, outcome.source)

    def _evidence(
        self, company: Resolved, subject: Subject, taken: Mapping[Step, StepTaken]
    ) -> Evidence | None:
        if not any(each.failure is None for each in taken.values()):
            return None
        answer = assembled(subject, _kept(taken), _bought_at(taken.values()))
        return evidence_from(company.query_name, answer, _oldest(taken.values()))

    def _loaded(
        self,
        flight: Flight,
        company: Resolved,
        subject: Subject,
        taken: Mapping[Step, StepTaken],
        stop: Stop,
    ) -> Loaded:
        steps = tuple(taken.values())
        brought = [each for each in steps if each.failure is None]
        answer = assembled(subject, _kept(taken), _bought_at(steps))
        is_known = any(name in answer for name in FIELD_NAMES.values())
        status = EnrichmentStatus.FOUND if is_known else EnrichmentStatus.UNKNOWN
        now_ms = flight.past_ms()
        oldest_ms = min((each.stored_at_ms for each in brought), default=now_ms)
        ends_ms = [each.expires_at_ms for each in brought]
        if len(brought) < len(steps) or not brought:
            ends_ms.append(now_ms + INCOMPLETE_FOR // _MS)
        payload = {
            "answer": answer,
            "candidates": [],
            "company": company.query_name,
            "purchase_id": "+".join(each.purchase_id for each in brought if each.purchase_id)
            or None,
            "cost_micros": sum(each.cost_micros for each in steps),
            "cost_estimated": False,
            "bought_for": None,
            "steps": [each.to_json() for each in steps],
            "is_whole": is_whole(_kept(taken).values()),
            "stopped": stop.value,
        }
        ttl = timedelta(milliseconds=max(min(ends_ms) - oldest_ms, 1))
        return Loaded(status, payload, ttl, oldest_ms)


def _has_place(subject: Subject) -> bool:
    return bool(subject.country or subject.city)


def _kept(taken: Mapping[Step, StepTaken]) -> dict[Step, Mapping[str, Any]]:
    return {step: each.answer for step, each in taken.items() if each.failure is None}


def _bought_at(steps: Collection[StepTaken]) -> dict[Step, datetime]:
    return {each.step: _instant(each.stored_at_ms) for each in steps if each.failure is None}


def _oldest(steps: Collection[StepTaken]) -> datetime:
    return _instant(min(each.stored_at_ms for each in steps if each.failure is None))


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def subject_json(subject: Subject) -> JsonObject:
    """Return *subject* as purchase records and archived answers keep it."""
    return {name: value for name, value in asdict(subject).items() if value}


def subject_from(stored: Mapping[str, Any] | None, company: str) -> Subject:
    """Return the subject that `subject_json` made *stored* of; *company* names it without one."""
    if not stored:
        return Subject(company)
    return Subject(**{**stored, "phones": tuple(stored.get("phones", ()))})

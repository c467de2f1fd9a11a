"""One answer about a company out of the steps that were bought about it. Pure.

The entry of a step, and its archived answer, keep what was read of SurfSense's items. So an answer
can be assembled again, by the rules of today, from what was bought before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from orchestrator.evidence.model import Step, Subject
from orchestrator.evidence.profile import FIELD_NAMES, Answers, assemble
from orchestrator.evidence.waterfall import Offer, Skip, Stop, Wants, next_step, skipped
from orchestrator.memo import Entry, Source
from orchestrator.purchasing.outcome import EnrichmentStatus
from orchestrator.surfsense.verbs import kept_in

JsonObject = dict[str, Any]


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


def steps_in(payload: Mapping[str, Any]) -> tuple[StepTaken, ...]:
    """Return the steps that an assembled entry's *payload* names, in its order, without answers.

    One that cannot be read is left out: another program may have written the entry.
    """
    listed = payload.get("steps")
    read = (_step_in(each) for each in listed) if isinstance(listed, list) else ()
    return tuple(each for each in read if each is not None)


def _step_in(stored: object) -> StepTaken | None:
    try:
        return _STEP.validate_python(stored)
    except ValidationError:
        return None


_STEP: Final = TypeAdapter(StepTaken)


def answers_of(kept: Mapping[Step, Mapping[str, Any]]) -> Answers:
    """Return what the steps brought, from what `verbs.answer_of` kept of each."""
    read = {step: kept_in(step, answer) for step, answer in kept.items()}
    return Answers(
        maps=read.get(Step.MAPS),
        search=read.get(Step.SEARCH),
        crawl=read.get(Step.CRAWL),
        jobs=read.get(Step.JOBS),
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """What the steps that were bought say together.

    `payload` has the form of `POST /enrich`; `site` is what a crawl would read, None where no site
    is known. `is_whole`: one step has brought all there is.
    """

    payload: JsonObject
    site: str | None = None
    is_whole: bool = False

    @property
    def status(self) -> EnrichmentStatus:
        """FOUND if there is a field about the company, else UNKNOWN."""
        is_known = any(name in self.payload for name in FIELD_NAMES.values())
        return EnrichmentStatus.FOUND if is_known else EnrichmentStatus.UNKNOWN


def assembled(
    subject: Subject, kept: Mapping[Step, Mapping[str, Any]], bought_at: Mapping[Step, datetime]
) -> Answered:
    """Return one answer from what is *kept* of each step; takes milliseconds of CPU.

    A search of the sandbox may have brought the whole company, which is the answer then.
    """
    whole = next(filter(_is_company, kept.values()), None)
    if whole is not None:
        return Answered(dict(whole), is_whole=True)
    found = assemble(subject, answers_of(kept), bought_at)
    if any(each.get("simulado") for each in kept.values()):
        found.payload["simulado"] = True
    return Answered(found.payload, found.website.url)


def is_whole(kept: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether one of the steps has brought the whole company."""
    return any(map(_is_company, kept))


def _is_company(answer: Mapping[str, Any]) -> bool:
    return bool(answer) and "step" not in answer


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the research of a company has come: by this the next step is chosen.

    Attributes:
        offers: What can be bought about it.
        steps: What was bought already, with or without success.
        has_site: Whether its website is known, so that it can be crawled.
        ceiling_micros: What it may cost at most, in micro-USD.
    """

    offers: Sequence[Offer]
    steps: Collection[StepTaken]
    has_site: bool
    ceiling_micros: int

    def next(self, wants: Wants) -> Offer | Stop:
        """Return what to buy next, or why nothing more is: see `next_step`."""
        return next_step(
            self.offers,
            tried=self._tried,
            has_site=self.has_site,
            spent_micros=sum(each.cost_micros for each in self.steps),
            ceiling_micros=self.ceiling_micros,
            wants=wants,
        )

    def skipped(self, wants: Wants) -> dict[Step, Skip]:
        """Return why each step that was not tried is not bought, once `next` stops."""
        return skipped(self.offers, tried=self._tried, has_site=self.has_site, wants=wants)

    @property
    def _tried(self) -> frozenset[Step]:
        return frozenset(each.step for each in self.steps)


def subject_json(subject: Subject) -> JsonObject:
    """Return *subject* as purchase records and archived answers keep it."""
    return {name: value for name, value in asdict(subject).items() if value}


def subject_from(stored: Mapping[str, Any] | None, company: str) -> Subject:
    """Return the subject that `subject_json` made *stored* of; *company* names it without one."""
    if not stored:
        return Subject(company)
    return Subject(**{**stored, "phones": tuple(stored.get("phones", ()))})

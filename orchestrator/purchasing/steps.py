"""One answer about a company out of the steps that were bought about it. Pure.

The entry of a step, and its archived answer, keep what was read of SurfSense's items. So an answer
can be assembled again, by the rules of today, from what was bought before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from orchestrator.evidence.gate import Answers
from orchestrator.evidence.model import Agreement, Page, Step, Subject
from orchestrator.evidence.profile import FIELD_NAMES, assemble
from orchestrator.evidence.waterfall import UNITS, Offer, Skip, Stop, Wants, next_step, skipped
from orchestrator.evidence.website import pages_to_read
from orchestrator.identity.identify import brand
from orchestrator.identity.resolution import Resolved
from orchestrator.memo import Entry, Source
from orchestrator.purchasing.outcome import EnrichmentStatus
from orchestrator.surfsense.verbs import asked_by, kept_in

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step of one company's research, as the assembled entry keeps it.

    `failure` is the code of the error that it ended with; what it has cost is known
    only if that is certain.
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
        crawl=_pages(read),
        jobs=read.get(Step.JOBS),
    )


def _pages(read: Mapping[Step, tuple[Any, ...]]) -> tuple[Page, ...] | None:
    crawled = [read[step] for step in (Step.CRAWL, Step.PAGES) if step in read]
    return tuple(page for pages in crawled for page in pages) if crawled else None


@dataclass(frozen=True, slots=True)
class AssembledAnswer:
    """What the steps that were bought say together.

    `payload` has the form of `POST /enrich`; `site` is what a crawl would read, None where no site
    is known, and `pages` what could be read after its home page. `is_whole`: one step has brought
    all there is.
    """

    payload: JsonObject
    site: str | None = None
    pages: tuple[str, ...] = ()
    is_whole: bool = False

    @property
    def status(self) -> EnrichmentStatus:
        """FOUND if there is a field about the company, else UNKNOWN."""
        is_known = any(name in self.payload for name in FIELD_NAMES.values())
        return EnrichmentStatus.FOUND if is_known else EnrichmentStatus.UNKNOWN


def assembled(
    subject: Subject, kept: Mapping[Step, Mapping[str, Any]], bought_at: Mapping[Step, datetime]
) -> AssembledAnswer:
    """Return one answer from what is *kept* of each step; takes milliseconds of CPU.

    A search of the sandbox may have brought the whole company, which is the answer then.
    """
    whole = next(filter(_is_company, kept.values()), None)
    if whole is not None:
        return AssembledAnswer(dict(whole), is_whole=True)
    answers = answers_of(kept)
    found = assemble(subject, answers, _dates_of(bought_at))
    if any(each.get("simulado") for each in kept.values()):
        found.payload["simulado"] = True
    pages = pages_to_read(answers.crawl or (), found.payload) if found.website.url else ()
    return AssembledAnswer(found.payload, found.website.url, pages)


class Stored(Protocol):
    """What one step brought: an entry of the memo, or an archived answer."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """What `outcome.payload_of` made of it."""


StoredT = TypeVar("StoredT", bound=Stored)


def best_of_steps(found: Iterable[tuple[Step, StoredT]], subject: Subject) -> dict[Step, StoredT]:
    """Return one of *found* for each step: the first that was bought for *subject*, else the first.

    Companies of one name may share a key. Further pages are those of the home page's site.
    """
    ordered = sorted(found, key=lambda each: _distance(each[0], each[1], subject))
    best: dict[Step, StoredT] = {}
    for step, each in ordered:
        best.setdefault(step, each)
    home = best.get(Step.CRAWL)
    if home is not None:
        best.pop(Step.PAGES, None)
        pages = (each for step, each in ordered if step is Step.PAGES)
        of_site = next((each for each in pages if _question_of(each) == _question_of(home)), None)
        best |= {} if of_site is None else {Step.PAGES: of_site}
    return best


def is_foreign(step: Step, payload: Mapping[str, Any], subject: Subject) -> bool:
    """Return whether *payload* answers another question about the name than that of *subject*.

    What was bought before questions were told apart answers all.
    """
    return payload.get("asked") not in {None, asked_by(step, subject, site=subject.domain)}


def _distance(step: Step, stored: Stored, subject: Subject) -> tuple[bool, bool]:
    payload = stored.payload
    return is_foreign(step, payload, subject), not is_about(payload, subject)


def _question_of(stored: Stored) -> object:
    return stored.payload.get("asked")


def steps_about(subject: Subject, kept: Mapping[Step, Mapping[str, Any]]) -> frozenset[Step]:
    """Return the steps of *kept* that have something about *subject*; takes milliseconds of CPU."""
    if is_whole(kept.values()):
        return frozenset(kept)
    dated = dict.fromkeys(kept, datetime.min.replace(tzinfo=UTC))
    sources = assemble(subject, answers_of(kept), _dates_of(dated)).sources
    told = {each.step for each in sources if each.agreement is Agreement.AGREE}
    return frozenset(told | ({Step.PAGES} if Step.CRAWL in told else set()))


def _dates_of(bought_at: Mapping[Step, datetime]) -> Mapping[Step, datetime]:
    """Return when each source was read: all pages of a site are the crawl's."""
    if Step.PAGES not in bought_at:
        return bought_at
    return {Step.CRAWL: bought_at[Step.PAGES], **bought_at}


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
        pages: How many pages its site links that tell more.
        ceiling_micros: What it may cost at most, in micro-USD.
    """

    offers: Sequence[Offer]
    steps: Collection[StepTaken]
    has_site: bool
    pages: int
    ceiling_micros: int

    def next(self, wants: Wants) -> Offer | Stop:
        """Return what to buy next, or why nothing more is: see `next_step`."""
        return next_step(
            self._possible,
            tried=self._steps_tried,
            has_site=self.has_site,
            spent_micros=sum(each.cost_micros for each in self.steps),
            ceiling_micros=self.ceiling_micros,
            wants=wants,
        )

    def skipped(self, wants: Wants) -> dict[Step, Skip]:
        """Return why each step that was not tried is not bought, once `next` stops."""
        why = skipped(self._possible, tried=self._steps_tried, has_site=self.has_site, wants=wants)
        missing = {each.step for each in self.offers} - self._steps_tried - why.keys()
        is_decided = Skip.DECIDED in why.values()
        # Pages that the home page does not link.
        return why | dict.fromkeys(missing, Skip.DECIDED if is_decided else Skip.UNHELPFUL)

    @property
    def _possible(self) -> tuple[Offer, ...]:
        """The offers, once the home page was read with as many pages as it links."""
        if Step.CRAWL not in self._steps_tried:
            return tuple(self.offers)
        return tuple(
            replace(each, price_micros=each.price_micros * self.pages // UNITS[Step.PAGES])
            if each.step is Step.PAGES
            else each
            for each in self.offers
            if self.pages or each.step is not Step.PAGES
        )

    @property
    def _steps_tried(self) -> frozenset[Step]:
        return frozenset(each.step for each in self.steps)


def subject_json(subject: Subject) -> JsonObject:
    """Return *subject* as purchase records and archived answers keep it."""
    known = {name: value for name, value in asdict(subject).items() if value}
    return known | ({"phones": list(subject.phones)} if subject.phones else {})


def subject_from(stored: Mapping[str, Any] | None, company: str) -> Subject:
    """Return the subject that `subject_json` made *stored* of; *company* names it without one."""
    if not stored:
        return Subject(company)
    return Subject(**{**stored, "phones": tuple(stored.get("phones", ()))})


def subject_of(company: Resolved) -> Subject:
    """Return who is asked for when *company* is researched."""
    identity = company.identity
    return Subject(
        identity.display_name or company.query_name,
        domain=identity.facts.domain,
        country=identity.facts.country,
        city=identity.city,
        phones=(identity.phone,) if identity.phone else (),
    )


def is_about(payload: Mapping[str, Any], subject: Subject) -> bool:
    """Return whether the assembled answer in an entry's *payload* also answers for *subject*.

    It does if all that is known of *subject* was known of the one that it was judged for. A town,
    phone or domain that was not known then may show the evidence to be a namesake's.
    """
    judged_for = payload.get("subject") or {}
    domain = judged_for.get("domain")
    # Not by the name: every spelling of it has the same key.
    return (
        (not subject.domain or bool(domain and brand(subject.domain) == brand(domain)))
        and (not subject.country or subject.country == judged_for.get("country"))
        and (not subject.city or subject.city == judged_for.get("city"))
        and set(subject.phones) <= set(judged_for.get("phones", ()))
    )

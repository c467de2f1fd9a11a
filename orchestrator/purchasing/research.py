"""What several purchases say of one company, bought one by one while another one is wanted.

Each step (Maps, search, crawl, jobs) is a purchase with an entry, an intent and a line in the
ledger of its own. So a crash repeats nothing, and a company that two leads ask for buys each step
once. The assembled answer becomes the entry of the company; it is fresh as long as all of its
steps are. An entry that lacks a step which the caller wants is assembled anew.

By `enrich`, which has no steps, there may be a second purchase: see `ask_with_domain`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import structlog
from redis.asyncio import Redis

from agents.case import ClaimField, Evidence
from orchestrator.database import DatabaseUnavailable
from orchestrator.evidence.model import Step, Subject
from orchestrator.evidence.waterfall import (
    Offer,
    Stop,
    offers_for,
    wants_profile,
)
from orchestrator.identity import step_key
from orchestrator.identity.resolution import Resolved
from orchestrator.infra.clock import Clock, instant, utc_now
from orchestrator.infra.redis_client import store_errors
from orchestrator.memo import Abandoned, Entry, Flight, Loaded, Memo, Outcome, Source
from orchestrator.purchasing.costs import Costs
from orchestrator.purchasing.intents import BillingContext, PurchaseRequest, lost_purchases
from orchestrator.purchasing.outcome import EnrichmentStatus
from orchestrator.purchasing.purchase import Purchaser
from orchestrator.purchasing.steps import (
    AssembledAnswer,
    Progress,
    StepTaken,
    assembled,
    best_of_steps,
    is_about,
    is_foreign,
    steps_about,
    steps_in,
    subject_json,
    subject_of,
)
from orchestrator.surfsense import (
    AccessDenied,
    EnrichmentError,
    PermanentEnrichmentError,
    RequestRejected,
    SourceRefused,
    SurfSenseAccount,
    evidence_from,
)
from orchestrator.surfsense.capabilities import LIST_PRICES
from orchestrator.surfsense.errors import renamed
from orchestrator.surfsense.verbs import VERBS, asked_by, is_askable, request_of

log = structlog.get_logger(__name__)

#: Whether evidence about these fields is wanted beside the evidence that there is.
Wants: TypeAlias = Callable[[Evidence | None, frozenset[ClaimField]], bool]
#: Returns what is offered for a company; *has_place*: its country or city is known.
Offers: TypeAlias = Callable[[bool], Awaitable[Sequence[Offer]]]

#: How long an answer is kept that lacks a step which failed.
INCOMPLETE_FOR: Final = timedelta(minutes=5)
#: Purchases that count for the yield.
MEASURED_OVER: Final = timedelta(days=30)
#: For how many seconds a measured yield is used.
KEPT_S: Final = 600.0

#: Begins the key of a company's questions: a hash of entry keys, each with its step.
_QUESTIONS: Final = "questions1:"
#: Added to the life of an entry, for the time from the question to its answer.
_MARGIN: Final = timedelta(hours=1)
#: Purchases that a company takes at most.
MOST_QUESTIONS = 2

_MS = timedelta(milliseconds=1)


class Questions:
    """Which entries the steps of a company have: one for each question asked about its name.

    Companies of one name in two towns share a key, but not the questions about them. An entry is
    named by its question's digest, so the questions of a company are listed in Redis, as long as
    their entries live. Every method raises StoreUnavailable.
    """

    def __init__(self, redis: Redis, *, entries_live: timedelta) -> None:
        """List questions whose answers are kept for *entries_live* at most."""
        self._redis = redis
        self._ttl = entries_live + _MARGIN

    async def add(self, company_key: str, step: Step, asked: str) -> None:
        """List the question that is about to be asked about a company by the facts *asked*."""
        key = _QUESTIONS + company_key
        with store_errors("list a question"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, step_key(company_key, step, asked), step.value)
                pipe.pexpire(key, self._ttl)
                await pipe.execute()

    async def of(self, *company_keys: str) -> dict[str, Step]:
        """Return the keys of all entries that the companies' steps may have, with their steps."""
        with store_errors("questions"):
            pipe = self._redis.pipeline(transaction=False)
            for key in company_keys:
                pipe.hgetall(_QUESTIONS + key)
            listed = await pipe.execute()
        known = {step_key(key, step): step for key in company_keys for step in Step}
        for found in listed:
            known |= {entry.decode(): Step(step.decode()) for entry, step in found.items()}
        return known


class Research:
    """Assembles answers; buys the steps that they need."""

    def __init__(
        self,
        memo: Memo,
        purchaser: Purchaser,
        offers: Offers,
        questions: Questions,
        *,
        ceiling_micros: int,
    ) -> None:
        """Buy through *purchaser* what *offers* name, at most *ceiling_micros* a company."""
        self._memo = memo
        self._purchaser = purchaser
        self._questions = questions
        self._offers = offers
        self._ceiling_micros = ceiling_micros

    def is_enough(self, company: Resolved, entry: Entry, wants: Wants) -> bool:
        """Return whether *entry* has all that a caller wants, as far as it can be had.

        An entry without steps has all there is. One that was assembled for a caller who knows
        other facts of the company may be about a namesake.
        """
        payload = entry.payload
        if "steps" not in payload or payload.get("is_whole"):
            return True
        if not is_about(payload, subject_of(company)):
            return False
        if wants is wants_profile and "is_profile" in payload:
            return bool(payload["is_profile"])  # a file of known companies asks this of each
        subject = subject_of(company)
        evidence = evidence_from(company.query_name, payload["answer"], instant(entry.stored_at_ms))
        progress = Progress(
            offers_for(has_place=subject.has_place),
            steps_in(payload),
            has_site="website" in payload["answer"] or subject.domain is not None,
            pages=len(payload.get("pages", ())),
            ceiling_micros=self._ceiling_micros,
        )
        return isinstance(progress.next(partial(wants, evidence)), Stop)

    async def load(
        self, flight: Flight, company: Resolved, billing: BillingContext, wants: Wants
    ) -> tuple[Loaded, tuple[StepTaken, ...]]:
        """Return the assembled answer about *company*, and the steps that it is made of.

        Raises:
            Abandoned: No caller waits for it; what was bought is kept.
            Exception: As `Purchaser.buy`, for the step that failed; what was bought is kept.
        """
        # An earlier version of this program bought an answer as a whole.
        if earlier := await self._purchaser.finish_if_left(flight):
            return earlier, ()
        subject = subject_of(company)
        taken = await self._fresh_steps(company.key, subject)
        try:
            offers = await self._offers(subject.has_place) if is_askable(subject) else ()
        except EnrichmentError as error:  # what SurfSense sells was asked for all companies
            raise renamed(error, company.query_name) from error
        failed: EnrichmentError | None = None
        while True:
            state = await asyncio.to_thread(self._judge, company, subject, offers, taken, wants)
            chosen = state.chosen
            if isinstance(chosen, Stop):
                break
            request = PurchaseRequest(
                company.query_name,
                company.key,
                billing,
                chosen.step,
                request_of(chosen.step, subject, site=state.answer.site, pages=state.answer.pages),
                chosen.price_micros,
                subject_json(subject),
                asked_by(chosen.step, subject, site=state.answer.site),
            )
            try:
                taken[chosen.step] = await self._take(flight, request)
            except (SourceRefused, PermanentEnrichmentError) as error:
                if isinstance(error, AccessDenied):
                    raise
                log.info("research.step_failed", step=chosen.step.value, reason=error.code)
                failed = failed or error
                taken[chosen.step] = await self._failed_step(request, chosen.step, error.code)
        if failed is not None and all(each.failure for each in taken.values()):
            raise failed
        steps = tuple(taken.values())
        return _whole_answer(flight, company, steps, state), steps

    def _judge(
        self,
        company: Resolved,
        subject: Subject,
        offers: Sequence[Offer],
        taken: Mapping[Step, StepTaken],
        wants: Wants,
    ) -> "_State":
        """Return what is known, and what to buy next. Pure, but too slow for an event loop."""
        brought = {step: each for step, each in taken.items() if each.failure is None}
        instants = {step: instant(each.stored_at_ms) for step, each in brought.items()}
        answer = assembled(subject, {step: each.answer for step, each in brought.items()}, instants)
        if answer.is_whole:
            return _State(answer, Stop.DECIDED, is_profile=True)
        evidence = None
        if brought:
            evidence = evidence_from(company.query_name, answer.payload, min(instants.values()))
        progress = Progress(
            offers,
            taken.values(),
            has_site=answer.site is not None,
            pages=len(answer.pages),
            ceiling_micros=self._ceiling_micros,
        )
        chosen = progress.next(partial(wants, evidence))
        is_profile = isinstance(chosen, Stop) and (
            wants is wants_profile
            or isinstance(progress.next(partial(wants_profile, evidence)), Stop)
        )
        return _State(answer, chosen, is_profile)

    async def _fresh_steps(self, company_key: str, subject: Subject) -> dict[Step, StepTaken]:
        """Return the steps whose answers are still fresh, and are about *subject*.

        The answer to another question about the name counts if it has something about *subject*.
        Else the question of *subject* is open: if it was asked before, its answer is a hit.
        """
        steps = await self._questions.of(company_key)
        entries = [(steps[key], each) async for key, each in self._memo.peek_each(steps)]
        best = best_of_steps(entries, subject)
        taken = {step: StepTaken.of(step, each, Source.HIT) for step, each in best.items()}
        foreign = {step for step, each in best.items() if is_foreign(step, each.payload, subject)}
        if foreign:
            kept = {step: each.answer for step, each in taken.items()}
            foreign -= await asyncio.to_thread(steps_about, subject, kept)
        return {step: each for step, each in taken.items() if step not in foreign}

    async def _failed_step(self, request: PurchaseRequest, step: Step, failure: str) -> StepTaken:
        """Return a step that has brought nothing, with what it has cost."""
        stored = await self._memo.records.of([request.entry_key])
        for purchase_id, record in lost_purchases(stored).items():
            return StepTaken(
                step,
                purchase_id=purchase_id,
                cost_micros=await self._purchaser.books.cost_of(record),
                bought_for=record.request.billing.bought_for,
                failure=failure,
            )
        return StepTaken(step, failure=failure)

    async def entry_keys(self, company_key: str) -> list[str]:
        """Return the keys of all entries that the steps of a company may have.

        Raises:
            StoreUnavailable: Redis is unavailable.
        """
        return [*await self._questions.of(company_key)]

    async def _take(self, flight: Flight, request: PurchaseRequest) -> StepTaken:
        assert request.step is not None  # noqa: S101 - a step's request has one
        if request.asked:
            await self._questions.add(request.company_key, request.step, request.asked)
        outcome = await buy_apart(self._memo, self._purchaser, flight, request)
        return StepTaken.of(request.step, outcome.entry, outcome.source)


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a company, and what comes next; `is_profile`: enough for any lookup."""

    answer: AssembledAnswer
    chosen: Offer | Stop
    is_profile: bool


async def buy_apart(
    memo: Memo, purchaser: Purchaser, flight: Flight, request: PurchaseRequest
) -> Outcome:
    """Look up, on behalf of *flight*, what *request* asks for: it has an entry of its own.

    Raises:
        Abandoned: No caller waits for *flight*; what was bought is kept.
        Exception: As `Purchaser.buy`.
    """
    try:
        with flight.abandonable():
            return await memo.get(request.entry_key, lambda inner: purchaser.buy(inner, request))
    except Abandoned:
        memo.abandon(request.entry_key)
        raise


class StepOffers:
    """The offers of one workspace; as `Offers`."""

    def __init__(self, account: SurfSenseAccount, costs: Costs, clock: Clock = utc_now) -> None:
        self._account = account
        self._clock = clock
        self._costs = costs
        self._counts = MappingProxyType[str, tuple[int, int]]({})
        self._counted_at = float("-inf")

    async def __call__(self, has_place: bool) -> tuple[Offer, ...]:  # noqa: FBT001 - as the port
        """Return what is offered for a company whose place is known, or is not.

        Raises:
            AccessDenied: The token may not use the workspace.
        """
        await self._count()
        try:
            prices = (await self._account.capabilities()).prices
        except AccessDenied:
            raise
        except EnrichmentError as error:
            log.warning("offers.prices_unknown", error=error.code)
            prices = LIST_PRICES
        return offers_for(
            has_place=has_place,
            unit_prices={step: price.item_micros for step, price in prices.items()},
            yields={
                step: self._counts[verb.source]
                for step, verb in VERBS.items()
                if verb.source in self._counts
            },
        )

    async def _count(self) -> None:
        """Read how often each step brought something, unless that was read lately."""
        if time.monotonic() - self._counted_at < KEPT_S:
            return
        self._counted_at = time.monotonic()
        try:
            self._counts = MappingProxyType(await self._costs.yields(self._clock() - MEASURED_OVER))
        except DatabaseUnavailable as away:  # an order is not worth a failed lookup
            log.warning("offers.yield_unknown", error=str(away))


def _whole_answer(
    flight: Flight, company: Resolved, steps: Sequence[StepTaken], state: _State
) -> Loaded:
    brought = [each for each in steps if each.failure is None]
    now_ms = flight.past_ms()
    oldest_ms = min((each.stored_at_ms for each in brought), default=now_ms)
    ends_ms = [each.expires_at_ms for each in brought]
    if len(brought) < len(steps) or not brought:
        ends_ms.append(now_ms + INCOMPLETE_FOR // _MS)
    ids = [each.purchase_id for each in brought if each.purchase_id]
    payload = {
        "answer": state.answer.payload,
        "candidates": [],
        "company": company.query_name,
        "purchase_id": "+".join(ids) or None,
        "cost_micros": sum(each.cost_micros for each in steps),
        "cost_estimated": False,
        "bought_for": None,
        "subject": subject_json(subject_of(company)),
        "steps": [each.to_json() for each in steps],
        "pages": [*state.answer.pages],
        "is_whole": state.answer.is_whole,
        "is_profile": state.is_profile,
        "stopped": state.chosen.value if isinstance(state.chosen, Stop) else None,
    }
    ttl = timedelta(milliseconds=max(min(ends_ms) - oldest_ms, 1))
    return Loaded(state.answer.status, payload, ttl, oldest_ms)


async def ask_with_domain(
    memo: Memo,
    purchaser: Purchaser,
    flight: Flight,
    company: Resolved,
    billing: BillingContext,
    *,
    first: Entry,
) -> tuple[Loaded, Outcome | None]:
    """Ask for *company* by name and domain, on behalf of its own *flight*.

    The second question of a protocol that answers all there is in one purchase: a company is asked
    for by its name, and where the seller knows several of that name, and the domain is known, once
    more by both. That is a purchase with an entry, a purchase record and a line in the ledger of
    its own, beside the company's: a crash in between repeats nothing.

    Args:
        memo: Keeps the answer beside the company's entry.
        purchaser: Buys it.
        flight: Of the company's entry.
        company: Whose domain is known.
        billing: On whose behalf.
        first: The answer to the name alone.

    Returns:
        What the company's entry becomes, and the answer to this question; None if there is none.

    Raises:
        Abandoned: No caller waits for it; what was bought is kept.
        Exception: As `Purchaser.buy`.
    """
    if earlier := await purchaser.finish_if_left(flight):  # else the first purchase is settled
        return earlier, None
    name, domain = company.query_with_domain, company.identity.facts.domain
    assert name is not None  # noqa: S101 - the question is open
    request = PurchaseRequest(name, company.key, billing, asked=domain)
    try:
        second = await buy_apart(memo, purchaser, flight, request)
    except RequestRejected as refused:  # a seller that takes no such name: nothing was bought
        log.warning("second_question.rejected", company_key=company.key, reason=str(refused))
        return _combine(first, None, domain), None
    return _combine(first, second.entry, domain), second


def _combine(first: Entry, second: Entry | None, domain: str | None) -> Loaded:
    """Return what both answers say: the first stands, unless the second has found the company."""
    answers = [first] if second is None else [first, second]
    if second is not None and second.status == EnrichmentStatus.FOUND:
        answers.reverse()
    answer, purchases = answers[0], [_purchase_of(each.payload) for each in answers]
    payload = {
        **answer.payload,
        "asked": domain,
        "purchase_id": "+".join(each["purchase_id"] for each in purchases if each["purchase_id"]),
        "cost_micros": sum(each["cost_micros"] for each in purchases),
        "purchases": purchases,
    }
    ttl = timedelta(milliseconds=answer.expires_at_ms - answer.stored_at_ms)
    return Loaded(answer.status, payload, ttl, answer.stored_at_ms)


def _purchase_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "purchase_id": payload.get("purchase_id"),
        "cost_micros": payload.get("cost_micros", 0),
        "bought_for": payload.get("bought_for"),
    }

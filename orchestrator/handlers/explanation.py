"""Why an item could not be worked on, and the failed items of jobs.

A result has its reason in two languages, or the item is tried later. A failed item says which lead
or company it is, why, and whether a retry is worth it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import structlog

from agents.case import Localized
from orchestrator.database import DatabaseUnavailable
from orchestrator.identity import InvalidCompanyName, Mention, company_domain
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import (
    DeadLetter,
    Failure,
    FailureFilter,
    Failures,
    GivenUp,
    Job,
    JobKind,
    NotNow,
    Report,
)
from orchestrator.memo import RECORD_UNREADABLE, LeaseLost, LoadFailed, StillLoading
from orchestrator.purchasing import (
    BudgetExhausted,
    Enrichment,
    RefreshRefused,
    Scope,
    ShuttingDown,
    Spending,
    UnreadableRecord,
    scope_of,
)
from orchestrator.surfsense import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    RateLimited,
    RunInterrupted,
    ServiceUnavailable,
    SourceRefused,
    TransientEnrichmentError,
)

from .result import ItemStatus, mention_in

log = structlog.get_logger(__name__)

#: Code of a result whose purchase goes on after its caller has given up.
STILL_LOADING = "still_loading"
#: Faults of our own backends: the item stays open, and is tried again by itself.
POSTPONING = (StoreUnavailable, DatabaseUnavailable, LeaseLost, ShuttingDown)
#: Candidates that one sentence names.
MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """How an item ends that could not be worked on.

    `uncertain_micros` is what a purchase may have cost whose answer was lost, `spent` what was
    bought for it before it failed.
    """

    status: ItemStatus
    code: str
    reason: Localized
    uncertain_micros: int = 0
    spent: Spending = field(default_factory=Spending)

    @property
    def failure(self) -> str | None:
        """The code of a dead letter; None for an ending that no further try would change."""
        return self.code if self.status is ItemStatus.FAILED else None


async def report_or_explain(
    work: Awaitable[Report], otherwise: Callable[[Explanation], Awaitable[Report]]
) -> Report:
    """Return the report of *work*, or the one that *otherwise* makes of its failure.

    Raises:
        NotNow: A backend is unavailable, or the process ends.
    """
    try:
        try:
            return await work
        except (NotNow, *POSTPONING):
            raise
        except Exception as error:
            explanation = explain(error)
            if explanation.code == DeadLetter.INTERNAL_ERROR:
                log.exception("item.failed")
            return await otherwise(explanation)
    except POSTPONING as error:
        raise NotNow(str(error)) from error


def explain(error: Exception) -> Explanation:
    """Return what *error* means for its item, in one sentence."""
    match error:
        case BudgetExhausted():
            return Explanation(ItemStatus.SKIPPED_BUDGET, "budget_exhausted", _refusal(error))
        case InvalidCompanyName():
            es = "El nombre de la empresa no sirve para buscarla."
            reason = Localized(en=f"{error}.", es=es)
            return Explanation(ItemStatus.INVALID, "invalid_company_name", reason)
        case StillLoading():
            en = "It is still being looked up, and paid for once: ask again later."
            es = "La consulta sigue en marcha y se paga una sola vez: pregunte más tarde."
            return _failure(STILL_LOADING, en, es)
        case EnrichmentError():
            return _explain_enrichment(error)
        case UnreadableRecord() | LoadFailed() if _is_unreadable(error):
            en = f"It was not looked up: {error}; the worker's log has more."
            es = "No se consultó: lo anotado sobre su compra no se puede leer."
            return _failure(DeadLetter.INTERNAL_ERROR, en, es)
        case _:
            return explain_given_up(GivenUp(DeadLetter.INTERNAL_ERROR))


def _explain_enrichment(error: EnrichmentError) -> Explanation:
    if isinstance(error, AnswerLost | MalformedAnswer) and error.retry_in is not None:
        return _explain_loss(error, error.retry_in)
    if isinstance(error, AccessDenied) and error.status == HTTPStatus.PAYMENT_REQUIRED:
        return Explanation(ItemStatus.SKIPPED_BUDGET, "no_credit", _NO_CREDIT)
    es = f"SurfSense rechazó la consulta ({error.code})."
    if isinstance(error, TransientEnrichmentError):
        es = "SurfSense no respondió por ahora; vuelva a ejecutarlo más tarde."
    return _failure(error.code, f"{error}.", es)


def _is_unreadable(error: UnreadableRecord | LoadFailed) -> bool:
    return isinstance(error, UnreadableRecord) or error.reason == RECORD_UNREADABLE


def explain_given_up(why: GivenUp) -> Explanation:
    """Return why an item is not worked on any more, in one sentence."""
    match why.code:
        case DeadLetter.POISON:
            where = why.last_step or "start"
            en = f"Its worker vanished {why.attempts} times with this item, last at '{where}'."
            es = f"El proceso murió {why.attempts} veces con este elemento, la última en '{where}'."
        case DeadLetter.DEADLINE:
            en = "The job's deadline had passed before this item began."
            es = "El plazo del trabajo venció antes de que comenzara este elemento."
        case DeadLetter.INTERNAL_ERROR:
            en = "An internal error stopped this lookup; the worker's log has it."
            es = "Un error interno detuvo esta consulta; consta en el registro del proceso."
    return _failure(why.code, en, es)


def explain_ambiguity(enrichment: Enrichment, mention: Mention) -> Explanation:
    """Return why a name is ambiguous: its candidates, or that it is no name, and what helps.

    A website that *mention* has is not asked for again. Where the question that it allows has
    failed, the item ends as that failure says.
    """
    names = ", ".join(enrichment.candidates[:MOST_NAMED])
    these = f" ({names})" if names else ""
    if enrichment.unasked is not None:
        why = explain(enrichment.unasked)
        en = "and the question with its domain has no answer"
        es = "y la pregunta con su dominio no tiene respuesta"
        reason = Localized(
            en=f"The name may mean several companies{these}, {en}. {why.reason.en}",
            es=f"El nombre puede ser de varias empresas{these}, {es}. {why.reason.es}",
        )
        return replace(why, reason=reason)
    if enrichment.by_name:
        reason = Localized(
            en="Other companies may have this name, and nothing else is known by which evidence "
            "could be told from theirs, so nothing was bought; add the company's website or town.",
            es="Otras empresas pueden tener este nombre y no se conoce nada más que distinga la "
            "información de unas y otras, así que no se compró nada; añada la página web o la "
            "ciudad de la empresa.",
        )
    elif enrichment.source is None and not enrichment.shared:
        reason = Localized(
            en="The name is only a legal form or a symbol, so nothing was bought; "
            "write the company's own name, or add its website.",
            es="El nombre es solo una forma jurídica o un símbolo, y no se compró nada; "
            "escriba el nombre propio de la empresa o añada su página web.",
        )
    else:
        en = "; write the full name, or add its website"
        es = "; escriba el nombre completo o añada su página web"
        if company_domain(mention.website):
            en = ", and its domain does not settle which; write the full name"
            es = " y su dominio no aclara cuál; escriba el nombre completo"
        reason = Localized(
            en=f"The name may mean several companies{these}{en}.",
            es=f"El nombre puede ser de varias empresas{these}{es}.",
        )
    return Explanation(ItemStatus.AMBIGUOUS, "ambiguous_name", reason)


def _failure(code: str, en: str, es: str, uncertain_micros: int = 0) -> Explanation:
    return Explanation(ItemStatus.FAILED, code, Localized(en=en, es=es), uncertain_micros)


def _explain_loss(error: AnswerLost | MalformedAnswer, barred_for: timedelta) -> Explanation:
    """Return how long a company is not bought again whose answer is lost, and what to do."""
    minutes = max(1, round(barred_for / timedelta(minutes=1)))
    en = (
        f"{error}. It is not bought again for {minutes} min, unless you ask for it with "
        f"--buy-again or `emasai jobs requeue --reason {error.code}`."
    )
    es = (
        "Se perdió la respuesta de SurfSense y puede haberse cobrado. No se vuelve a comprar "
        f"durante {minutes} min, salvo que lo pida con --buy-again "
        f"o `emasai jobs requeue --reason {error.code}`."
    )
    uncertain_micros = (
        error.cost_micros if isinstance(error, AnswerLost) else error.uncertain_micros
    )
    return _failure(error.code, en, es, uncertain_micros)


_NO_CREDIT = Localized(
    en="Not bought: SurfSense's credit is used up; top it up, then run this again.",
    es="No se compró: el crédito de SurfSense está agotado; recárguelo y vuelva a ejecutarlo.",
)


def _refusal(error: BudgetExhausted) -> Localized:
    """Return which budget is used up."""
    which = _budget(*scope_of(error.account))
    if isinstance(error, RefreshRefused):
        return Localized(
            en=f"Not refreshed: the budget of {which.en} is nearly used up, "
            "and the rest is for lookups that callers request.",
            es=f"No se renovó: el presupuesto {which.es} está casi agotado, "
            "y el resto es para las consultas que se pidan.",
        )
    return Localized(
        en=f"Not bought: the budget of {which.en} is used up.",
        es=f"No se compró: el presupuesto {which.es} está agotado.",
    )


def _budget(scope: Scope, name: str) -> Localized:
    match scope:
        case Scope.RUN:
            return Localized(en="this run", es="de esta ejecución")
        case Scope.REFRESH:
            return Localized(
                en=f"refreshes on {name} (UTC)", es=f"de renovaciones del {name} (UTC)"
            )
        case Scope.TENANT:
            return Localized(en=f"tenant {name}", es=f"del tenant {name}")
        case Scope.DAY:
            return Localized(en=f"the day {name} (UTC)", es=f"del día {name} (UTC)")
        case Scope.GLOBAL:
            return Localized(en="the whole installation", es="de toda la instalación")


class Retry(StrEnum):
    """Whether a failed item is worth another try.

    `now`: it may succeed as things are. `named`: something has to be fixed first, or it may have
    been charged, so it is queued again only if its reason is named. `schedule`: its watch runs
    again by itself.
    """

    NOW = "now"
    NAMED = "named"
    SCHEDULE = "schedule"


KEEPS_CHANGING = Explanation(
    ItemStatus.FAILED,
    "lead_changed",
    Localized(
        en="The lead was changed each time while it was judged; run it again.",
        es="El lead se modificó cada vez mientras se evaluaba; vuelva a ejecutarlo.",
    ),
)
#: Nothing was charged that a retry would buy again, and nothing has to be fixed.
_NOW: Final = frozenset(
    {
        DeadLetter.DEADLINE.value,
        KEEPS_CHANGING.code,
        TransientEnrichmentError.code,
        ServiceUnavailable.code,
        NotSent.code,
        RateLimited.code,
        RunInterrupted.code,
        SourceRefused.code,
    }
)

#: Charged, or perhaps charged, without an answer: queued again, they are bought once more.
BOUGHT_AGAIN: Final = frozenset({AnswerLost.code, MalformedAnswer.code})


def retry_of(kind: JobKind, code: str) -> Retry:
    """Return whether an item of a job of *kind* that failed with *code* is worth another try."""
    if kind is JobKind.REFRESH:
        return Retry.SCHEDULE
    return Retry.NOW if code in _NOW else Retry.NAMED


@dataclass(frozen=True, slots=True)
class FailedItem:
    """One failed item: a lead, or a company by itself."""

    job_id: str
    number: int
    lead_id: str | None
    mention: Mention
    company_key: str | None
    code: str
    reason: Localized | None
    failed_at: datetime
    attempts: int
    retry: Retry
    requeued: bool

    @property
    def item(self) -> str:
        """The item, as its job has it."""
        return self.lead_id or self.mention.text

    @property
    def company(self) -> str:
        """The company's name, blank for a lead that is not stored."""
        return self.mention.name

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "job_id": self.job_id,
            "number": self.number,
            "item": self.lead_id or self.company,
            "company": self.company,
            "company_key": self.company_key,
            "code": self.code,
            "reason": None if self.reason is None else self.reason.model_dump(),
            "failed_at": self.failed_at,
            "attempts": self.attempts,
            "retry": self.retry,
            "requeued": self.requeued,
        }


@dataclass(slots=True)
class FailureCount:
    """How many items failed with one code; the last one failed at `last_at`."""

    retry: Retry
    items: int = 0
    requeued: int = 0
    last_at: datetime | None = None

    def add(self, items: Sequence[Failure]) -> None:
        """Count *items* in, of which there is at least one."""
        self.items += len(items)
        self.requeued += sum(item.requeued for item in items)
        last_at = max(item.failed_at for item in items)
        self.last_at = last_at if self.last_at is None else max(self.last_at, last_at)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "retry": self.retry,
            "items": self.items,
            "requeued": self.requeued,
            "last_at": self.last_at,
        }


async def list_failed_items(
    failures: Failures, wanted: FailureFilter
) -> AsyncIterator[tuple[Job, list[FailedItem]]]:
    """Yield the failed items that are *wanted*, job by job, some at a time.

    Raises:
        StoreUnavailable: Redis is unavailable.
    """
    async for job in failures.jobs(wanted):
        async for items in failures.items(job, wanted):
            async for failed_items in read_failed_items(failures, job, items):
                yield job, failed_items


async def read_failed_items(
    failures: Failures, job: Job, items: Sequence[Failure]
) -> AsyncIterator[list[FailedItem]]:
    """Yield the failed items of *job* for *items*, some at a time."""
    async for some in failures.results(job, items):
        yield [_failed_item(job, item, result) for item, result in some]


def _failed_item(job: Job, item: Failure, result: Mapping[str, Any]) -> FailedItem:
    reason = result.get("reason")
    return FailedItem(
        job_id=job.job_id,
        number=item.number,
        lead_id=result.get("lead_id"),
        mention=mention_in(result),
        company_key=result.get("company_key"),
        code=item.code,
        reason=None if reason is None else Localized.model_validate(reason),
        failed_at=item.failed_at,
        attempts=item.attempts,
        retry=retry_of(job.kind, item.code),
        requeued=item.requeued,
    )

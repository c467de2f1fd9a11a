"""What becomes of an item that could not be worked on: a result that says why, or a later try."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from agents.case import Localized
from orchestrator.database import DatabaseUnavailable
from orchestrator.handlers.budget import explain_budget
from orchestrator.handlers.result import ItemStatus
from orchestrator.identity import InvalidCompanyName
from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import DeadLetter, GivenUp, NotNow, Report
from orchestrator.memo import RECORD_UNREADABLE, LeaseLost, LoadFailed, StillLoading
from orchestrator.purchasing import BudgetExhausted, ShuttingDown, UnreadableRecord
from orchestrator.surfsense import (
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    TransientEnrichmentError,
)

log = structlog.get_logger(__name__)

#: Code of a result whose purchase goes on after its caller has given up.
STILL_LOADING = "still_loading"
#: Faults of our own servers: the item stays open, and is tried again by itself.
POSTPONING = (StoreUnavailable, DatabaseUnavailable, LeaseLost, ShuttingDown)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How an item ends that could not be worked on.

    `uncertain_micros` is what a purchase may have cost whose answer was lost.
    """

    status: ItemStatus
    code: str
    reason: Localized
    uncertain_micros: int = 0


def explain(error: Exception) -> Explanation:
    """Say in one sentence what *error* means for the item that met it."""
    match error:
        case BudgetExhausted():
            return Explanation(ItemStatus.SKIPPED_BUDGET, "budget_exhausted", explain_budget(error))
        case InvalidCompanyName():
            es = "El nombre de la empresa no sirve para buscarla."
            return Explanation(
                ItemStatus.INVALID, "invalid_company_name", Localized(en=f"{error}.", es=es)
            )
        case StillLoading():
            en = "It is still being looked up, and paid for once: ask again later."
            es = "La consulta sigue en marcha y se paga una sola vez: pregunte más tarde."
            return Explanation(ItemStatus.FAILED, STILL_LOADING, Localized(en=en, es=es))
        case EnrichmentError():
            return _explain_enrichment(error)
        case UnreadableRecord() | LoadFailed() if _is_unreadable(error):
            en = f"It was not looked up: {error}; the worker's log has more."
            es = "No se consultó: lo anotado sobre su compra no se puede leer."
            reason = Localized(en=en, es=es)
            return Explanation(ItemStatus.FAILED, DeadLetter.INTERNAL_ERROR, reason)
        case _:
            return explain_given_up(GivenUp(DeadLetter.INTERNAL_ERROR))


def _is_unreadable(error: Exception) -> bool:
    return isinstance(error, UnreadableRecord) or (
        isinstance(error, LoadFailed) and error.reason == RECORD_UNREADABLE
    )


def _explain_enrichment(error: EnrichmentError) -> Explanation:
    if isinstance(error, AnswerLost | MalformedAnswer) and error.retry_in is not None:
        return _explain_loss(error, error.retry_in)
    es = f"SurfSense rechazó la consulta ({error.code})."
    if isinstance(error, TransientEnrichmentError):
        es = "SurfSense no respondió por ahora; vuelva a ejecutarlo más tarde."
    return Explanation(ItemStatus.FAILED, error.code, Localized(en=f"{error}.", es=es))


def _explain_loss(error: AnswerLost | MalformedAnswer, barred_for: timedelta) -> Explanation:
    """Say until when a company is not bought again whose answer cannot be had, and what to do."""
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
    uncertain_micros = error.cost_micros if isinstance(error, AnswerLost) else 0
    return Explanation(ItemStatus.FAILED, error.code, Localized(en=en, es=es), uncertain_micros)


def explain_given_up(why: GivenUp) -> Explanation:
    """Say in one sentence why an item is not worked on any more."""
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
    return Explanation(ItemStatus.FAILED, why.code, Localized(en=en, es=es))


def failure_of(why: Explanation) -> str | None:
    """Return the code of a dead letter; None for an ending that no further try would change."""
    return why.code if why.status is ItemStatus.FAILED else None


async def reported(work: Awaitable[Report], otherwise: Callable[[Explanation], Report]) -> Report:
    """Return the report of *work*, or the one that *otherwise* makes of its failure.

    Raises:
        NotNow: A server of ours is away, or the process ends.
    """
    try:
        return await work
    except NotNow:
        raise
    except POSTPONING as error:
        raise NotNow(str(error)) from error
    except Exception as error:
        explanation = explain(error)
        if explanation.code == DeadLetter.INTERNAL_ERROR:
            log.exception("item.failed")
        return otherwise(explanation)

"""A stored result as the cells of a lead file. Pure."""

from agents.case import Language
from orchestrator.handlers import ItemResult, ItemStatus, LeadResult
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.leadfile import ResultCells


def cells_of(result: ItemResult, language: Language) -> ResultCells:
    """Return the cells that say how *result* ended."""
    lead = result if isinstance(result, LeadResult) else None
    draft = None if lead is None else lead.draft
    viable = None if lead is None else lead.viable
    return ResultCells(
        status=result.status,
        company_key=result.company_key or "",
        viable="" if viable is None else _YES_NO[language][viable],
        score="" if lead is None or lead.score is None else str(lead.score),
        value="" if draft is None else str(draft.value.amount),
        currency="" if draft is None else draft.value.currency,
        next_step="" if draft is None else draft.next_step.in_language(language),
        reason="" if result.reason is None else result.reason.in_language(language),
        outcome_source=_outcome_of(result),
        as_of="" if result.as_of is None else result.as_of.isoformat(timespec="seconds"),
        cost_usd=f"{result.cost_micros / MICROS_PER_USD:.6f}",
        uncertain_usd=f"{result.uncertain_micros / MICROS_PER_USD:.6f}",
    )


def _outcome_of(result: ItemResult) -> str:
    is_unknown = result.found is False and result.status is not ItemStatus.AMBIGUOUS
    return "not_found" if is_unknown else result.source or ""


_YES_NO = {"en": {True: "yes", False: "no"}, "es": {True: "sí", False: "no"}}

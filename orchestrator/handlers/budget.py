"""What to tell a person about a budget that refuses a purchase. Pure."""

from agents.case import Localized
from orchestrator.purchasing import BudgetExhausted, RefreshRefused, Scope, scope_of


def explain_budget(error: BudgetExhausted) -> Localized:
    """Say which budget is used up."""
    which = _which(*scope_of(error.account))
    if isinstance(error, RefreshRefused):
        return Localized(
            en=f"Not refreshed: the budget of {which.en} is nearly used up, "
            "and the rest is for what somebody asks for.",
            es=f"No se renovó: el presupuesto {which.es} está casi agotado, "
            "y el resto es para lo que alguien pida.",
        )
    return Localized(
        en=f"Not bought: the budget of {which.en} is used up.",
        es=f"No se compró: el presupuesto {which.es} está agotado.",
    )


def _which(scope: Scope, whose: str) -> Localized:
    match scope:
        case Scope.RUN:
            return Localized(en="this run", es="de esta ejecución")
        case Scope.REFRESH:
            return Localized(
                en=f"refreshes on {whose} (UTC)", es=f"de renovaciones del {whose} (UTC)"
            )
        case Scope.TENANT:
            return Localized(en=f"tenant {whose}", es=f"del tenant {whose}")
        case Scope.DAY:
            return Localized(en=f"the day {whose} (UTC)", es=f"del día {whose} (UTC)")
        case Scope.GLOBAL:
            return Localized(en="the whole installation", es="de toda la instalación")

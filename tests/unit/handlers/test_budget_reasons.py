"""What a person is told when a budget refuses a purchase."""

import pytest

from orchestrator.handlers.result import ItemStatus
from orchestrator.handlers.trouble import explain
from orchestrator.purchasing import BudgetExhausted, RefreshRefused


@pytest.mark.parametrize(
    ("account", "en", "es"),
    [
        ("run:j1", "the budget of this run is", "el presupuesto de esta ejecución está"),
        ("tenant:north", "the budget of tenant north is", "el presupuesto del tenant north está"),
        ("day:2026-11-23", "of the day 2026-11-23 (UTC) is", "del día 2026-11-23 (UTC) está"),
        ("global", "of the whole installation is", "de toda la instalación está"),
    ],
)
def test_a_skipped_item_names_its_budget(account: str, en: str, es: str) -> None:
    """Whoever reads it knows which cap to raise."""
    explanation = explain(BudgetExhausted(account, 46_500))

    assert explanation.status is ItemStatus.SKIPPED_BUDGET
    assert explanation.code == "budget_exhausted"
    assert en in explanation.reason.en
    assert es in explanation.reason.es


def test_a_refresh_that_is_given_up_says_that_something_is_left() -> None:
    """Nobody is told that a budget is used up while others still buy from it."""
    reason = explain(RefreshRefused("global", 46_500)).reason

    assert "nearly used up" in reason.en
    assert "casi agotado" in reason.es

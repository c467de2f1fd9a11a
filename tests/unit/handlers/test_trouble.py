"""What an error means for the item that met it, in two languages."""

import pytest

from orchestrator.handlers.result import ItemStatus
from orchestrator.handlers.trouble import explain
from orchestrator.identity import InvalidCompanyName
from orchestrator.memo import LoadFailed, StillLoading
from orchestrator.purchasing import BudgetExhausted
from orchestrator.surfsense import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    PermanentEnrichmentError,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    TransientEnrichmentError,
)

FAILURES: list[EnrichmentError] = [
    EnrichmentError("Acme"),
    TransientEnrichmentError("Acme"),
    ServiceUnavailable("Acme", "503"),
    RateLimited("Acme", 30),
    AnswerLost("Acme", "timeout"),
    PermanentEnrichmentError("Acme"),
    RequestRejected("Acme", 400, "too short"),
    MalformedAnswer("Acme", "the body"),
    AccessDenied("Acme", 401),
]


def test_a_caller_that_gave_up_is_told_to_ask_again() -> None:
    """Patience that ended is no internal error: the result says that the purchase goes on."""
    explanation = explain(StillLoading("surfsense:acme"))

    assert (explanation.status, explanation.code) == (ItemStatus.FAILED, "still_loading")
    assert "ask again" in explanation.reason.en


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_a_failure_of_surfsense_is_named_by_its_code(error: EnrichmentError) -> None:
    """The result has the stable code, and a sentence with the company."""
    explanation = explain(error)

    assert (explanation.status, explanation.code) == (ItemStatus.FAILED, error.code)
    assert explanation.reason.en == f"{error}."
    assert explanation.reason.es.endswith(".")
    assert explanation.reason.es != explanation.reason.en


def test_what_may_pass_is_told_from_what_will_not() -> None:
    """Only a passing fault asks for another run."""
    passing, lasting = explain(RateLimited("Acme", 30)), explain(AccessDenied("Acme", 401))

    assert "más tarde" in passing.reason.es
    assert "más tarde" not in lasting.reason.es


def test_a_used_up_budget_is_not_a_failure() -> None:
    """Skipped, on purpose."""
    explanation = explain(BudgetExhausted("run:1", 7))

    assert (explanation.status, explanation.code) == (
        ItemStatus.SKIPPED_BUDGET,
        "budget_exhausted",
    )


def test_an_unusable_name_is_invalid() -> None:
    """The sentence has the reason."""
    explanation = explain(InvalidCompanyName(" ", "it is blank"))

    assert explanation.status is ItemStatus.INVALID
    assert explanation.reason.en == "' ' is not a company name: it is blank."


@pytest.mark.parametrize("error", [KeyError("secret"), LoadFailed("surfsense:acme", "KeyError")])
def test_an_unknown_error_tells_nothing_of_itself(error: Exception) -> None:
    """What it was stays in the log."""
    explanation = explain(error)

    assert (explanation.status, explanation.code) == (ItemStatus.FAILED, "internal_error")
    assert "secret" not in repr(explanation)
    assert "KeyError" not in repr(explanation)

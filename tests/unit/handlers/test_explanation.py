"""Why an item could not be worked on: the code and a sentence in two languages."""

from datetime import timedelta

import pytest

from orchestrator.handlers.explanation import MOST_NAMED, explain, explain_ambiguity
from orchestrator.handlers.result import ItemStatus
from orchestrator.identity import InvalidCompanyName, Mention
from orchestrator.memo import LoadFailed, Source, StillLoading
from orchestrator.purchasing import (
    BudgetExhausted,
    Enrichment,
    EnrichmentStatus,
    RefreshRefused,
)
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


@pytest.mark.parametrize(
    "error", [AnswerLost("Acme", "timeout", 46_500), MalformedAnswer("Acme", "the body", 46_500)]
)
def test_what_may_have_been_charged_is_in_the_result(error: AnswerLost | MalformedAnswer) -> None:
    """A result names the price that the ledger has as uncertain."""
    error.retry_in = timedelta(minutes=90)

    assert explain(error).uncertain_micros == 46_500


def test_a_caller_that_gave_up_is_told_to_ask_again() -> None:
    """Patience that ended is no internal error: the result reports that the purchase goes on."""
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


def test_transient_and_lasting_failures_read_differently() -> None:
    """Only a transient failure asks for another run."""
    transient, lasting = explain(RateLimited("Acme", 30)), explain(AccessDenied("Acme", 401))

    assert "más tarde" in transient.reason.es
    assert "más tarde" not in lasting.reason.es


def test_a_used_up_budget_is_not_a_failure() -> None:
    """The item is skipped, on purpose."""
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
def test_an_unknown_error_is_not_quoted(error: Exception) -> None:
    """Its details stay in the log."""
    explanation = explain(error)

    assert (explanation.status, explanation.code) == (ItemStatus.FAILED, "internal_error")
    assert "secret" not in repr(explanation)
    assert "KeyError" not in repr(explanation)


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
    """The reason names the cap to raise."""
    explanation = explain(BudgetExhausted(account, 46_500))

    assert explanation.status is ItemStatus.SKIPPED_BUDGET
    assert explanation.code == "budget_exhausted"
    assert en in explanation.reason.en
    assert es in explanation.reason.es


def test_a_refused_refresh_reports_a_budget_that_is_nearly_used_up() -> None:
    """The budget is not called used up while other purchases still draw on it."""
    reason = explain(RefreshRefused("global", 46_500)).reason

    assert "nearly used up" in reason.en
    assert "casi agotado" in reason.es


def _ambiguous(*candidates: str, source: Source | None = Source.BOUGHT) -> Enrichment:
    return Enrichment("acme", EnrichmentStatus.AMBIGUOUS, source, candidates=candidates)


def test_candidates_are_named_up_to_a_handful() -> None:
    """The sentence stays a sentence."""
    names = [f"Acme {number}" for number in range(MOST_NAMED + 1)]

    explanation = explain_ambiguity(_ambiguous(*names), Mention("Acme"))

    assert explanation.status is ItemStatus.AMBIGUOUS
    for sentence in (explanation.reason.en, explanation.reason.es):
        assert all(name in sentence for name in names[:MOST_NAMED])
        assert names[MOST_NAMED] not in sentence


def test_a_bare_legal_form_was_not_looked_up() -> None:
    """Without a lookup the reason is the name itself, and that nothing was bought."""
    reason = explain_ambiguity(_ambiguous(source=None), Mention("Acme")).reason

    assert "nothing was bought" in reason.en
    assert "no se compró nada" in reason.es


def test_an_answer_without_candidates_asks_for_the_full_name() -> None:
    """SurfSense may say that a name is ambiguous and leave it at that."""
    reason = explain_ambiguity(_ambiguous(), Mention("Acme")).reason

    assert "write the full name, or add its website" in reason.en


def test_a_website_that_was_given_is_not_asked_for() -> None:
    """Who has followed the advice is not given it again; a page at a network is no website."""
    own, network = "https://www.acme.example", "https://www.linkedin.com/company/acme"
    given, useless = (
        explain_ambiguity(_ambiguous("Acme Iberia"), Mention("Acme", website)).reason
        for website in (own, network)
    )

    assert "add its website" not in given.en
    assert "añada su página web" not in given.es
    assert "Acme Iberia" in given.en
    assert "add its website" in useless.en
    assert "añada su página web" in useless.es

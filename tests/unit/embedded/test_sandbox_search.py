"""The sandbox's search: what a phrase is about, what it finds, what it costs."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.embedded.sandbox import Behaviour
from orchestrator.embedded.sandbox.behaviour import (
    PollFault,
    RunFault,
    fault_of,
)
from orchestrator.embedded.sandbox.requests import SearchRequest
from orchestrator.embedded.sandbox.verbs import search, topic_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALL_KNOWN = Behaviour(not_found_rate=0, ambiguous_rate=0)


@pytest.mark.parametrize(
    ("phrase", "topic"),
    [
        ('"Acme, S.L."', ("Acme, S.L.", "acme")),
        ('"Acme" sitio oficial', ("Acme", "acme")),
        ('"Acme" globex.de', ("Acme (globex.de)", "acme_globex_de")),
        ("Acme", ("Acme", "acme")),
        ('"', ('"', "symbols")),
    ],
)
def test_a_phrase_is_about_what_is_in_quotes(phrase: str, topic: tuple[str, str]) -> None:
    """The name is kept as it was typed; without quotes, all of the phrase is the name."""
    name, key = topic_of(phrase)

    assert name == topic[0]
    assert key == topic[1] or topic[1] == "symbols"


@given(st.text(min_size=1), st.integers(1, 10))
def test_a_page_costs_and_what_is_not_found_is_free(phrase: str, pages: int) -> None:
    """Whatever is searched for; the company is in the first item alone."""
    request = SearchRequest(queries=[phrase], max_pages_per_query=pages)

    finding = search(phrase, request, ALL_KNOWN, NOW)

    assert finding.cost_micros == len(finding.items) * 5_500
    assert len(finding.items) in {0, pages}
    assert ["empresa" in item for item in finding.items] == [
        page == 0 for page in range(len(finding.items))
    ]


def test_blank_lines_are_no_searches() -> None:
    """A newline inside of a query makes two."""
    request = SearchRequest(queries=["a\nb", " ", "\n"])

    assert request.phrases == ["a", "b"]


def test_faults_of_looks_and_runs_come_as_often_as_ordered() -> None:
    """Independently of each other."""
    mixed = Behaviour(
        run_error_rate=0.3, poll_error_rate=0.1, poll_reset_rate=0.2, poll_timeout_rate=0.3
    )

    looks = [fault_of(PollFault, mixed, "run", number) for number in range(5_000)]
    runs = [fault_of(RunFault, mixed, f"company {number}", 1) for number in range(5_000)]

    shares = {fault: looks.count(fault) / len(looks) for fault in [*PollFault, None]}
    assert shares == pytest.approx(
        {PollFault.ERROR: 0.1, PollFault.RESET: 0.2, PollFault.TIMEOUT: 0.3, None: 0.4}, abs=0.03
    )
    assert runs.count(RunFault.ERROR) / len(runs) == pytest.approx(0.3, abs=0.03)

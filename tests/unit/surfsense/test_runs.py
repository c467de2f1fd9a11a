"""What an ended run means, and what it costs."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.surfsense import (
    Ambiguous,
    Answer,
    EnrichmentError,
    Found,
    MalformedAnswer,
    NotFound,
    RequestRejected,
    RunInterrupted,
    ServiceUnavailable,
    SourceRefused,
)
from orchestrator.surfsense.runs import Run, Started, verdict_on_run
from orchestrator.surfsense.verbs import payload_from

PRICE = 5_500
ITEM = {"empresa": {"empresa": "Acme", "cost_micros": 22_000}}
HIT = {"organicResults": [{"url": "https://acme.example/"}]}


def run(status: str = "success", *items: object, **fields: object) -> Run:
    """Return a run as SurfSense tells it."""
    output = "\n".join(orjson.dumps(item).decode() for item in items)
    row = {"id": "run_1", "status": status, "created_at": "2026-11-23T12:00:00Z"}
    return Run.model_validate(row | {"output_text": output, "cost_micros": None} | fields)


def judge(judged: Run) -> Answer:
    """Return the verdict on a run about Acme."""
    return verdict_on_run(judged, payload_from, company="Acme", cost_of=lambda _items: PRICE)


def test_the_run_tells_the_cost_not_its_item() -> None:
    """The charge is in the run; what an item says is another book's."""
    assert judge(run("success", ITEM, cost_micros=5_500)) == Found(ITEM["empresa"], 5_500, False)


def test_an_untold_cost_is_the_price_and_said_to_be_estimated() -> None:
    """Recording a charge is best-effort at SurfSense."""
    assert judge(run("success", ITEM)) == Found(ITEM["empresa"], PRICE, True)


def test_a_cost_of_nothing_is_told() -> None:
    """A server without billing charges 0, which is not "untold"."""
    answer = judge(run("success", HIT, cost_micros=0))

    assert (answer.cost_micros, answer.cost_estimated) == (0, False)


@pytest.mark.parametrize(("told", "estimated"), [(0, False), (None, True)])
def test_no_items_is_not_found_and_free(told: int | None, estimated: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Google walled the search off, or knows nothing: neither is charged."""
    assert judge(run("success", cost_micros=told)) == NotFound(0, estimated)


def test_a_page_without_results_is_not_found_and_paid() -> None:
    """The page came, so it costs."""
    empty = run("success", {"organicResults": []}, cost_micros=5_500)

    assert judge(empty) == NotFound(5_500, False)


def test_an_ambiguous_company_is_told() -> None:
    """What the item says became of the search counts."""
    told = {"estado": "ambigua", "candidates": ["Acme SA", "Acme SL"]}

    answer = judge(run("success", {"empresa": told}, cost_micros=5_500))

    assert answer == Ambiguous(("Acme SA", "Acme SL"), told, 5_500, False)


def test_a_line_ends_with_a_newline_only() -> None:
    """The text is not escaped, so a value may hold what Python takes for a line's end."""
    item = {"empresa": {"empresa": "Acme\u2028\x85SL"}}

    assert isinstance(judge(run("success", item, item)), Found)


@pytest.mark.parametrize("output", ["{", "[]", '{"a": 1}\n7', "null"])
def test_a_result_that_cannot_be_read_is_malformed(output: str) -> None:
    """It was paid for, so it is not "not found"."""
    with pytest.raises(MalformedAnswer, match="items"):
        judge(run(output_text=output))


def test_an_interrupted_run_is_told_from_a_failed_one() -> None:
    """It may still succeed."""
    interrupted = run("error", error="Interrupted by server restart")

    with pytest.raises(RunInterrupted, match="run_1"):
        judge(interrupted)
    assert interrupted.may_be_charged


@pytest.mark.parametrize(
    "error",
    [
        None,
        "The 'google_search.scrape' capability failed due to an upstream error.",
        "403: no",
        "429: slow down",
        "500: boom",
    ],
)
def test_a_failed_run_may_be_tried_again(error: str | None) -> None:
    """SurfSense or its source is out of order for now."""
    failed = run("error", error=error)

    with pytest.raises(ServiceUnavailable, match="the run failed"):
        judge(failed)
    assert not failed.may_be_charged


@pytest.mark.parametrize(
    "error",
    [
        "Google sign in required",
        "403: Reddit refused anonymous access",
        "indeed REFUSED anonymous access: \x1b[31m",
    ],
)
def test_a_source_that_refused_is_named(error: str) -> None:
    """The step may be tried again later; the reason is safe to show."""
    with pytest.raises(SourceRefused) as refused:
        judge(run("error", error=error))

    assert refused.value.reason.isprintable()


def test_a_run_that_refuses_its_request_is_not_tried_again() -> None:
    """A status at the head of the text is all that is left of it."""
    with pytest.raises(RequestRejected) as caught:
        judge(run("error", error="422: the query is too long"))

    assert (caught.value.status, caught.value.detail) == (422, "the query is too long")


def test_a_long_reason_is_cut() -> None:
    """An error stays a line even if a scraper writes a book."""
    with pytest.raises(ServiceUnavailable) as caught:
        judge(run("error", error="x" * 5_000))

    assert len(caught.value.cause) < 400


@given(
    st.sampled_from(["success", "error", "cancelled"]),
    st.none() | st.text(),
    st.none() | st.text() | st.from_regex(r"\{.*\}"),
)
def test_every_ended_run_has_a_verdict(status: str, error: str | None, output: str | None) -> None:
    """No run raises anything but an error of the family."""
    try:
        judge(run(status, error=error, output_text=output))
    except EnrichmentError as raised:
        assert raised.company == "Acme"  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("run_id", ["../1", "a/b", "", "a?b", "a b", "x" * 200])
def test_an_id_that_leads_elsewhere_is_no_run_id(run_id: str) -> None:
    """It becomes part of a path that carries our key."""
    with pytest.raises(ValidationError):
        Started(run_id=run_id)


def test_ids_are_compared_with_their_prefix() -> None:
    """SurfSense takes both forms."""
    assert Started(run_id="1").run_id == Started(run_id="run_1").run_id == "run_1"


@pytest.mark.parametrize("instant", ["2026-11-23T12:00:00", "2026-11-23T13:00:00+01:00"])
def test_a_runs_birth_is_in_utc(instant: str) -> None:
    """Whatever zone it comes with, or none."""
    fields: dict[str, Any] = {"created_at": instant}

    assert run(**fields).created_at.isoformat() == "2026-11-23T12:00:00+00:00"

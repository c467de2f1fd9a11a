"""What HTTP answers mean, and how long a 429 asks to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.surfsense import (
    AccessDenied,
    Ambiguous,
    Answer,
    AnswerLost,
    EnrichmentError,
    Found,
    MalformedAnswer,
    NotFound,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
)
from orchestrator.surfsense.seller import (
    LONGEST_RETRY_AFTER_S,
    RATE_WINDOW_S,
    retry_after_s,
    verdict_on,
)

PRICE = 46_500
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def judge(status: int, body: object = b"", headers: dict[str, str] | None = None) -> Answer:
    """Return the verdict on an answer about Acme; a body that is not bytes is sent as JSON."""
    return verdict_on(
        status,
        httpx.Headers(headers),
        body if isinstance(body, bytes) else orjson.dumps(body),
        company="Acme",
        price_micros=PRICE,
        now=NOW,
    )


def test_an_object_is_an_answer_with_every_field_kept() -> None:
    """The payload is the object as it was sent."""
    payload = {"empresa": "Acme", "sector": "retail", "unheard_of": [1, {"a": None}]}

    assert judge(200, payload) == Found(payload, PRICE, cost_estimated=True)


def test_an_answer_that_tells_its_cost_is_believed() -> None:
    """The price is only a guess for answers that say nothing."""
    payload = {"empresa": "Acme", "cost_micros": 22_000}

    assert judge(200, payload) == Found(payload, 22_000, cost_estimated=False)


@pytest.mark.parametrize("cost", [-1, "free", True, None, 1.5])
def test_an_odd_cost_is_not_believed(cost: object) -> None:
    """A cost that is no amount counts as untold."""
    answer = judge(200, {"empresa": "Acme", "cost_micros": cost})

    assert (answer.cost_micros, answer.cost_estimated) == (PRICE, True)


@pytest.mark.parametrize("payload", [{}, {"estado": "no_encontrada"}, {"status": "not_found"}])
def test_nothing_known_is_an_answer(payload: dict[str, Any]) -> None:
    """A search that found nothing was done, and is paid."""
    assert judge(200, payload) == NotFound(PRICE, cost_estimated=True)


def test_a_404_with_an_object_is_not_found_and_free() -> None:
    """A failed call costs nothing unless it says so."""
    assert judge(404, {"estado": "no_encontrada"}) == NotFound(0, cost_estimated=True)
    assert judge(404, {"cost_micros": 5_500}) == NotFound(5_500, cost_estimated=False)


@pytest.mark.parametrize("body", [{"detail": "Not Found"}, b"", b"<h1>Not Found</h1>", ["a"]])
def test_a_bare_404_is_a_wrong_url(body: object) -> None:
    """A path that does not exist must not become a company that does not exist."""
    with pytest.raises(RequestRejected, match="SURFSENSE_URL"):
        judge(404, body)


def test_an_ambiguous_name_brings_its_candidates() -> None:
    """Candidates are named whether they come as text or as objects."""
    payload = {"estado": "ambigua", "candidates": ["Acme SA", {"nombre": "Acme SL"}, 7, None]}

    answer = judge(200, payload)

    assert answer == Ambiguous(("Acme SA", "Acme SL", "7"), payload, PRICE, cost_estimated=True)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"Acme"', b"{", b"\xff", b"<html>", b"NaN"])
def test_what_is_no_object_is_malformed(body: bytes) -> None:
    """A 200 that cannot be read is said to be so."""
    with pytest.raises(MalformedAnswer, match="JSON object"):
        judge(200, body)


@pytest.mark.parametrize("status", [202, 204, 206])
def test_another_success_is_no_answer(status: int) -> None:
    """Work that is not done is not evidence."""
    with pytest.raises(MalformedAnswer, match=str(status)):
        judge(status, {"empresa": "Acme"})


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_or_an_empty_credit_stops_all(status: int) -> None:
    """Configuration and credit are told apart from a bad request."""
    with pytest.raises(AccessDenied) as caught:
        judge(status, {"detail": {"error_code": "insufficient_credits"}})

    assert caught.value.status == status


@pytest.mark.parametrize("header", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_a_429_says_how_long(header: str) -> None:
    """The header counts in any case."""
    with pytest.raises(RateLimited) as caught:
        judge(429, headers={header: "7"})

    assert caught.value.retry_after_s == 7


def test_a_429_without_header_waits_for_the_window() -> None:
    """SurfSense's own limit comes without a header and is one minute long."""
    with pytest.raises(RateLimited) as caught:
        judge(429, {"error": {"code": "RATE_LIMIT_EXCEEDED"}})

    assert caught.value.retry_after_s == 60


@pytest.mark.parametrize("status", [503, 521, 522, 523, 525, 526, 530])
@pytest.mark.parametrize("body", [b"<html>", b"", b'{"detail": "x"}'])
def test_a_service_that_was_not_reached_has_charged_nothing(status: int, body: bytes) -> None:
    """Whatever page comes with it."""
    with pytest.raises(ServiceUnavailable, match=str(status)):
        judge(status, body)


@pytest.mark.parametrize("status", [500, 501, 502, 504, 507, 520, 524])
def test_any_other_server_error_leaves_the_answer_lost(status: int) -> None:
    """It may have failed, or a proxy given up, after the work was charged."""
    with pytest.raises(AnswerLost, match=str(status)):
        judge(status, b"<html>")


@pytest.mark.parametrize("status", [400, 405, 409, 422])
def test_a_bad_request_is_rejected_with_the_reason(status: int) -> None:
    """The service's own sentence reaches the person that has to correct the request."""
    with pytest.raises(RequestRejected, match="empresa is missing"):
        judge(status, {"detail": "empresa is missing"})


def test_a_long_reason_is_cut() -> None:
    """An error stays a line even if the server sends a book."""
    with pytest.raises(RequestRejected) as caught:
        judge(422, {"detail": "x" * 5_000})

    assert len(caught.value.detail) == 300


@pytest.mark.parametrize("body", [b"", [], {"detail": [{"loc": ["empresa"]}]}])
def test_a_reason_that_is_no_sentence_is_left_out(body: object) -> None:
    """Only text is quoted."""
    with pytest.raises(RequestRejected, match="gave no reason"):
        judge(422, body)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """A POST that costs money goes to the address that was configured, or nowhere."""
    with pytest.raises(RequestRejected, match="SURFSENSE_URL"):
        judge(status)


@given(st.integers(100, 599), st.binary() | st.from_regex(rb"\{.*\}"))
def test_every_answer_has_a_verdict(status: int, body: bytes) -> None:
    """No answer of any server raises anything but an error of the family."""
    try:
        judge(status, body)
    except EnrichmentError as error:
        assert error.company == "Acme"  # noqa: PT017 - either outcome is right


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        (" 17 ", 17),
        ("1.5", 1),
        ("1 minute", 60),
        ("2 minutes", 120),
        ("30s", 30),
        ("1 hour", 3600),
        ("Mon, 23 Nov 2026 12:00:45 GMT", 45),
        ("Mon, 23 Nov 2026 12:00:45 -0000", 45),
        ("Mon, 23 Nov 2026 11:59:00 GMT", 0),
        ("999999", LONGEST_RETRY_AFTER_S),
        ("Mon, 23 Nov 2037 12:00:45 GMT", LONGEST_RETRY_AFTER_S),
        (None, RATE_WINDOW_S),
        ("", RATE_WINDOW_S),
        ("soon", RATE_WINDOW_S),
        ("-5", RATE_WINDOW_S),
        ("Mon, 99 Nov 2026 12:00:45 GMT", RATE_WINDOW_S),
        ("٣", RATE_WINDOW_S),
    ],
)
def test_a_header_is_read_for_what_it_means(header: str | None, seconds: int) -> None:
    """Seconds, words and dates are understood; anything else waits for the window to end."""
    assert retry_after_s(header, NOW) == seconds


@given(st.text())
def test_no_header_can_break_it(header: str) -> None:
    """Whatever a server sends, the wait is within bounds."""
    assert 0 <= retry_after_s(header, NOW) <= LONGEST_RETRY_AFTER_S


@given(st.integers(min_value=0, max_value=LONGEST_RETRY_AFTER_S))
def test_a_date_and_its_distance_say_the_same(seconds: int) -> None:
    """The two standard forms agree."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s(date, NOW) == retry_after_s(str(seconds), NOW)

"""SurfSense's own reasons: read from every envelope, safe to show, and by whom it was refused."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.infra.bounds import is_storable
from orchestrator.surfsense import AccessDenied, AnswerLost, ServiceUnavailable, SourceRefused
from orchestrator.surfsense.errors import (
    LONGEST_REASON,
    is_refused_by_source,
    one_line,
    refusal_in,
)
from orchestrator.surfsense.seller import failure_on
from tests.support.cases import NOW


def enveloped(code: str, message: str, status: int, **more: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return an error answer in SurfSense's form."""
    error = {"code": code, "message": message, "status": status, "request_id": "r-1"}
    return orjson.dumps({"error": error | more.pop("in_error", {}), "detail": message} | more)


NO_CREDIT = enveloped(
    "CLIENT_ERROR",
    "Not enough credits for this call.",
    402,
    detail={
        "error_code": "insufficient_credits",
        "message": "Not enough credits for this call.",
        "balance_micros": 2_100,
        "required_micros": 35_000,
    },
)


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (enveloped("NOT_FOUND", "Run not found.", 404), "NOT_FOUND", "Run not found."),
        (b'{"error": {"code": "X", "message": "m"}}', "X", "m"),
        (b'{"detail": "Not Found"}', "", "Not Found"),
        (b'{"detail": {"message": "why"}}', "", "why"),
        (
            NO_CREDIT,
            "CLIENT_ERROR",
            "Not enough credits for this call: $0.0021 left, $0.0350 required",
        ),
        (
            enveloped(
                "VALIDATION_ERROR",
                "Request validation failed.",
                422,
                in_error={"fields": [{"loc": ["body", "queries"], "msg": "Field required"}]},
            ),
            "VALIDATION_ERROR",
            "Request validation failed: body.queries: Field required",
        ),
        (b'{"detail": [{"loc": ["query", 0], "msg": "bad"}]}', "", "query.0: bad"),
        (b'{"detail": [{"loc": ["query"]}, 7]}', "", ""),
        (b'{"error": null, "detail": null}', "", ""),
        (b'{"error": {"code": 7, "message": []}, "detail": 7}', "", ""),
        (b"<html>502 Bad Gateway</html>", "", ""),
        (b'["detail"]', "", ""),
        (b"", "", ""),
    ],
)
def test_the_reason_is_read_from_each_envelope(body: bytes, code: str, reason: str) -> None:
    """An object or a sentence, SurfSense's envelope or a bare one; a proxy's page says nothing."""
    refusal = refusal_in(body)

    assert (refusal.code, refusal.reason) == (code, reason)


def test_a_book_is_not_read() -> None:
    """An error answer is short; what is not comes from something else."""
    assert refusal_in(b'{"detail": "' + b"x" * 200_000 + b'"}').reason == ""


@given(st.text(st.characters(), max_size=2_000))
def test_a_reason_is_one_printable_line(text: str) -> None:
    """Whatever a server sends, a terminal and a log get one bounded line of it."""
    line = one_line(text)

    assert len(line) <= LONGEST_REASON
    assert is_storable(line)
    assert len(line.splitlines()) <= 1


def test_a_denial_has_its_reason() -> None:
    """What is left, and what the call could have cost at most."""
    error = failure_on(402, {}, NO_CREDIT, company="Acme", now=NOW)

    assert isinstance(error, AccessDenied)
    assert "$0.0021 left, $0.0350 required" in str(error)


@pytest.mark.parametrize(
    "code", ["INDEED_ACCESS_BLOCKED", "REDDIT_ACCESS_BLOCKED", "GOOGLE_SIGNIN_REQUIRED"]
)
def test_a_source_that_refuses_is_no_configuration(code: str) -> None:
    """The step may be tried again later; nothing else of the company stops."""
    body = enveloped(code, "The source refused anonymous access.", 403)

    error = failure_on(403, {}, body, company="Acme", now=NOW)

    assert isinstance(error, SourceRefused)
    assert "refused anonymous access" in error.reason


@pytest.mark.parametrize("code", ["FORBIDDEN", "", "access_blocked", "_ACCESS_BLOCKED"])
def test_any_other_403_is_about_the_key(code: str) -> None:
    """A code that is not known stops all purchases, rather than being tried again without end."""
    body = enveloped(code, "API access is not enabled for this workspace.", 403)

    error = failure_on(403, {}, body, company="Acme", now=NOW)

    assert isinstance(error, AccessDenied)
    assert error.reason == "API access is not enabled for this workspace."


@pytest.mark.parametrize(("status", "kind"), [(502, AnswerLost), (503, ServiceUnavailable)])
def test_a_server_error_has_its_reason(status: int, kind: type[Exception]) -> None:
    """The class says what to do, the sentence what went wrong."""
    body = enveloped("INTERNAL_ERROR", "Could not start run.", status)

    error = failure_on(status, {}, body, company="Acme", now=NOW)

    assert isinstance(error, kind)
    assert f"it answered {status}: Could not start run)" in str(error)


@pytest.mark.parametrize(
    ("text", "is_by_source"),
    [
        ("Indeed refused anonymous access (403)", True),
        ("Reddit refused anonymous access.", True),
        ("Google sign in required", True),
        ("Interrupted by server restart", False),
        ("The 'indeed.scrape' capability failed due to an upstream error.", False),
        ("", False),
    ],
)
def test_the_text_of_a_failed_run_says_who_refused(
    text: str,
    is_by_source: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """An asynchronous run keeps no code."""
    assert is_refused_by_source(text) is is_by_source

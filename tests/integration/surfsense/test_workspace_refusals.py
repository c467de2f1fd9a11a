"""What the sandbox's workspace API refuses, in which words, and in which order."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from tests.integration.surfsense.envelope import error_in
from tests.integration.surfsense.sandbox_process import SandboxProcess
from tests.support.loopback import loopback

ACME = {"queries": ['"Acme"'], "max_pages_per_query": 1}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "x"}])
def test_an_impossible_page_is_refused(sandbox: SandboxProcess, query: dict[str, Any]) -> None:
    """The bounds are SurfSense's."""
    response = loopback.get(sandbox.scrapers("runs"), params=query)

    assert error_in(response)[:2] == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("run_id", ["run_1", "x", "00000000-0000-0000-0000-000000000000"])
def test_a_run_that_is_not_there_is_not_found(sandbox: SandboxProcess, run_id: str) -> None:
    """In the envelope: only a path that does not exist is answered bare."""
    shown = loopback.get(sandbox.scrapers(f"runs/{run_id}"))
    cancelled = sandbox.cancel_run(run_id)

    assert error_in(shown) == error_in(cancelled) == (404, "NOT_FOUND", "Run not found.")


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("POST", "linkedin/scrape", 404, "Not Found"),
        ("GET", "runs/a/b", 404, "Not Found"),
        ("GET", "google_search/scrape", 405, "Method Not Allowed"),
        ("DELETE", "runs", 405, "Method Not Allowed"),
    ],
)
def test_an_unknown_path_or_method_is_answered_bare(
    sandbox: SandboxProcess, method: str, path: str, status: int, detail: str
) -> None:
    """Without an `error` object, which tells them from a run that is not there."""
    response = httpx.request(method, sandbox.scrapers(path))

    assert (response.status_code, response.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b'{"queries": []}',
        b'{"queries": "Acme"}',
        orjson.dumps({"queries": ["a"] * 21}),
        b'{"queries": ["a"], "max_pages_per_query": 11}',
        b"x" * 70_000,
    ],
)
def test_a_request_beyond_the_model_is_refused(sandbox: SandboxProcess, content: bytes) -> None:
    """With the fields that are wrong; no row is written."""
    response = loopback.post(sandbox.scrapers("google_search/scrape?mode=async"), content=content)

    assert error_in(response)[:2] == (422, "VALIDATION_ERROR")
    assert response.json()["error"]["fields"][0].keys() == {"loc", "msg"}
    assert sandbox.runs() == []


def test_a_mode_that_there_is_not_is_refused(sandbox: SandboxProcess) -> None:
    """Rather than taken for one of the two."""
    response = sandbox.post(sandbox.scrapers("google_search/scrape?mode=later"), ACME)

    (field,) = response.json()["error"]["fields"]
    assert field["loc"] == ["query", "mode"]


def test_a_run_that_cannot_be_written_is_not_started(sandbox: SandboxProcess) -> None:
    """SurfSense's database takes no NUL."""
    response = sandbox.start_run(queries=["Ac\0me"])

    assert error_in(response) == (503, "INTERNAL_ERROR", "Could not start run.")
    assert sandbox.runs() == []


def test_another_workspace_is_forbidden(sandbox: SandboxProcess) -> None:
    """Whether or not it exists."""
    started = loopback.post(
        sandbox.scrapers("google_search/scrape?mode=async", "7"), content=orjson.dumps(ACME)
    )
    listed = loopback.get(sandbox.scrapers("runs", "7"))

    assert error_in(started) == error_in(listed)
    assert error_in(started)[:2] == (403, "FORBIDDEN")


def test_the_rate_limit_counts_posts_and_gives_no_hint(sandbox: SandboxProcess) -> None:
    """No `Retry-After`; looks are not counted."""
    sandbox.behave(rate_limit=1)
    sandbox.start_run(**ACME)

    limited = sandbox.start_run(**ACME)

    assert error_in(limited)[:2] == (429, "RATE_LIMIT_EXCEEDED")
    assert "retry-after" not in limited.headers
    assert len(sandbox.runs()) == 1


async def test_credit_is_checked_for_the_worst_case(sandbox: SandboxProcess) -> None:
    """The refusal says what is there and what is needed."""
    sandbox.behave(credit_micros=11_000)
    await sandbox.ended(sandbox.start_run(**ACME).json()["run_id"])

    refused = sandbox.start_run(**ACME | {"max_pages_per_query": 2})
    affordable = sandbox.start_run(**ACME)

    assert error_in(refused)[:2] == (402, "CLIENT_ERROR")
    detail = refused.json()["detail"]
    assert detail.pop("message")
    assert detail == {
        "error_code": "insufficient_credits",
        "balance_micros": 5_500,
        "required_micros": 11_000,
    }
    assert affordable.status_code == 202


async def test_the_gates_stand_in_the_documented_order(
    own_sandbox: Callable[..., SandboxProcess],
) -> None:
    """Rate limit, key, body, workspace, credit: each hides those behind it."""
    sandbox = own_sandbox("--api-key", "ss_pat_right", "--credit-micros", "0")
    here, elsewhere = (sandbox.scrapers("google_search/scrape?mode=async", w) for w in "17")
    key = {"Authorization": "Bearer ss_pat_right"}

    def status(url: str, content: bytes, headers: dict[str, str]) -> int:
        return loopback.post(url, content=content, headers=headers).status_code

    good = orjson.dumps(ACME)
    statuses = [
        status(elsewhere, b"", {}),
        status(elsewhere, b"", key),
        status(elsewhere, good, key),
        status(here, good, key),
    ]
    sandbox.behave(rate_limit=1)
    limited = status(elsewhere, b"", {})

    assert statuses == [401, 422, 403, 402]
    assert limited == 429


def test_a_token_can_be_verified(own_sandbox: Callable[..., SandboxProcess]) -> None:
    """With and without "Bearer", outside of any workspace."""
    sandbox = own_sandbox("--api-key", "ss_pat_right")
    url = f"{sandbox.url}/verify-token"

    bearer = loopback.get(url, headers={"Authorization": "Bearer ss_pat_right"})
    bare = loopback.get(url, headers={"Authorization": "ss_pat_right"})

    assert bearer.json() == bare.json() == {"message": "Token is valid", "method": "pat"}
    assert error_in(loopback.get(url))[:2] == (401, "UNAUTHORIZED")

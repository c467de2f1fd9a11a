"""Request ids, the line of a request, and the last resort."""

import httpx
import pytest
import structlog
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from orchestrator.http.app import RequestLog

from .conftest import Door


async def test_the_callers_request_id_comes_back(door: Door) -> None:
    """A caller finds its own id in the answer."""
    answer = await door.client.get("/health", headers={"X-Request-ID": "crm-42.a_b"})

    assert answer.headers["x-request-id"] == "crm-42.a_b"


@pytest.mark.parametrize("given", [None, "", "a b", 'x"y', "x" * 129])
async def test_an_id_that_could_do_harm_is_replaced(door: Door, given: str | None) -> None:
    """What does not look like an id never reaches the logs."""
    headers = {} if given is None else {"X-Request-ID": given}

    answer = await door.client.get("/nowhere", headers=headers)

    assert len(answer.headers["x-request-id"]) == 32


async def test_a_request_is_one_line_without_its_content(door: Door) -> None:
    """The log names the operation and its outcome, not the persons in it."""
    lead = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await door.client.post(
            "/api/v1/jobs?tenant=ana",
            json={"kind": "pipeline", "leads": [lead]},
            headers={"X-Request-ID": "r1"},
        )

    (line,) = [line for line in lines if line["event"] == "request.answered"]
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request.answered",
        "log_level": "info",
        "request_id": "r1",
        "method": "POST",
        "operation": "accept_job",
        "status": 202,
    }
    assert "ana" not in str(lines).lower()


async def _broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("the cause")


async def test_an_internal_error_is_logged_and_not_told() -> None:
    """The caller gets a sentence and the id under which the log has the cause."""
    transport = httpx.ASGITransport(RequestLog(_broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answer = await client.get("/", headers={"X-Request-ID": "r1"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "r1"
    assert answer.json()["error"]["code"] == "internal_error"
    assert "the cause" not in answer.text
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("request.failed", "r1"),
        ("request.answered", "r1"),
    ]

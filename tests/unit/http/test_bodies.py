"""Bodies that are faulty, too large, slow, or too many."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from orchestrator.http import bodies
from orchestrator.http.bodies import CSV, JOBS_PATH, BodyLimit
from orchestrator.http.errors import MAX_BODY_BYTES, PROBLEMS
from orchestrator.infra.bounds import MAX_ITEMS

from .conftest import Api

JOBS = "/api/v1/jobs"
JSON = {"Content-Type": "application/json"}
NO_OBJECT = (
    "The body must be a JSON object; send one, with the header 'Content-Type: application/json'."
)
NO_AT_SIGN = (
    "leads[1].email is not an e-mail address (An email address must have an @-sign); correct it."
)
ANA = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}


def error_of(answer: Any) -> dict[str, Any]:  # noqa: ANN401 - an httpx.Response
    """Return the error of *answer*, which says it twice: as a problem, and as before RFC 9457."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"/docs#{problem['code']}"
    assert problem["title"] == PROBLEMS[problem["code"]][1]
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    error: dict[str, Any] = problem["error"]
    assert set(error) <= {"code", "message", "fields"}
    assert (error["code"], error["message"]) == (problem["code"], problem["detail"])
    assert error.get("fields") == problem.get("fields")
    assert error["message"].endswith(".")
    return error


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "", 'The body needs a \'kind\'; add "kind": "enrich" or "kind": "pipeline".'),
        ({"kind": "buy"}, "", "The body has an unknown 'kind'; it is 'enrich' or 'pipeline'."),
        ({"kind": "enrich"}, "companies", "companies is missing; add it."),
        (
            {"kind": "enrich", "companies": ["Acme", 7]},
            "companies[1]",
            "companies[1] must be text; correct it.",
        ),
        (
            {"kind": "enrich", "companies": ["\u200b "]},
            "companies[0]",
            "companies[0] is blank; fill it in.",
        ),
        (
            {"kind": "enrich", "companies": ["Ac\0me"]},
            "companies[0]",
            "companies[0] contains control characters; remove them.",
        ),
        (
            {"kind": "enrich", "companies": ["Acme \ud83d"]},
            "companies[0]",
            "companies[0] contains half a character (a lone surrogate); send it whole.",
        ),
        (
            {"kind": "enrich", "companies": ["Acme"], "max_price": 1},
            "max_price",
            "max_price is not known here; remove it, or correct its name.",
        ),
        (
            {"kind": "enrich", "companies": ["Acme"], "max_cost_usd": 1, "max_cost_micros": 1},
            "",
            "The body has both 'max_cost_micros' and 'max_cost_usd'; give one of them.",
        ),
        (
            {"kind": "enrich", "companies": ["Acme"], "max_cost_micros": True},
            "max_cost_micros",
            "max_cost_micros must be a valid integer; correct it.",
        ),
        (
            {"kind": "enrich", "companies": ["Acme"], "max_cost_usd": "0.0000001"},
            "max_cost_usd",
            "max_cost_usd must have no more than 6 decimal places; correct it.",
        ),
        (
            {"kind": "enrich", "companies": []},
            "companies",
            "companies must have at least 1 item after validation, not 0; correct it.",
        ),
        (
            {"kind": "pipeline", "leads": ["Acme"]},
            "leads[0]",
            "leads[0] must be a JSON object; correct it.",
        ),
        (
            {"kind": "pipeline"},
            "",
            "The body needs one of 'lead_ids', 'leads' and 'filter'.",
        ),
        (
            {"kind": "pipeline", "leads": [ANA, {**ANA, "email": "ana"}]},
            "leads[1].email",
            NO_AT_SIGN,
        ),
        (
            {"kind": "pipeline", "leads": [{"empresa": "Acme", "correo": 3, "contacto": "Ana"}]},
            "leads[0].correo",
            "leads[0].correo must be text; correct it.",
        ),
        (
            [],
            "",
            NO_OBJECT,
        ),
    ],
)
async def test_a_fault_is_named_with_where_it_is_and_what_to_do(
    api: Api, body: object, field: str, message: str
) -> None:
    """A faulty request is refused as a whole, with a sentence that repairs it."""
    answer = await api.client.post(JOBS, content=json.dumps(body), headers=JSON)

    error = error_of(answer)
    assert answer.status_code == 422
    assert error["code"] == "invalid_request"
    assert error["message"] == message
    (fault,) = error["fields"]
    assert (fault["field"], fault["message"]) == (field, message)
    assert api.notifier.notified == []


async def test_every_fault_is_listed_with_the_number_of_its_item(api: Api) -> None:
    """All faults of a request are named at once, and none of its leads is stored."""
    leads = [ANA, {**ANA, "email": "x"}, ANA, {**ANA, "email": "y"}]

    answer = await api.client.post(JOBS, json={"kind": "pipeline", "leads": leads})

    error = error_of(answer)
    assert error["message"] == "The request has 2 faults, which are listed; correct them all."
    assert [fault["item"] for fault in error["fields"]] == [1, 3]
    assert await api.runtime.leads.store.select_ids(None, {}) == []


async def test_the_list_of_faults_is_bounded(api: Api) -> None:
    """Of ten thousand faults a hundred are listed, and the others not looked for."""
    answer = await api.client.post(JOBS, json={"kind": "enrich", "companies": [1] * 10_000})

    error = error_of(answer)
    assert error["message"].startswith("The request has more than 100 faults, the first of which")
    assert len(error["fields"]) == 100


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe\xff", b"[" * 100_000, b"9" * 5_000])
async def test_what_is_not_json_is_refused(api: Api, body: bytes) -> None:
    """A body that no parser can read is the caller's fault, never ours."""
    answer = await api.client.post(JOBS, content=body, headers=JSON)

    assert answer.status_code in {400, 422}
    error_of(answer)


async def test_a_body_that_does_not_say_it_is_json_is_refused(api: Api) -> None:
    """Only JSON is read: a form of a foreign web page cannot ask for work."""
    body = json.dumps({"kind": "enrich", "companies": ["Acme"]})

    answer = await api.client.post(JOBS, content=body, headers={"Content-Type": "text/plain"})

    assert answer.status_code == 415
    assert "application/json" in error_of(answer)["message"]
    assert api.notifier.notified == []


async def test_a_body_that_says_it_is_too_large_is_not_read(api: Api) -> None:
    """A declared length beyond the limit is refused before a byte is read."""
    read = []

    async def body() -> Any:  # noqa: ANN401 - an asynchronous generator
        read.append(1)
        yield b"{}"

    headers = {**JSON, "Content-Length": str(MAX_BODY_BYTES + 1)}
    answer = await api.client.post(JOBS, content=body(), headers=headers)

    assert answer.status_code == 413
    assert error_of(answer)["code"] == "too_large"


async def test_a_body_that_turns_out_too_large_is_refused(api: Api) -> None:
    """Without a declared length the bytes are counted as they come."""

    async def body() -> Any:  # noqa: ANN401 - an asynchronous generator
        for _ in range(MAX_BODY_BYTES // 1_000_000 + 1):
            yield b" " * 1_000_000

    answer = await api.client.post(JOBS, content=body(), headers=JSON)

    assert answer.status_code == 413
    assert error_of(answer)["code"] == "too_large"


async def test_too_many_items_are_too_large(api: Api) -> None:
    """One item more than the limit is refused with what to do instead."""
    companies = ["A"] * (MAX_ITEMS + 1)

    answer = await api.client.post(JOBS, json={"kind": "enrich", "companies": companies})

    assert answer.status_code == 413
    assert "split it" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "unknown_address"),
        ("DELETE", "/api/v1/jobs", 405, "unknown_method"),
        ("GET", "/api/v1/jobs/xyz?limit=0", 422, "invalid_request"),
        ("GET", "/api/v1/jobs/xyz?limit=1001", 422, "invalid_request"),
        ("GET", "/api/v1/jobs/xyz?offset=-1", 422, "invalid_request"),
    ],
)
async def test_every_refusal_has_the_same_shape(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    """What the framework refuses looks like what we refuse."""
    answer = await api.client.request(method, path)

    assert answer.status_code == status
    assert error_of(answer)["code"] == code
    assert status != 405 or answer.headers["allow"] == "GET, HEAD, POST"


SCOPE: dict[str, Any] = {"type": "http", "headers": [], "path": "/"}
UPLOAD: Scope = {
    **SCOPE,
    "path": JOBS_PATH,
    "headers": [(b"content-type", CSV.encode())],
}


async def _reads_all(_scope: Scope, receive: Receive, _send: Send) -> None:
    while (await receive())["more_body"]:
        pass


async def _sent(_message: Message) -> None:
    """Send nothing."""


def part(size: int, *, more: bool = True) -> Message:
    """Return a part of a body."""
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def trickling(pause_s: float, size: int) -> Callable[[], Any]:
    """Return what receives *size* bytes after each pause, without end."""

    async def receive() -> Message:
        await asyncio.sleep(pause_s)
        return part(size)

    return receive


@pytest.mark.parametrize("pause_s", [0.01, 60])
async def test_a_body_that_trickles_is_ended(pause_s: float) -> None:
    """Whether the next byte comes soon or never: it is the whole that takes too long."""
    limited = BodyLimit(_reads_all, patience_s=0.1)

    with pytest.raises(HTTPException) as raised:
        await limited(SCOPE, trickling(pause_s, 1), _sent)

    assert raised.value.status_code == 408


async def test_what_comes_fast_may_take_long() -> None:
    """Each byte that has come buys time for the next; an upload of any length is read."""
    parts = 0

    async def receive() -> Message:
        nonlocal parts
        parts += 1
        await asyncio.sleep(0.06)
        return part(bodies.BYTES_PER_S * 60, more=parts < 20)

    limited = BodyLimit(_reads_all, patience_s=1.0)

    await limited(UPLOAD, receive, _sent)

    assert parts == 20


async def test_a_complete_body_is_waited_behind_without_end() -> None:
    """A streamed answer listens for the end of the connection, for as long as it takes."""
    came = asyncio.Event()

    async def receive() -> Message:
        if not came.is_set():
            came.set()
            return part(1, more=False)
        await asyncio.sleep(0.3)
        return {"type": "http.disconnect"}

    async def streams(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    await BodyLimit(streams, patience_s=0.05)(SCOPE, receive, _sent)


async def test_bodies_that_fill_the_memory_together_are_refused() -> None:
    """As many are held as fit; the next one gets 503 with Retry-After, and memory is released."""
    limited = BodyLimit(_reads_all)
    hold = asyncio.Event()
    big = bodies.MAX_HELD_BYTES // 5

    async def held() -> Message:
        await hold.wait()
        return part(0, more=False)

    def body() -> Receive:
        parts = iter([part(big)])

        async def receive() -> Message:
            return next(parts, None) or await held()

        return receive

    first = [asyncio.create_task(limited(SCOPE, body(), _sent)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(HTTPException) as raised:
        await limited(SCOPE, body(), _sent)
    hold.set()
    await asyncio.gather(*first)
    await limited(SCOPE, body(), _sent)

    assert raised.value.status_code == 503

"""Tenant, cap and deadline: the same on every route that takes work, in the body or the address."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Job

from .conftest import Door, failed_job

JOBS = "/api/v1/jobs"
LEAD_DOOR = "/api/v1/orchestrator/enriquecer-lead"
LEAD = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}
COMPANIES = {"kind": "enrich", "companies": ["Acme"]}
LEADS = {"kind": "pipeline", "leads": [LEAD]}
NEAR = (utc_now() + timedelta(days=1)).replace(microsecond=0)
PASSED = utc_now() - timedelta(minutes=1)
Send = Callable[[Door, dict[str, Any], dict[str, Any]], Awaitable[httpx.Response]]


async def _companies(door: Door, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    return await door.client.post(JOBS, json={**COMPANIES, **body}, params=query)


async def _leads(door: Door, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    return await door.client.post(JOBS, json={**LEADS, **body}, params=query)


async def _lead(door: Door, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    return await door.client.post(LEAD_DOOR, json={**LEAD, **body}, params=query)


async def _csv(door: Door, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    headers = {"Content-Type": "text/csv"}
    return await door.client.post(
        JOBS, content="company\nAcme\n", headers=headers, params={**body, **query}
    )


async def _ndjson(door: Door, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson"}
    return await door.client.post(
        JOBS, content='"Acme"\n', headers=headers, params={**body, **query}
    )


SENDERS = pytest.mark.parametrize("send", [_companies, _leads, _lead, _csv, _ndjson])
#: Those whose body can say limits, too.
WITH_BODY = pytest.mark.parametrize("send", [_companies, _leads, _lead])


async def job_of(door: Door, answer: httpx.Response) -> Job:
    """Return the job that *answer* has accepted."""
    assert answer.status_code == 202, answer.text
    job = await door.runtime.jobs.records.job(answer.json()["job_id"])
    assert job is not None
    return job


@SENDERS
@pytest.mark.parametrize("place", ["body", "address"])
async def test_limits_count_wherever_they_are_given(door: Door, send: Send, place: str) -> None:
    """Under both names of the cap; without one, the installation's applies."""
    for cap in ({"max_cost_micros": 0}, {"max_cost_usd": 0}, {"max_cost_micros": 120}):
        said = {"tenant": "acme", "deadline": NEAR.isoformat(), **cap}
        body, query = (said, {}) if place == "body" else ({}, said)

        job = await job_of(door, await send(door, body, query))

        assert (job.tenant, job.deadline) == ("acme", NEAR)
        assert job.max_cost_micros == next(iter(cap.values()))


CONTRADICTIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"max_cost_micros": 5}, {"max_cost_micros": 6}, "cap"),
    ({"max_cost_usd": 1}, {"max_cost_micros": 6}, "cap"),
    ({"tenant": "a"}, {"tenant": "b"}, "tenant"),
    ({"deadline": NEAR.isoformat()}, {"deadline": "2026-01-01T00:00:00Z"}, "deadline"),
    ({}, {"max_cost_micros": 6, "max_cost_usd": "0.000006"}, ""),
]


@WITH_BODY
async def test_limits_that_contradict_each_other_are_refused(door: Door, send: Send) -> None:
    """Body and address say the same, or one of them is silent."""
    for body, query, field in CONTRADICTIONS:
        answer = await send(door, body, query)

        assert answer.status_code == 422
        assert [fault["field"] for fault in answer.json()["error"]["fields"]] == [field]
    assert door.notifier.notified == []


@WITH_BODY
async def test_limits_may_be_said_twice(door: Door, send: Send) -> None:
    """The same cap in two units is one cap."""
    answer = await send(door, {"max_cost_usd": 1}, {"max_cost_micros": 1_000_000})

    assert (await job_of(door, answer)).max_cost_micros == 1_000_000


#: In an address: unknown, of another kind, out of bounds, or given twice.
NO_LIMITS: list[dict[str, Any]] = [
    *({"max_cost": 5}, {"MAX_COST_MICROS": 5}, {"max_cost_micros ": 5}, {"x" * 2_000: ""}),
    *({"max_cost_micros": [0, 5]}, {"tenant": ["a", "a"]}),
    *({"max_cost_micros": "5.0"}, {"max_cost_micros": " 5"}, {"max_cost_micros": "9" * 5_000}),
    *({"max_cost_micros": -1}, {"max_cost_usd": "NaN"}, {"max_cost_usd": "1e3"}),
    *({"tenant": ""}, {"tenant": "a:b"}, {"tenant": "x" * 100}, {"tenant": "a\n"}),
    *({"deadline": 60}, {"deadline": "60"}, {"deadline": ""}, {"deadline": "2026-12-30"}),
    *({"deadline": "0001-01-01T00:00:00+14:00"}, {"deadline": "9999-12-31T23:59:59-12:00"}),
    {"deadline": PASSED.isoformat()},
]
#: In a body: a number for an instant, a text for a number, 0 for false.
NO_LIMITS_OF_A_BODY: list[dict[str, Any]] = [
    *({"deadline": 60}, {"deadline": True}, {"deadline": "0001-01-01T00:00:00+14:00"}),
    *({"deadline": "9999-12-31T23:59:59-12:00"}, {"deadline": PASSED.isoformat()}),
    *({"max_cost_micros": "5"}, {"max_cost_micros": 10**30}, {"max_cost_usd": False}),
    *({"tenant": 5}, {"tenant": ""}, {"tenant": "a\0"}, {"max_cost": 5}),
]


@SENDERS
async def test_what_is_no_limit_is_refused(door: Door, send: Send) -> None:
    """One poisonous limit would stop the list of jobs for all; it goes on."""
    bodies = [] if send in {_csv, _ndjson} else NO_LIMITS_OF_A_BODY
    for body, query in [*(({}, each) for each in NO_LIMITS), *((each, {}) for each in bodies)]:
        answer = await send(door, body, query)

        assert answer.status_code == 422, (body, query, answer.text)
        assert answer.json()["error"]["code"] == "invalid_request"
    assert door.notifier.notified == []
    assert (await door.client.get(JOBS)).json()["jobs"] == []


async def test_an_unknown_parameter_is_refused_everywhere(door: Door) -> None:
    """A mistyped filter is an error, and is not answered as if there were none."""
    job = f"{JOBS}/{'0' * 32}"
    reads = [JOBS, f"{JOBS}/failed", job, f"{job}/results", "/health", "/metrics", "/openapi.json"]
    changes = [f"{JOBS}/requeue", f"{job}/cancel", f"{job}/pause", f"{job}/requeue", LEAD_DOOR]
    asked = [*(("GET", path) for path in reads), *(("POST", path) for path in changes)]
    for method, path in asked:
        answer = await door.client.request(method, path, params={"offste": "1"})

        assert answer.status_code == 422, path


@pytest.mark.parametrize("place", ["body", "address"])
async def test_requeued_work_has_the_limits_that_are_given(door: Door, place: str) -> None:
    """A requeue takes cap and deadline as any other work does."""
    job_id = await failed_job(door)
    said = {"max_cost_usd": "0.5", "deadline": NEAR.isoformat()}
    body, query = (said, {}) if place == "body" else ({}, said)

    answer = await door.client.post(f"{JOBS}/{job_id}/requeue", json=body, params=query)

    (new,) = answer.json()["jobs"]
    job = await door.runtime.jobs.records.job(new["job_id"])
    assert job is not None
    assert (job.max_cost_micros, job.deadline) == (500_000, NEAR)


async def test_a_requeue_of_all_jobs_takes_its_tenant_from_the_address(door: Door) -> None:
    """It is a filter there, as it is in the body."""
    await failed_job(door)
    theirs = await failed_job(door, tenant="other")

    answer = await door.client.post(f"{JOBS}/requeue", params={"tenant": "other"})

    assert [job["parent"] for job in answer.json()["jobs"]] == [theirs]


async def test_too_many_codes_are_told_as_such(door: Door) -> None:
    """The answer is about the codes, not about the size of the request."""
    answer = await door.client.post(f"{JOBS}/requeue", json={"codes": ["a"] * 51})

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "codes"
    assert "50" in answer.json()["error"]["message"]

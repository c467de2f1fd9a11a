"""`buy_again`: a person may have lost purchases made once more; it is off unless it is said."""

from typing import Any

import pytest

from orchestrator.jobs import Report

from .conftest import Door, failed_job
from .test_limits_of_work import JOBS, SENDERS, WITH_BODY, Send, job_of


@SENDERS
@pytest.mark.parametrize(("said", "expected"), [(None, False), (False, False), (True, True)])
async def test_every_route_that_buys_takes_it(
    door: Door, send: Send, *, said: bool | None, expected: bool
) -> None:
    """In the body or in the address; its job says so."""
    value = {} if said is None else {"buy_again": said}
    query = {} if said is None else {"buy_again": str(said).lower()}
    for body, address in ((value, {}), ({}, query)):
        as_query = {name: str(each).lower() for name, each in body.items()}
        is_upload = send.__name__ in {"_csv", "_ndjson"}

        job = await job_of(door, await send(door, as_query if is_upload else body, address))

        assert job.buy_again is expected
        assert (job.context.buy_again == job.job_id) is expected
        shown = (await door.client.get(f"{JOBS}/{job.job_id}")).json()
        assert shown["buy_again"] is expected


@WITH_BODY
@pytest.mark.parametrize("value", ["true", "yes", 1, 0, "", [], {}])
async def test_a_body_says_it_with_a_boolean(door: Door, send: Send, value: object) -> None:
    """Nothing else is taken for one: it is about money."""
    answer = await send(door, {"buy_again": value}, {})

    assert answer.status_code == 422
    assert "buy_again" in answer.json()["error"]["fields"][0]["field"]
    assert door.notifier.notified == []


@SENDERS
@pytest.mark.parametrize("value", ["1", "yes", "on", "True", "", " true", ["true", "true"]])
async def test_an_address_says_it_with_true_or_false(door: Door, send: Send, value: object) -> None:
    """As JSON writes them, and once."""
    answer = await send(door, {}, {"buy_again": value})

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "buy_again"
    assert door.notifier.notified == []


@WITH_BODY
async def test_body_and_address_must_agree(door: Door, send: Send) -> None:
    """One that forbids it and one that wants it contradict each other."""
    answer = await send(door, {"buy_again": False}, {"buy_again": "true"})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["error"]["fields"]] == ["buy_again"]


async def test_it_makes_another_request_of_the_same_work(door: Door) -> None:
    """Work under way does not stand in for it, and an idempotency key tells the two apart."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    key = {"Idempotency-Key": "k1"}
    first = (await door.client.post(JOBS, json=wanted, headers=key)).json()
    again = (await door.client.post(JOBS, json=wanted)).json()

    asked = (await door.client.post(JOBS, json={**wanted, "buy_again": True})).json()
    repeated = (await door.client.post(JOBS, json={**wanted, "buy_again": True})).json()
    reused = await door.client.post(JOBS, json={**wanted, "buy_again": True}, headers=key)
    in_address = await door.client.post(f"{JOBS}?buy_again=true", json=wanted, headers=key)

    assert (again["job_id"], again["existing"]) == (first["job_id"], True)
    assert asked["job_id"] != first["job_id"]
    assert (repeated["job_id"], repeated["existing"]) == (asked["job_id"], True)
    assert (reused.status_code, in_address.status_code) == (422, 422)


@pytest.mark.parametrize("path", ["requeue", "{job_id}/requeue"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"codes": ["answer_lost"]}, True),
        ({"codes": ["malformed_answer", "rate_limited"]}, True),
        ({"codes": ["rate_limited", "poison"]}, False),
    ],
)
async def test_a_requeue_buys_again_where_such_a_reason_is_named(
    door: Door, path: str, body: dict[str, Any], *, expected: bool
) -> None:
    """Naming it is asking for it; other reasons do not."""
    job_id = await failed_job(door)
    result = {"company": "Beta", "company_key": "beta"}
    await door.runtime.jobs.records.report(job_id, 1, Report(result, failure="answer_lost"))

    answer = await door.client.post(f"{JOBS}/{path.format(job_id=job_id)}", json=body)

    (queued,) = answer.raise_for_status().json()["jobs"]
    job = await door.runtime.jobs.records.job(queued["job_id"])
    assert job is not None
    assert job.buy_again is expected


async def test_a_requeue_takes_no_such_field(door: Door) -> None:
    """There, the reason says it."""
    job_id = await failed_job(door)

    in_body = await door.client.post(f"{JOBS}/{job_id}/requeue", json={"buy_again": True})
    in_address = await door.client.post(f"{JOBS}/{job_id}/requeue?buy_again=true")

    assert (in_body.status_code, in_address.status_code) == (422, 422)


async def test_the_document_names_it(door: Door) -> None:
    """In the bodies of work that buys, and in the addresses of its routes."""
    document = (await door.client.get("/openapi.json")).json()

    schemas = document["components"]["schemas"]
    for name in ("EnrichRequest", "PipelineRequest", "LeadReference"):
        assert "charged" in schemas[name]["properties"]["buy_again"]["description"]
    for language in schemas["LeadAlone"]["anyOf"]:
        assert "buy_again" in language["properties"]
    assert "buy_again" in schemas["JobStatus"]["properties"]
    for path in (JOBS, "/api/v1/orchestrator/enriquecer-lead"):
        parameters = document["paths"][path]["post"]["parameters"]
        assert "buy_again" in [each["name"] for each in parameters]

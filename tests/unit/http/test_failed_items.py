"""GET .../failed and POST .../requeue: what has failed, and trying it again."""

from typing import Any

import orjson
import pytest

from .conftest import Api, failed_job

JOBS = "/api/v1/jobs"


async def failed_items(api: Api, path: str, **params: str) -> list[dict[str, Any]]:
    """Return what is streamed."""
    answer = await api.client.get(f"{JOBS}{path}", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [orjson.loads(line) for line in answer.content.splitlines()]


async def test_a_job_says_what_of_it_has_failed_and_why(api: Api) -> None:
    """A line each, in the order of the items, with whether it is worth another try."""
    job_id = await failed_job(api)

    first, second = await failed_items(api, f"/{job_id}/failed")

    assert first.pop("failed_at").endswith("+00:00")
    assert first == {
        "job_id": job_id,
        "number": 0,
        "item": "Acme",
        "company": "Acme",
        "company_key": "acme",
        "code": "rate_limited",
        "reason": {"en": "Acme failed.", "es": "Acme falló."},
        "attempts": 3,
        "retry": "now",
        "requeued": False,
    }
    assert (second["number"], second["retry"]) == (2, "named")


async def test_dead_letters_of_all_jobs_are_filtered(api: Api) -> None:
    """By code, tenant, lane and instant."""
    await failed_job(api)
    other = await failed_job(api, tenant="other")

    assert len(await failed_items(api, "/failed")) == 4
    poison = await failed_items(api, "/failed", code="poison")
    assert [each["code"] for each in poison] == ["poison", "poison"]
    assert {each["job_id"] for each in await failed_items(api, "/failed", tenant="other")} == {
        other
    }
    assert await failed_items(api, "/failed", lane="refresh") == []
    assert await failed_items(api, "/failed", since="2999-01-01T00:00:00Z") == []


async def test_a_dry_run_counts_and_a_requeue_queues_once(api: Api) -> None:
    """The second request says as which job the dead letters were queued before."""
    job_id = await failed_job(api)
    path = f"{JOBS}/{job_id}/requeue"

    preview = (await api.client.post(path, json={"dry_run": True})).json()
    first = (await api.client.post(path)).json()
    again = (await api.client.post(path)).json()
    named = (await api.client.post(path, json={"codes": ["poison"]})).json()

    assert (preview["items"], preview["cost_micros_at_most"]) == (1, 46_500)
    assert preview["jobs"][0]["job_id"] is None
    (queued,) = first["jobs"]
    assert (first["codes"], first["left"]) == ({"rate_limited": 1}, {"poison": 1})
    listed = (await api.client.get(JOBS)).json()["jobs"]
    assert {each["job_id"]: each["parent"] for each in listed}[queued["job_id"]] == job_id
    assert (await api.client.get(queued["url"])).json()["total"] == 1
    assert (again["items"], again["jobs"]) == (0, [])
    assert again["requeued_before"] == {"rate_limited": 1}
    assert again["requeued_as"] == [queued["job_id"]]
    assert named["codes"] == {"poison": 1}


async def test_a_filter_requeues_over_jobs(api: Api) -> None:
    """Only what it means; without any filter it is refused."""
    await failed_job(api)
    other = await failed_job(api, tenant="other")

    answer = (await api.client.post(f"{JOBS}/requeue", json={"tenant": "other"})).json()
    refused = await api.client.post(f"{JOBS}/requeue", json={"dry_run": True})

    assert [each["parent"] for each in answer["jobs"]] == [other]
    assert refused.status_code == 422
    assert "needs one of 'codes'" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("method", "what"), [("GET", "failed"), ("POST", "requeue")])
async def test_an_unknown_job_has_no_dead_letters(api: Api, method: str, what: str) -> None:
    """Neither has what is no id."""
    for job_id in ("0" * 32, "no-job"):
        answer = await api.client.request(method, f"{JOBS}/{job_id}/{what}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_job")

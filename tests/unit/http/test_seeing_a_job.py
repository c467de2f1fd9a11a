"""GET /api/v1/jobs/{id}: how far a job is, and its results page by page."""

from datetime import datetime

import pytest

from orchestrator.jobs import Lane, Report

from .conftest import Door


async def accepted(door: Door, companies: list[str]) -> str:
    """Return the id of a new job for *companies*."""
    wanted = {"kind": "enrich", "companies": companies}
    job_id: str = (await door.client.post("/api/v1/jobs", json=wanted)).json()["job_id"]
    return job_id


async def finish(door: Door, job_id: str, numbers: list[int]) -> None:
    """Report a result for each of *numbers*."""
    tally = {"status:enriched": 1, "source:bought": 1, "spent_micros": 46_500, "saved_micros": 3}
    for number in numbers:
        await door.runtime.jobs.records.report(job_id, number, Report({"company": number}, tally))


async def test_a_job_says_how_far_it_is(door: Door) -> None:
    """The status sums up what the handlers have reported, and lists no results unasked."""
    job_id = await accepted(door, ["A1", "B2", "C3"])
    await finish(door, job_id, [0, 2])

    body = (await door.client.get(f"/api/v1/jobs/{job_id}")).json()

    assert datetime.fromisoformat(body.pop("accepted_at")).tzinfo is not None
    assert body.pop("eta_s") >= 0
    assert body == {
        "job_id": job_id,
        "kind": "enrich",
        "state": "accepted",
        "total": 3,
        "done": 2,
        "tally": {"source:bought": 2, "status:enriched": 2},
        "spent_micros": 93_000,
        "saved_micros": 6,
        "buy_again": False,
        "finished_at": None,
    }


async def test_a_finished_job_says_when(door: Door) -> None:
    """A job whose chunks are all done is done, at an instant."""
    job_id = await accepted(door, ["A1"])
    async with door.runtime.jobs.records.taken(Lane.INTERACTIVE) as lease:
        assert lease is not None
        await finish(door, job_id, [0])
        lease.done = True

    body = (await door.client.get(f"/api/v1/jobs/{job_id}")).json()

    assert body["state"] == "done"
    assert datetime.fromisoformat(body["finished_at"]) >= datetime.fromisoformat(
        body["accepted_at"]
    )


async def test_pages_give_every_result_once_and_in_order(door: Door) -> None:
    """Following `next_offset` to its end lists all results in the order of the request."""
    job_id = await accepted(door, [f"Company {number}" for number in range(7)])
    await finish(door, job_id, [6, 0, 1, 3, 5])
    listed, offset = [], 0

    while offset is not None:
        query = f"results=true&offset={offset}&limit=3"
        page = (await door.client.get(f"/api/v1/jobs/{job_id}?{query}")).json()
        listed += page["results"]
        offset = page["next_offset"]

    assert [(each["number"], each["result"]["company"]) for each in listed] == [
        (n, n) for n in (0, 1, 3, 5, 6)
    ]


@pytest.mark.parametrize("offset", [7, 10**30])
async def test_a_page_behind_the_end_is_empty(door: Door, offset: int) -> None:
    """An offset beyond the job is no error: there is nothing there."""
    job_id = await accepted(door, ["A1"])

    answer = await door.client.get(f"/api/v1/jobs/{job_id}?results=true&offset={offset}")

    assert answer.json()["results"] == []
    assert answer.json()["next_offset"] is None


@pytest.mark.parametrize("job_id", ["0" * 32, "active", "same:0", "é", "A" * 32, "x" * 5000])
async def test_an_unknown_job_is_not_found(door: Door, job_id: str) -> None:
    """An id that is no job's is answered with a sentence, even if it names another key."""
    await accepted(door, ["A1"])

    answer = await door.client.get(f"/api/v1/jobs/{job_id}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_job"
    assert answer.json()["error"]["message"].startswith("There is no such job;")


async def test_an_unreadable_job_is_one_entry_of_the_list(door: Door) -> None:
    """The others are listed as ever; it has a status of its own, and can be removed."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    bad, good = [
        (await door.client.post("/api/v1/jobs", json={**wanted, "tenant": tenant})).json()["job_id"]
        for tenant in ("bad", "good")
    ]
    await door.runtime.backends.jobs_redis.hset(f"jobs1:{bad}", "deadline_ms", "-62135650800000")

    page = (await door.client.get("/api/v1/jobs")).json()
    shown = await door.client.get(f"/api/v1/jobs/{bad}")
    paused = await door.client.post(f"/api/v1/jobs/{bad}/pause")
    removed = await door.client.post(f"/api/v1/jobs/{bad}/cancel")
    after = (await door.client.get("/api/v1/jobs")).json()

    assert [job["job_id"] for job in page["jobs"]] == [good]
    assert page["unreadable"] == [{"job_id": bad, "problem": "deadline_ms"}]
    assert [each.status_code for each in (shown, paused, removed)] == [409, 409, 409]
    assert "emasai jobs cancel" in shown.text
    assert "it was removed" in removed.text
    assert after["unreadable"] == []

"""GET and POST /api/v1/jobs/...: lists, states, results and steering."""

from datetime import datetime, timedelta

import pytest

from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Lane, Report

from .conftest import Api


async def accepted(api: Api, companies: list[str]) -> str:
    """Return the id of a new job for *companies*."""
    wanted = {"kind": "enrich", "companies": companies}
    job_id: str = (await api.client.post("/api/v1/jobs", json=wanted)).json()["job_id"]
    return job_id


async def finish(api: Api, job_id: str, numbers: list[int]) -> None:
    """Report a result for each of *numbers*."""
    tally = {"status:enriched": 1, "source:bought": 1, "spent_micros": 46_500, "saved_micros": 3}
    for number in numbers:
        await api.runtime.jobs.records.report(job_id, number, Report({"company": number}, tally))


async def test_a_job_says_how_far_it_is(api: Api) -> None:
    """The status sums up what the handlers have reported, and lists no results unasked."""
    job_id = await accepted(api, ["A1", "B2", "C3"])
    await finish(api, job_id, [0, 2])

    body = (await api.client.get(f"/api/v1/jobs/{job_id}")).json()

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


async def test_a_finished_job_says_when(api: Api) -> None:
    """A job whose chunks are all done is done, at an instant."""
    job_id = await accepted(api, ["A1"])
    async with api.runtime.jobs.records.taken(Lane.INTERACTIVE) as lease:
        assert lease is not None
        await finish(api, job_id, [0])
        lease.done = True

    body = (await api.client.get(f"/api/v1/jobs/{job_id}")).json()

    assert body["state"] == "done"
    assert datetime.fromisoformat(body["finished_at"]) >= datetime.fromisoformat(
        body["accepted_at"]
    )


async def test_pages_give_every_result_once_and_in_order(api: Api) -> None:
    """Following `next_offset` to its end lists all results in the order of the request."""
    job_id = await accepted(api, [f"Company {number}" for number in range(7)])
    await finish(api, job_id, [6, 0, 1, 3, 5])
    listed, offset = [], 0

    while offset is not None:
        query = f"results=true&offset={offset}&limit=3"
        page = (await api.client.get(f"/api/v1/jobs/{job_id}?{query}")).json()
        listed += page["results"]
        offset = page["next_offset"]

    assert [(each["number"], each["result"]["company"]) for each in listed] == [
        (n, n) for n in (0, 1, 3, 5, 6)
    ]


@pytest.mark.parametrize("offset", [7, 10**30])
async def test_a_page_behind_the_end_is_empty(api: Api, offset: int) -> None:
    """An offset beyond the job is no error: there is nothing there."""
    job_id = await accepted(api, ["A1"])

    answer = await api.client.get(f"/api/v1/jobs/{job_id}?results=true&offset={offset}")

    assert answer.json()["results"] == []
    assert answer.json()["next_offset"] is None


@pytest.mark.parametrize("job_id", ["0" * 32, "active", "same:0", "é", "A" * 32, "x" * 5000])
async def test_an_unknown_job_is_not_found(api: Api, job_id: str) -> None:
    """An id that is no job's is answered with a sentence, even if it names another key."""
    await accepted(api, ["A1"])

    answer = await api.client.get(f"/api/v1/jobs/{job_id}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_job"
    assert answer.json()["error"]["message"].startswith("There is no such job;")


async def test_an_unreadable_job_is_one_entry_of_the_list(api: Api) -> None:
    """The others are listed as ever; it has a status of its own, and can be removed."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    bad, good = [
        (await api.client.post("/api/v1/jobs", json={**wanted, "tenant": tenant})).json()["job_id"]
        for tenant in ("bad", "good")
    ]
    await api.runtime.backends.jobs_redis.hset(f"jobs1:{bad}", "deadline_ms", "-62135650800000")

    page = (await api.client.get("/api/v1/jobs")).json()
    shown = await api.client.get(f"/api/v1/jobs/{bad}")
    paused = await api.client.post(f"/api/v1/jobs/{bad}/pause")
    removed = await api.client.post(f"/api/v1/jobs/{bad}/cancel")
    after = (await api.client.get("/api/v1/jobs")).json()

    assert [job["job_id"] for job in page["jobs"]] == [good]
    assert page["unreadable"] == [{"job_id": bad, "problem": "deadline_ms"}]
    assert [each.status_code for each in (shown, paused, removed)] == [409, 409, 409]
    assert "emasai jobs cancel" in shown.text
    assert "it was removed" in removed.text
    assert after["unreadable"] == []


JOBS = "/api/v1/jobs"


def tomorrow() -> str:
    """Return an instant that may be a deadline, as answers write it."""
    return (utc_now() + timedelta(days=1)).replace(microsecond=0).isoformat().replace("+00:00", "Z")


async def ask(api: Api, company: str, **about: str) -> str:
    """Return the id of a new job."""
    wanted = {"kind": "enrich", "companies": [company], **about}
    job_id: str = (await api.client.post(JOBS, json=wanted)).json()["job_id"]
    return job_id


async def test_pages_neither_repeat_nor_skip_a_job(api: Api) -> None:
    """Newest first, also where jobs come in between two pages."""
    ids = [await ask(api, f"Company {n}") for n in range(7)]

    met: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(JOBS, params=params)).json()
        met += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        await ask(api, f"Newcomer {len(met)}")

    # Those of one millisecond are in no order of ours.
    assert sorted(met) == sorted(ids)
    assert len(met) == 7


async def test_a_listed_job_says_what_was_asked_for(api: Api) -> None:
    """Whose it is, how far, under which limits."""
    deadline = tomorrow()
    job_id = await ask(api, "Acme", tenant="acme", deadline=deadline)

    (job,) = (await api.client.get(JOBS)).json()["jobs"]

    assert job["url"] == f"{JOBS}/{job_id}"
    assert (job["tenant"], job["lane"], job["origin"]) == ("acme", "interactive", "api")
    assert (job["total"], job["done"], job["failed"]) == (1, 0, 0)
    assert job["deadline"] == deadline


async def test_filters_and_a_wrong_cursor(api: Api) -> None:
    """What fits is listed; what is no cursor is refused with a sentence."""
    job_id = await ask(api, "Acme", tenant="acme")
    await api.client.post(f"{JOBS}/{await ask(api, 'Zara')}/cancel")

    async def listed(**params: str) -> list[str]:
        answer = (await api.client.get(JOBS, params=params)).json()
        return [job["job_id"] for job in answer["jobs"]]

    assert await listed(tenant="acme") == [job_id]
    assert await listed(state="accepted") == [job_id]
    assert await listed(lane="refresh") == []
    assert (await api.client.get(JOBS, params={"cursor": "next"})).status_code == 422


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-ndjson"])
async def test_an_upload_takes_a_key_and_a_deadline(api: Api, media_type: str) -> None:
    """The same key and the same upload are the same job; another upload under it is refused."""
    headers = {"content-type": media_type, "idempotency-key": "upload-7"}
    lines = {"text/csv": "company\n{}\n", "application/x-ndjson": '"{}"\n'}[media_type]
    params = {"deadline": tomorrow()}

    async def send(company: str) -> tuple[int, str | None]:
        body = lines.format(company)
        answer = await api.client.post(JOBS, content=body, headers=headers, params=params)
        return answer.status_code, answer.json().get("job_id")

    status, job_id = await send("Acme")
    await api.client.post(f"{JOBS}/{job_id}/cancel")

    assert status == 202
    assert await send("Acme") == (202, job_id)
    assert await send("Zara") == (422, None)
    (job,) = (await api.client.get(JOBS)).json()["jobs"]
    assert job["deadline"] == params["deadline"]


async def test_an_instant_without_a_zone_is_no_deadline(api: Api) -> None:
    """Two machines would read it as two instants."""
    wanted = {"kind": "enrich", "companies": ["Acme"], "deadline": "2999-01-01T00:00:00"}

    answer = await api.client.post(JOBS, json=wanted)

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "deadline"


WANTED = {"kind": "enrich", "companies": ["Acme", "Zara"]}


async def test_a_job_is_paused_resumed_and_cancelled(api: Api) -> None:
    """Each answers with the job as it is then; what is over stays over."""
    job_id = (await api.client.post(JOBS, json=WANTED)).json()["job_id"]

    states = [
        (await api.client.post(f"{JOBS}/{job_id}/{what}")).json()["state"]
        for what in ("pause", "resume", "cancel", "resume")
    ]

    assert states == ["paused", "running", "cancelled", "cancelled"]


@pytest.mark.parametrize("what", ["pause", "resume", "cancel"])
async def test_an_unknown_job_is_not_steered(api: Api, what: str) -> None:
    """There is nothing to be asked of it."""
    answer = await api.client.post(f"{JOBS}/{'0' * 32}/{what}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_job"


async def test_the_same_key_and_request_are_the_same_job(api: Api) -> None:
    """Also after its end; another request under the key is refused with what to do."""
    key = {"Idempotency-Key": "order-7"}
    first = (await api.client.post(JOBS, json=WANTED, headers=key)).json()
    await api.client.post(f"{JOBS}/{first['job_id']}/cancel")

    again = (await api.client.post(JOBS, json=WANTED, headers=key)).json()
    other = await api.client.post(JOBS, json={**WANTED, "companies": ["Beta"]}, headers=key)

    assert (again["job_id"], again["existing"]) == (first["job_id"], True)
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert "use another key" in other.json()["error"]["message"]

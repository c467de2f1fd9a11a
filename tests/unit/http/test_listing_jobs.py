"""GET /api/v1/jobs: which jobs there are."""

from datetime import timedelta

import pytest

from orchestrator.infra.clock import utc_now

from .conftest import Door

JOBS = "/api/v1/jobs"


def tomorrow() -> str:
    """Return an instant that may be a deadline, as answers write it."""
    return (utc_now() + timedelta(days=1)).replace(microsecond=0).isoformat().replace("+00:00", "Z")


async def ask(door: Door, company: str, **about: str) -> str:
    """Return the id of a new job."""
    wanted = {"kind": "enrich", "companies": [company], **about}
    job_id: str = (await door.client.post(JOBS, json=wanted)).json()["job_id"]
    return job_id


async def test_pages_neither_repeat_nor_skip_a_job(door: Door) -> None:
    """Newest first, also where jobs come in between two pages."""
    ids = [await ask(door, f"Company {n}") for n in range(7)]

    met: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await door.client.get(JOBS, params=params)).json()
        met += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        await ask(door, f"Newcomer {len(met)}")

    # Those of one millisecond are in no order of ours.
    assert sorted(met) == sorted(ids)
    assert len(met) == 7


async def test_a_listed_job_says_what_was_asked_for(door: Door) -> None:
    """Whose it is, how far, under which limits."""
    deadline = tomorrow()
    job_id = await ask(door, "Acme", tenant="acme", deadline=deadline)

    (job,) = (await door.client.get(JOBS)).json()["jobs"]

    assert job["url"] == f"{JOBS}/{job_id}"
    assert (job["tenant"], job["lane"], job["origin"]) == ("acme", "interactive", "api")
    assert (job["total"], job["done"], job["failed"]) == (1, 0, 0)
    assert job["deadline"] == deadline


async def test_filters_and_a_wrong_cursor(door: Door) -> None:
    """What fits is listed; what is no cursor is refused with a sentence."""
    job_id = await ask(door, "Acme", tenant="acme")
    await door.client.post(f"{JOBS}/{await ask(door, 'Zara')}/cancel")

    async def listed(**params: str) -> list[str]:
        answer = (await door.client.get(JOBS, params=params)).json()
        return [job["job_id"] for job in answer["jobs"]]

    assert await listed(tenant="acme") == [job_id]
    assert await listed(state="accepted") == [job_id]
    assert await listed(lane="refresh") == []
    assert (await door.client.get(JOBS, params={"cursor": "next"})).status_code == 422


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-ndjson"])
async def test_an_upload_takes_a_key_and_a_deadline(door: Door, media_type: str) -> None:
    """The same key and the same upload are the same job; another upload under it is refused."""
    headers = {"content-type": media_type, "idempotency-key": "upload-7"}
    lines = {"text/csv": "company\n{}\n", "application/x-ndjson": '"{}"\n'}[media_type]
    params = {"deadline": tomorrow()}

    async def send(company: str) -> tuple[int, str | None]:
        body = lines.format(company)
        answer = await door.client.post(JOBS, content=body, headers=headers, params=params)
        return answer.status_code, answer.json().get("job_id")

    status, job_id = await send("Acme")
    await door.client.post(f"{JOBS}/{job_id}/cancel")

    assert status == 202
    assert await send("Acme") == (202, job_id)
    assert await send("Zara") == (422, None)
    (job,) = (await door.client.get(JOBS)).json()["jobs"]
    assert job["deadline"] == params["deadline"]


async def test_an_instant_without_a_zone_is_no_deadline(door: Door) -> None:
    """Two machines would read it as two instants."""
    wanted = {"kind": "enrich", "companies": ["Acme"], "deadline": "2999-01-01T00:00:00"}

    answer = await door.client.post(JOBS, json=wanted)

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "deadline"

"""POST /api/v1/jobs/{id}/pause, resume and cancel, and idempotency keys."""

import pytest

from .conftest import Door

JOBS = "/api/v1/jobs"
WANTED = {"kind": "enrich", "companies": ["Acme", "Zara"]}


async def test_a_job_is_paused_resumed_and_cancelled(door: Door) -> None:
    """Each answers with the job as it is then; what is over stays over."""
    job_id = (await door.client.post(JOBS, json=WANTED)).json()["job_id"]

    states = [
        (await door.client.post(f"{JOBS}/{job_id}/{what}")).json()["state"]
        for what in ("pause", "resume", "cancel", "resume")
    ]

    assert states == ["paused", "running", "cancelled", "cancelled"]


@pytest.mark.parametrize("what", ["pause", "resume", "cancel"])
async def test_an_unknown_job_is_not_found(door: Door, what: str) -> None:
    """There is nothing to be asked of it."""
    answer = await door.client.post(f"{JOBS}/{'0' * 32}/{what}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_job"


async def test_the_same_key_and_request_are_the_same_job(door: Door) -> None:
    """Also after its end; another request under the key is refused with what to do."""
    key = {"Idempotency-Key": "order-7"}
    first = (await door.client.post(JOBS, json=WANTED, headers=key)).json()
    await door.client.post(f"{JOBS}/{first['job_id']}/cancel")

    again = (await door.client.post(JOBS, json=WANTED, headers=key)).json()
    other = await door.client.post(JOBS, json={**WANTED, "companies": ["Beta"]}, headers=key)

    assert (again["job_id"], again["existing"]) == (first["job_id"], True)
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert "use another key" in other.json()["error"]["message"]

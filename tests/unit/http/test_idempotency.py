"""Requests with an `Idempotency-Key`, on every route that takes work."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orchestrator.infra.redis_client import StoreUnavailable
from orchestrator.jobs import IdempotencyKeys, JobKind, KeyInFlight, NewJob
from tests.support.async_waiting import eventually

from .conftest import Api, failed_job

JOBS = "/api/v1/jobs"
LEAD_DOOR = "/api/v1/orchestrator/enriquecer-lead"
LEAD = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example", "country": "ES"}
Send = Callable[[Api, str, int], Awaitable[httpx.Response]]


async def _post(api: Api, key: str, path: str, **sent: Any) -> httpx.Response:  # noqa: ANN401 - as httpx types it
    headers = {"Idempotency-Key": key, **sent.pop("headers", {})}
    return await api.client.post(path, headers=headers, **sent)


async def _companies(api: Api, key: str, number: int) -> httpx.Response:
    body = {"kind": "enrich", "companies": ["Acme", f"Number {number}"]}
    return await _post(api, key, JOBS, json=body)


async def _leads(api: Api, key: str, number: int) -> httpx.Response:
    body = {"kind": "pipeline", "leads": [{**LEAD, "notes": str(number)}]}
    return await _post(api, key, JOBS, json=body)


async def _filter(api: Api, key: str, number: int) -> httpx.Response:
    body = {"kind": "pipeline", "filter": {"country": ["ES", "MX"][number]}}
    return await _post(api, key, JOBS, json=body)


async def _lead(api: Api, key: str, number: int) -> httpx.Response:
    return await _post(api, key, LEAD_DOOR, json={**LEAD, "phone": str(number)})


async def _csv(api: Api, key: str, number: int) -> httpx.Response:
    headers = {"Content-Type": "text/csv"}
    return await _post(api, key, JOBS, content=f"company\nAcme {number}\n", headers=headers)


async def _ndjson(api: Api, key: str, number: int) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson"}
    return await _post(api, key, JOBS, content=f'"Acme {number}"\n', headers=headers)


SENDERS = pytest.mark.parametrize("send", [_companies, _leads, _filter, _lead, _csv, _ndjson])


@SENDERS
async def test_a_repeated_request_is_answered_as_the_first(api: Api, send: Send) -> None:
    """Also when its job is over; the answer says that it is a repetition."""
    first = await send(api, "k", 0)
    await api.client.post(f"{JOBS}/{first.json()['job_id']}/cancel")

    again = await send(api, "k", 0)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["job_id"] == first.json()["job_id"]
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


@SENDERS
async def test_another_request_with_the_key_is_refused(api: Api, send: Send) -> None:
    """A key stands for one request; another address is another request."""
    await send(api, "k", 0)

    other = await send(api, "k", 1)

    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert len((await api.client.get(JOBS)).json()["jobs"]) == 1


async def test_a_filter_with_a_key_is_the_request_and_not_what_it_finds(api: Api) -> None:
    """A lead that is imported later does not change a repeated request."""
    await _leads(api, "first lead", 0)
    first = await _filter(api, "k", 0)
    another = {**LEAD, "email": "another@acme.example"}
    await api.client.post(JOBS, json={"kind": "pipeline", "leads": [another]})

    again = await _filter(api, "k", 0)

    assert first.json()["total"] == again.json()["total"] == 1
    assert again.json()["job_id"] == first.json()["job_id"]


async def test_a_request_is_the_same_however_it_is_spelled(api: Api) -> None:
    """Order of fields, blanks and escapes are no part of what is asked for; limits are."""
    headers = {"Content-Type": "application/json"}
    spelled = [
        '{"kind": "enrich", "companies": ["Acmé", {"company": "B", "country": "ES"}]}',
        '{"companies":["Acm\\u00e9",{"country":"ES","company":"B"}],\n"kind":"enrich"}',
    ]
    answers = [await _post(api, "k", JOBS, content=each, headers=headers) for each in spelled]
    capped = await _post(
        api, "k", JOBS, content=spelled[0], headers=headers, params={"max_cost_micros": 1}
    )

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["job_id"] == answers[1].json()["job_id"]
    assert capped.status_code == 422


@SENDERS
async def test_a_key_in_flight_is_answered_with_when_to_ask_again(api: Api, send: Send) -> None:
    """While the first request is being answered, a second one neither waits nor works."""
    async with api.runtime.jobs.idempotency.request("default", "k", None):
        busy = await send(api, "k", 0)
    free = await send(api, "k", 0)

    assert busy.status_code == 409
    assert busy.json()["error"]["code"] == "request_in_flight"
    assert busy.headers["retry-after"] == "1"
    assert free.status_code == 202


@SENDERS
async def test_of_requests_at_the_same_time_one_works(api: Api, send: Send) -> None:
    """The others get 409, or the same answer."""
    answers = await asyncio.gather(*(send(api, "k", 0) for _ in range(5)))

    accepted = {answer.json()["job_id"] for answer in answers if answer.status_code == 202}
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len(accepted) == len((await api.client.get(JOBS)).json()["jobs"]) == 1


async def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    """A corrected request may be sent under the same key."""
    wrong = {"kind": "pipeline", "leads": [{**LEAD, "email": "ana"}]}

    refused = await _post(api, "k", JOBS, json=wrong)
    corrected = await _leads(api, "k", 0)

    assert (refused.status_code, corrected.status_code) == (422, 202)


async def test_an_upload_that_broke_off_leaves_its_key_free(api: Api) -> None:
    """Nothing was accepted, so the key stands for nothing."""
    headers = {"Content-Type": "text/csv"}

    refused = await _post(api, "k", JOBS, content="company\na,b\n", headers=headers)

    assert refused.status_code == 422
    assert (await _csv(api, "k", 0)).status_code == 202


@pytest.mark.parametrize("is_dry", [False, True])
async def test_a_repeated_requeue_is_answered_as_the_first(api: Api, *, is_dry: bool) -> None:
    """It says what the first one has requeued, though nothing is left to requeue."""
    job_id = await failed_job(api)
    for path in (f"{JOBS}/{job_id}/requeue", f"{JOBS}/requeue"):
        body = {"codes": ["internal_error"], "dry_run": is_dry}

        first = await _post(api, f"k{path}", path, json=body)
        again = await _post(api, f"k{path}", path, json=body)
        other = await _post(api, f"k{path}", path, json={**body, "max_cost_micros": 1})

        assert first.status_code == again.status_code == 200
        assert again.json() == first.json()
        assert again.headers["idempotent-replayed"] == "true"
        assert other.status_code == 422


async def test_the_same_key_of_two_tenants_is_two_keys(api: Api) -> None:
    """No tenant meets the requests of another one."""
    body = {"kind": "enrich", "companies": ["Acme"]}
    mine = await _post(api, "k", JOBS, json=body)
    theirs = await _post(api, "k", JOBS, json={**body, "tenant": "other"})

    assert theirs.status_code == 202
    assert mine.json()["job_id"] != theirs.json()["job_id"]


async def test_a_key_lapses_with_the_process_that_had_it(api: Api) -> None:
    """A request that died with its process is in flight for the length of a lease."""
    keys = IdempotencyKeys(
        api.runtime.backends.jobs_redis, ttl=timedelta(hours=1), lease=timedelta(seconds=1)
    )
    dead = keys.request("default", "k", "digest")
    keyed = await dead.__aenter__()
    with pytest.raises(KeyInFlight):
        await keys.request("default", "k", "digest").__aenter__()

    await keyed._beat.aclose()  # noqa: SLF001 - as if the process were killed

    async def is_free() -> bool:
        try:
            async with keys.request("default", "k", "digest") as again:
                return again.replay is None
        except KeyInFlight:
            return False

    await eventually(is_free, "the key is free again")
    await dead.__aexit__(None, None, None)


async def test_a_request_that_was_overtaken_makes_no_second_job(api: Api) -> None:
    """A request suspended beyond its lease finds its successor's job, or a key in flight."""
    runtime = api.runtime
    keys = IdempotencyKeys(
        runtime.backends.jobs_redis, ttl=timedelta(hours=1), lease=timedelta(milliseconds=50)
    )
    overtaken = keys.request("default", "k", "digest")
    keyed = await overtaken.__aenter__()
    await keyed._beat.aclose()  # noqa: SLF001 - it stands still

    claims, successors = contextlib.AsyncExitStack(), runtime.jobs.idempotency

    async def claimed() -> bool:
        try:
            await claims.enter_async_context(successors.request("default", "k", "digest"))
        except KeyInFlight:
            return False
        return True

    await eventually(claimed, "the key is free again")
    unsealed = runtime.jobs.intake.begin(uuid4().hex, NewJob(JobKind.PIPELINE, (), "default"))
    await unsealed.add(["a company"])

    with pytest.raises(KeyInFlight):
        await unsealed.seal(keyed.key)
    await claims.aclose()
    await overtaken.__aexit__(None, None, None)


async def test_a_request_that_failed_may_be_repeated(api: Api) -> None:
    """Nothing was accepted, so the key stands for nothing."""
    with pytest.raises(StoreUnavailable):
        async with api.runtime.jobs.idempotency.request("default", "k", "digest"):
            raise StoreUnavailable("accept")

    assert (await _companies(api, "k", 0)).status_code == 202

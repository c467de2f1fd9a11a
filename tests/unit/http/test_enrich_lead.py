"""POST /api/v1/orchestrator/enriquecer-lead: the endpoint that the platform documents."""

import asyncio
from uuid import UUID

import pytest

from orchestrator.jobs import JobFilter, Lane, Report
from tests.support.async_waiting import eventually
from tests.support.cases import lead
from tests.support.job_records import open_items

from .conftest import Api

ENRICH_LEAD = "/api/v1/orchestrator/enriquecer-lead"
SPANISH = {
    "empresa": "Telefónica, S.A.",
    "contacto": "Ana",
    "correo": "ana@telefonica.example",
    "sitio_web": "www.telefonica.example",
    "pais": "España",
    "ciudad": "Madrid",
    "telefono": "+34 911 234 567",
    "origen": "feria",
    "notas": "Llamar por la tarde",
}
ENGLISH = {
    "company": "Telefónica, S.A.",
    "contact": "Ana",
    "email": "ana@telefonica.example",
    "website": "www.telefonica.example",
    "country": "Spain",
    "city": "Madrid",
    "phone": "+34 911 234 567",
    "source": "feria",
    "notes": "Llamar por la tarde",
}


@pytest.mark.parametrize("body", [SPANISH, ENGLISH])
async def test_a_whole_lead_is_stored_and_run(api: Api, body: dict[str, str]) -> None:
    """A lead with names in either language is stored with all it says, and becomes a job."""
    answer = await api.client.post(ENRICH_LEAD, json=body)

    accepted = answer.json()
    lead_id = UUID(accepted["lead_id"])
    stored = (await api.runtime.leads.store.leads([lead_id]))[lead_id]
    items = await open_items(api.runtime.jobs.records, accepted["job_id"], 0)
    assert answer.status_code == 202
    assert accepted == {
        "job_id": accepted["job_id"],
        "lead_id": str(lead_id),
        "estado": "aceptado",
        "url": f"/api/v1/jobs/{accepted['job_id']}",
    }
    assert stored.model_dump(exclude={"id"}) == {**ENGLISH, "country": "ES"}
    assert items == [(0, str(lead_id))]


async def test_a_stored_lead_is_run_by_its_id(api: Api) -> None:
    """The id of a stored lead is enough."""
    stored = lead(1)
    await api.runtime.leads.store.import_leads([stored])

    answer = await api.client.post(ENRICH_LEAD, json={"lead_id": str(stored.id)})

    assert answer.status_code == 202
    assert answer.json()["lead_id"] == str(stored.id)
    assert api.notifier.notified == ["interactive"]


async def test_a_lead_that_comes_again_is_answered_under_its_id(api: Api) -> None:
    """With its address for the first time, and where the same request is repeated, too."""
    whole = {"company": "Acme", "contact": "Ana Ruiz", "email": "ana@acme.example"}
    without = {name: whole[name] for name in ("company", "contact")}
    key = {"Idempotency-Key": "once"}

    first = (await api.client.post(ENRICH_LEAD, json=without)).json()
    again = [(await api.client.post(ENRICH_LEAD, json=whole, headers=key)).json() for _ in range(2)]
    other = {**whole, "email": "aruiz@acme.example"}
    doubtful = (await api.client.post(ENRICH_LEAD, json=other)).json()

    assert [each["lead_id"] for each in again] == [first["lead_id"]] * 2
    assert doubtful["lead_id"] != first["lead_id"]
    assert doubtful["warnings"][0].startswith("contact 'Ana Ruiz' may be a person who is stored")


async def test_an_unknown_lead_is_not_found(api: Api) -> None:
    """An id that no stored lead has is answered at once, not by a job that fails."""
    answer = await api.client.post(ENRICH_LEAD, json={"lead_id": str(lead(2).id)})

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_lead"
    assert api.notifier.notified == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"lead_id": "7"}, "lead_id must be a valid UUID"),
        ({"lead_id": str(UUID(int=1)), "empresa": "Acme"}, "empresa is not known here"),
        ({**SPANISH, "correo": "ana"}, "email is not an e-mail address"),
        ({"contacto": "Ana", "correo": "ana@acme.example"}, "company is missing"),
        ({**SPANISH, "company": "Acme"}, "empresa is not known here"),
        ({**SPANISH, "empresa": " "}, "empresa is blank; fill it in."),
    ],
)
async def test_a_bad_lead_is_refused_with_its_fault(
    api: Api, body: dict[str, str], message: str
) -> None:
    """A lead that cannot be used is refused with where its fault is, and not stored."""
    answer = await api.client.post(ENRICH_LEAD, json=body)

    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(message)
    assert await api.runtime.leads.store.select_ids(None, {}) == []


async def _judge(api: Api, job_id: str) -> None:
    """Work off the job as a worker does."""
    async with api.runtime.jobs.records.taken(Lane.INTERACTIVE) as lease:
        assert lease is not None
        await api.runtime.jobs.records.report(job_id, 0, Report({"status": "discarded"}, {}))
        lease.done = True


async def test_a_caller_that_waits_gets_the_result(api: Api) -> None:
    """A lead that is judged while its sender waits is answered with 200 and the result."""
    stored = lead(3)
    await api.runtime.leads.store.import_leads([stored])
    sending = asyncio.create_task(
        api.client.post(ENRICH_LEAD, json={"lead_id": str(stored.id)}, params={"wait_s": 50})
    )
    await eventually(lambda: _notified(api), "the job is announced")
    listed = await anext(api.runtime.jobs.job_list.newest(JobFilter()))

    await _judge(api, listed.job_id)
    answer = await sending

    body = answer.json()
    assert answer.status_code == 200
    assert (body["estado"], body["job_id"]) == ("terminado", listed.job_id)
    assert body["result"]["status"] == "discarded"


async def test_a_caller_that_gives_up_finds_the_same_job_later(api: Api) -> None:
    """After the wait the answer is 202; to ask again is to wait for the same job."""
    stored = lead(4)
    await api.runtime.leads.store.import_leads([stored])

    hasty, again = [
        await api.client.post(
            ENRICH_LEAD, json={"lead_id": str(stored.id)}, params={"wait_s": 0.01}
        )
        for _ in range(2)
    ]

    assert (hasty.status_code, again.status_code) == (202, 202)
    assert hasty.json() == again.json()
    assert "result" not in hasty.json()
    assert hasty.headers["Location"] == hasty.json()["url"]


@pytest.mark.parametrize("wait_s", ["-1", "61", "soon"])
async def test_a_wait_has_bounds(api: Api, wait_s: str) -> None:
    """A wait that no caller would sit out is refused, and nothing is accepted."""
    answer = await api.client.post(ENRICH_LEAD, json=SPANISH, params={"wait_s": wait_s})

    assert answer.status_code == 422
    assert api.notifier.notified == []


async def _notified(api: Api) -> bool:
    return bool(api.notifier.notified)


async def test_a_wait_for_a_job_whose_record_is_gone_ends(api: Api) -> None:
    """Redis was emptied meanwhile: nothing would ever come, and the lead can be sent again."""

    async def lose() -> None:
        async def is_there() -> object:
            return await api.runtime.backends.jobs_redis.exists("jobs1:all")

        await eventually(is_there, "the job is accepted")
        await api.runtime.backends.jobs_redis.flushdb()

    losing = asyncio.create_task(lose())
    answer = await api.client.post(ENRICH_LEAD, json=ENGLISH, params={"wait_s": 20})
    await losing

    assert answer.status_code == 410
    assert "no longer exists" in answer.text

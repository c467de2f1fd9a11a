"""POST /api/v1/jobs: what is accepted, as what, and how often."""

from uuid import UUID, uuid4

import pytest

from orchestrator.identity import Mention
from orchestrator.leadfile import LeadFields, lead_id
from orchestrator.purchasing import run_account

from .conftest import Door

ANA = {"company": "Telefónica, S.A.", "contact": "Ana", "email": "ana@telefonica.example"}


async def test_companies_become_a_job_that_is_stored_and_announced(door: Door) -> None:
    """A list of companies is a durable job, and each of its chunks is announced."""
    companies = ["Telefónica, S.A.", "TELEFONICA", "Mercado Libre"]

    answer = await door.client.post("/api/v1/jobs", json={"kind": "enrich", "companies": companies})

    body = answer.json()
    job_id = body["job_id"]
    url = f"/api/v1/jobs/{job_id}"
    assert answer.status_code == 202
    assert answer.headers["location"] == url
    assert body == {
        "job_id": job_id,
        "state": "accepted",
        "total": 3,
        "url": url,
        "existing": False,
    }
    assert door.notifier.notified == ["interactive"]
    assert await door.runtime.jobs.records.open_items(job_id, 0) == [
        (0, "Telefónica, S.A."),
        (1, "Mercado Libre"),
    ]


async def test_a_company_may_come_with_website_and_country(door: Door) -> None:
    """In either language; what is none is left out, and the answer says what and where."""
    companies = [
        "Acme",
        {"company": "Acme", "website": "www.acme.es", "country": "España"},
        {"empresa": "Zara", "sitio_web": "zara.com", "pais": "Narnia"},
    ]

    body = (
        await door.client.post("/api/v1/jobs", json={"kind": "enrich", "companies": companies})
    ).json()

    records = door.runtime.jobs.records
    items = [
        item for chunk in (0, 1) for _, item in await records.open_items(body["job_id"], chunk)
    ]
    assert [Mention.of(item) for item in items] == [
        Mention("Acme"),
        Mention("Acme", "acme.es", "ES"),
        Mention("Zara", "zara.com"),
    ]
    assert [warning.split()[0] for warning in body["warnings"]] == ["companies[2].country"]


async def test_equal_work_under_way_is_the_same_job(door: Door) -> None:
    """Asking twice for the same answers with the job that is there, and says so."""
    wanted = {"kind": "enrich", "companies": ["Acme", "Zara"]}
    first = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    second = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    assert second == {**first, "existing": True}
    assert len(door.notifier.notified) == 1


async def test_another_tenant_gets_a_job_of_its_own(door: Door) -> None:
    """Equal work of two tenants is two jobs."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    first = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    second = (await door.client.post("/api/v1/jobs", json={**wanted, "tenant": "other"})).json()

    job = await door.runtime.jobs.records.job(second["job_id"])
    assert second["job_id"] != first["job_id"]
    assert job is not None
    assert job.tenant == "other"


async def test_whole_leads_are_stored_once_and_run(door: Door) -> None:
    """A lead sent twice, however its names are spelled, is one lead with two results."""
    again = {"empresa": "TELEFONICA SA", "contacto": "Ana R.", "correo": "Ana@telefonica.example"}
    wanted = {"kind": "pipeline", "leads": [ANA, again]}

    body = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    stored = await door.runtime.leads.store.chosen(None, {})
    items = await door.runtime.jobs.records.open_items(body["job_id"], 0)
    assert body["total"] == 2
    assert len(stored) == 1
    assert items[0][1] == items[1][1]


async def test_a_lead_has_the_same_id_as_in_a_file(door: Door) -> None:
    """A lead that came as a row of a file is not stored a second time over HTTP."""
    in_file = lead_id(LeadFields("Telefónica", "telefonica", "Ana", "ana@telefonica.example"))

    body = (
        await door.client.post("/api/v1/jobs", json={"kind": "pipeline", "leads": [ANA]})
    ).json()

    items = await door.runtime.jobs.records.open_items(body["job_id"], 0)
    assert items == [(0, str(in_file))]


async def test_a_lead_is_kept_without_what_is_no_website_and_no_country(door: Door) -> None:
    """What cannot be used is left out of the lead, and the answer says what and where."""
    odd = {**ANA, "website": "not a site", "country": "Narnia", "phone": "+34 911 234 567"}

    body = (
        await door.client.post("/api/v1/jobs", json={"kind": "pipeline", "leads": [odd]})
    ).json()

    ((_, item),) = await door.runtime.jobs.records.open_items(body["job_id"], 0)
    lead = (await door.runtime.leads.store.leads([UUID(item)]))[UUID(item)]
    assert (lead.website, lead.country, lead.phone) == (None, None, "+34 911 234 567")
    assert [warning.split()[0] for warning in body["warnings"]] == [
        "leads[0].website",
        "leads[0].country",
    ]


async def test_stored_leads_are_run_by_their_ids(door: Door) -> None:
    """Ids of leads become the items of a job, in their order and one writing."""
    ids = [uuid4(), uuid4()]
    wanted = {"kind": "pipeline", "lead_ids": [str(ids[0]).upper(), ids[1].hex]}

    body = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    items = await door.runtime.jobs.records.open_items(body["job_id"], 0)
    assert items == [(0, str(ids[0])), (1, str(ids[1]))]


async def test_stored_leads_are_run_by_a_filter(door: Door) -> None:
    """The leads that meet it now become the items; the job says what was asked for."""
    elsewhere = {**ANA, "email": "ana@telefonica.example.mx", "country": "Mexico"}
    leads = {"kind": "pipeline", "leads": [{**ANA, "country": "ES"}, elsewhere]}
    stored = (await door.client.post("/api/v1/jobs", json=leads)).json()
    wanted = {"kind": "pipeline", "filter": {"country": "mx", "status": "never_judged"}}

    body = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    (_, second) = await door.runtime.jobs.records.open_items(stored["job_id"], 0)
    job = await door.runtime.jobs.records.job(body["job_id"])
    assert await door.runtime.jobs.records.open_items(body["job_id"], 0) == [(0, second[1])]
    assert job is not None
    assert job.about == 'leads where {"country":"MX","status":"never_judged"}'
    assert job.policy == door.runtime.leads.policy_version


@pytest.mark.parametrize(
    ("cap", "micros"),
    [
        ({"max_cost_micros": 46_500}, 46_500),
        ({"max_cost_usd": 0.1}, 100_000),
        ({"max_cost_usd": "1.000001"}, 1_000_001),
        ({"max_cost_usd": 0}, 0),
    ],
)
async def test_a_cap_holds_before_the_job_can_be_seen(
    door: Door, cap: dict[str, object], micros: int
) -> None:
    """A cap in either unit becomes the cap of the job's account, to the micro-dollar."""
    wanted = {"kind": "enrich", "companies": ["Acme"], **cap}

    body = (await door.client.post("/api/v1/jobs", json=wanted)).json()

    job = await door.runtime.jobs.records.job(body["job_id"])
    account = await door.runtime.purchasing.budget.account(run_account(body["job_id"]))
    assert job is not None
    assert job.max_cost_micros == micros
    assert account.cap_micros == micros

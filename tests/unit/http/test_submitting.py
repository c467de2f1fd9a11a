"""POST /api/v1/jobs: what is accepted, for whom, within which limits."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from orchestrator.identity import Mention
from orchestrator.infra.clock import utc_now
from orchestrator.jobs import Job, Report
from orchestrator.leadfile import LeadFields, lead_id
from orchestrator.purchasing import run_account
from tests.support.job_records import open_items

from .conftest import Api, failed_job

ANA = {"company": "Telefónica, S.A.", "contact": "Ana", "email": "ana@telefonica.example"}


async def test_companies_become_a_job_that_is_stored_and_announced(api: Api) -> None:
    """A list of companies is a durable job, and each of its chunks is announced."""
    companies = ["Telefónica, S.A.", "TELEFONICA", "Mercado Libre"]

    answer = await api.client.post("/api/v1/jobs", json={"kind": "enrich", "companies": companies})

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
    assert api.notifier.notified == ["interactive"]
    assert await open_items(api.runtime.jobs.records, job_id, 0) == [
        (0, "Telefónica, S.A."),
        (1, "Mercado Libre"),
    ]


async def test_a_company_may_come_with_website_and_country(api: Api) -> None:
    """In either language; what is none is left out, and the answer says what and where."""
    companies = [
        "Acme",
        {"company": "Acme", "website": "www.acme.es", "country": "España"},
        {"empresa": "Zara", "sitio_web": "zara.com", "pais": "Narnia"},
    ]

    body = (
        await api.client.post("/api/v1/jobs", json={"kind": "enrich", "companies": companies})
    ).json()

    records = api.runtime.jobs.records
    items = [
        item for chunk in (0, 1) for _, item in await open_items(records, body["job_id"], chunk)
    ]
    assert [Mention.of(item) for item in items] == [
        Mention("Acme"),
        Mention("Acme", "acme.es", "ES"),
        Mention("Zara", "zara.com"),
    ]
    assert [warning.split()[0] for warning in body["warnings"]] == ["companies[2].country"]


async def test_equal_work_under_way_is_the_same_job(api: Api) -> None:
    """Asking twice for the same answers with the job that is there, and says so."""
    wanted = {"kind": "enrich", "companies": ["Acme", "Zara"]}
    first = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    second = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    assert second == {**first, "existing": True}
    assert len(api.notifier.notified) == 1


async def test_another_tenant_gets_a_job_of_its_own(api: Api) -> None:
    """Equal work of two tenants is two jobs."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    first = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    second = (await api.client.post("/api/v1/jobs", json={**wanted, "tenant": "other"})).json()

    job = await api.runtime.jobs.records.job(second["job_id"])
    assert second["job_id"] != first["job_id"]
    assert job is not None
    assert job.tenant == "other"


async def test_whole_leads_are_stored_once_and_run(api: Api) -> None:
    """A lead sent twice, however its names are spelled, is one lead with two results."""
    again = {"empresa": "TELEFONICA SA", "contacto": "Ana R.", "correo": "Ana@telefonica.example"}
    wanted = {"kind": "pipeline", "leads": [ANA, again]}

    body = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    stored = await api.runtime.leads.store.select_ids(None, {})
    items = await open_items(api.runtime.jobs.records, body["job_id"], 0)
    assert body["total"] == 2
    assert len(stored) == 1
    assert items[0][1] == items[1][1]


async def test_a_lead_has_the_same_id_as_in_a_file(api: Api) -> None:
    """A lead that came as a row of a file is not stored a second time over HTTP."""
    in_file = lead_id(LeadFields("Telefónica", "telefonica", "Ana", "ana@telefonica.example"))

    body = (await api.client.post("/api/v1/jobs", json={"kind": "pipeline", "leads": [ANA]})).json()

    items = await open_items(api.runtime.jobs.records, body["job_id"], 0)
    assert items == [(0, str(in_file))]


async def test_a_lead_is_kept_without_what_is_no_website_and_no_country(api: Api) -> None:
    """What cannot be used is left out of the lead, and the answer says what and where."""
    odd = {**ANA, "website": "not a site", "country": "Narnia", "phone": "+34 911 234 567"}

    body = (await api.client.post("/api/v1/jobs", json={"kind": "pipeline", "leads": [odd]})).json()

    ((_, item),) = await open_items(api.runtime.jobs.records, body["job_id"], 0)
    lead = (await api.runtime.leads.store.leads([UUID(item)]))[UUID(item)]
    assert (lead.website, lead.country, lead.phone) == (None, None, "+34 911 234 567")
    assert [warning.split()[0] for warning in body["warnings"]] == [
        "leads[0].website",
        "leads[0].country",
    ]


async def test_stored_leads_are_run_by_their_ids(api: Api) -> None:
    """Ids of leads become the items of a job, in their order and one writing."""
    ids = [uuid4(), uuid4()]
    wanted = {"kind": "pipeline", "lead_ids": [str(ids[0]).upper(), ids[1].hex]}

    body = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    items = await open_items(api.runtime.jobs.records, body["job_id"], 0)
    assert items == [(0, str(ids[0])), (1, str(ids[1]))]


async def test_stored_leads_are_run_by_a_filter(api: Api) -> None:
    """The leads that meet it now become the items; the job says what was asked for."""
    elsewhere = {**ANA, "email": "ana@telefonica.example.mx", "country": "Mexico"}
    leads = {"kind": "pipeline", "leads": [{**ANA, "country": "ES"}, elsewhere]}
    stored = (await api.client.post("/api/v1/jobs", json=leads)).json()
    wanted = {"kind": "pipeline", "filter": {"country": "mx", "status": "never_judged"}}

    body = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    (_, second) = await open_items(api.runtime.jobs.records, stored["job_id"], 0)
    job = await api.runtime.jobs.records.job(body["job_id"])
    assert await open_items(api.runtime.jobs.records, body["job_id"], 0) == [(0, second[1])]
    assert job is not None
    assert job.about == 'leads where {"country":"MX","status":"never_judged"}'
    assert job.policy == api.runtime.leads.policy_version


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
    api: Api, cap: dict[str, object], micros: int
) -> None:
    """A cap in either unit becomes the cap of the job's account, to the micro-dollar."""
    wanted = {"kind": "enrich", "companies": ["Acme"], **cap}

    body = (await api.client.post("/api/v1/jobs", json=wanted)).json()

    job = await api.runtime.jobs.records.job(body["job_id"])
    account = await api.runtime.purchasing.budget.account(run_account(body["job_id"]))
    assert job is not None
    assert job.max_cost_micros == micros
    assert account.cap_micros == micros


JOBS = "/api/v1/jobs"
LEAD_DOOR = "/api/v1/orchestrator/enriquecer-lead"
LEAD = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}
COMPANIES = {"kind": "enrich", "companies": ["Acme"]}
LEADS = {"kind": "pipeline", "leads": [LEAD]}
NEAR = (utc_now() + timedelta(days=1)).replace(microsecond=0)
PASSED = utc_now() - timedelta(minutes=1)
Send = Callable[[Api, dict[str, Any], dict[str, Any]], Awaitable[httpx.Response]]


async def _companies(api: Api, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    return await api.client.post(JOBS, json={**COMPANIES, **body}, params=query)


async def _leads(api: Api, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    return await api.client.post(JOBS, json={**LEADS, **body}, params=query)


async def _lead(api: Api, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    return await api.client.post(LEAD_DOOR, json={**LEAD, **body}, params=query)


async def _csv(api: Api, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    headers = {"Content-Type": "text/csv"}
    return await api.client.post(
        JOBS, content="company\nAcme\n", headers=headers, params={**body, **query}
    )


async def _ndjson(api: Api, body: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson"}
    return await api.client.post(
        JOBS, content='"Acme"\n', headers=headers, params={**body, **query}
    )


SENDERS = pytest.mark.parametrize("send", [_companies, _leads, _lead, _csv, _ndjson])
#: Those whose body can say limits, too.
WITH_BODY = pytest.mark.parametrize("send", [_companies, _leads, _lead])


async def job_of(api: Api, answer: httpx.Response) -> Job:
    """Return the job that *answer* has accepted."""
    assert answer.status_code == 202, answer.text
    job = await api.runtime.jobs.records.job(answer.json()["job_id"])
    assert job is not None
    return job


@SENDERS
@pytest.mark.parametrize("place", ["body", "address"])
async def test_limits_count_wherever_they_are_given(api: Api, send: Send, place: str) -> None:
    """Under both names of the cap; without one, the installation's applies."""
    for cap in ({"max_cost_micros": 0}, {"max_cost_usd": 0}, {"max_cost_micros": 120}):
        said = {"tenant": "acme", "deadline": NEAR.isoformat(), **cap}
        body, query = (said, {}) if place == "body" else ({}, said)

        job = await job_of(api, await send(api, body, query))

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
async def test_limits_that_contradict_each_other_are_refused(api: Api, send: Send) -> None:
    """Body and address say the same, or one of them is silent."""
    for body, query, field in CONTRADICTIONS:
        answer = await send(api, body, query)

        assert answer.status_code == 422
        assert [fault["field"] for fault in answer.json()["error"]["fields"]] == [field]
    assert api.notifier.notified == []


@WITH_BODY
async def test_limits_may_be_said_twice(api: Api, send: Send) -> None:
    """The same cap in two units is one cap."""
    answer = await send(api, {"max_cost_usd": 1}, {"max_cost_micros": 1_000_000})

    assert (await job_of(api, answer)).max_cost_micros == 1_000_000


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
async def test_what_is_no_limit_is_refused(api: Api, send: Send) -> None:
    """One poisonous limit would stop the list of jobs for all; it goes on."""
    bodies = [] if send in {_csv, _ndjson} else NO_LIMITS_OF_A_BODY
    for body, query in [*(({}, each) for each in NO_LIMITS), *((each, {}) for each in bodies)]:
        answer = await send(api, body, query)

        assert answer.status_code == 422, (body, query, answer.text)
        assert answer.json()["error"]["code"] == "invalid_request"
    assert api.notifier.notified == []
    assert (await api.client.get(JOBS)).json()["jobs"] == []


async def test_an_unknown_parameter_is_refused_everywhere(api: Api) -> None:
    """A mistyped filter is an error, and is not answered as if there were none."""
    job = f"{JOBS}/{'0' * 32}"
    reads = [JOBS, f"{JOBS}/failed", job, f"{job}/results", "/health", "/metrics", "/openapi.json"]
    changes = [f"{JOBS}/requeue", f"{job}/cancel", f"{job}/pause", f"{job}/requeue", LEAD_DOOR]
    asked = [*(("GET", path) for path in reads), *(("POST", path) for path in changes)]
    for method, path in asked:
        answer = await api.client.request(method, path, params={"offste": "1"})

        assert answer.status_code == 422, path


@pytest.mark.parametrize("place", ["body", "address"])
async def test_requeued_work_has_the_limits_that_are_given(api: Api, place: str) -> None:
    """A requeue takes cap and deadline as any other work does."""
    job_id = await failed_job(api)
    said = {"max_cost_usd": "0.5", "deadline": NEAR.isoformat()}
    body, query = (said, {}) if place == "body" else ({}, said)

    answer = await api.client.post(f"{JOBS}/{job_id}/requeue", json=body, params=query)

    (new,) = answer.json()["jobs"]
    job = await api.runtime.jobs.records.job(new["job_id"])
    assert job is not None
    assert (job.max_cost_micros, job.deadline) == (500_000, NEAR)


async def test_a_requeue_of_all_jobs_takes_its_tenant_from_the_address(api: Api) -> None:
    """It is a filter there, as it is in the body."""
    await failed_job(api)
    theirs = await failed_job(api, tenant="other")

    answer = await api.client.post(f"{JOBS}/requeue", params={"tenant": "other"})

    assert [job["parent"] for job in answer.json()["jobs"]] == [theirs]


async def test_too_many_codes_are_told_as_such(api: Api) -> None:
    """The answer is about the codes, not about the size of the request."""
    answer = await api.client.post(f"{JOBS}/requeue", json={"codes": ["a"] * 51})

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "codes"
    assert "50" in answer.json()["error"]["message"]


@SENDERS
@pytest.mark.parametrize(("said", "expected"), [(None, False), (False, False), (True, True)])
async def test_every_route_that_buys_takes_it(
    api: Api, send: Send, *, said: bool | None, expected: bool
) -> None:
    """In the body or in the address; its job says so."""
    value = {} if said is None else {"buy_again": said}
    query = {} if said is None else {"buy_again": str(said).lower()}
    for body, address in ((value, {}), ({}, query)):
        as_query = {name: str(each).lower() for name, each in body.items()}
        is_upload = send.__name__ in {"_csv", "_ndjson"}

        job = await job_of(api, await send(api, as_query if is_upload else body, address))

        assert job.buy_again is expected
        assert (job.context.buy_again == job.job_id) is expected
        shown = (await api.client.get(f"{JOBS}/{job.job_id}")).json()
        assert shown["buy_again"] is expected


@WITH_BODY
@pytest.mark.parametrize("value", ["true", "yes", 1, 0, "", [], {}])
async def test_a_body_says_it_with_a_boolean(api: Api, send: Send, value: object) -> None:
    """Nothing else is taken for one: it is about money."""
    answer = await send(api, {"buy_again": value}, {})

    assert answer.status_code == 422
    assert "buy_again" in answer.json()["error"]["fields"][0]["field"]
    assert api.notifier.notified == []


@SENDERS
@pytest.mark.parametrize("value", ["1", "yes", "on", "True", "", " true", ["true", "true"]])
async def test_an_address_says_it_with_true_or_false(api: Api, send: Send, value: object) -> None:
    """As JSON writes them, and once."""
    answer = await send(api, {}, {"buy_again": value})

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "buy_again"
    assert api.notifier.notified == []


@WITH_BODY
async def test_body_and_address_must_agree(api: Api, send: Send) -> None:
    """One that forbids it and one that wants it contradict each other."""
    answer = await send(api, {"buy_again": False}, {"buy_again": "true"})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["error"]["fields"]] == ["buy_again"]


async def test_it_makes_another_request_of_the_same_work(api: Api) -> None:
    """Work under way does not stand in for it, and an idempotency key tells the two apart."""
    wanted = {"kind": "enrich", "companies": ["Acme"]}
    key = {"Idempotency-Key": "k1"}
    first = (await api.client.post(JOBS, json=wanted, headers=key)).json()
    again = (await api.client.post(JOBS, json=wanted)).json()

    asked = (await api.client.post(JOBS, json={**wanted, "buy_again": True})).json()
    repeated = (await api.client.post(JOBS, json={**wanted, "buy_again": True})).json()
    reused = await api.client.post(JOBS, json={**wanted, "buy_again": True}, headers=key)
    in_address = await api.client.post(f"{JOBS}?buy_again=true", json=wanted, headers=key)

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
    api: Api, path: str, body: dict[str, Any], *, expected: bool
) -> None:
    """Naming it is asking for it; other reasons do not."""
    job_id = await failed_job(api)
    result = {"company": "Beta", "company_key": "beta"}
    await api.runtime.jobs.records.report(job_id, 1, Report(result, failure="answer_lost"))

    answer = await api.client.post(f"{JOBS}/{path.format(job_id=job_id)}", json=body)

    (queued,) = answer.raise_for_status().json()["jobs"]
    job = await api.runtime.jobs.records.job(queued["job_id"])
    assert job is not None
    assert job.buy_again is expected


async def test_a_requeue_takes_no_such_field(api: Api) -> None:
    """There, the reason says it."""
    job_id = await failed_job(api)

    in_body = await api.client.post(f"{JOBS}/{job_id}/requeue", json={"buy_again": True})
    in_address = await api.client.post(f"{JOBS}/{job_id}/requeue?buy_again=true")

    assert (in_body.status_code, in_address.status_code) == (422, 422)


async def test_the_document_names_it(api: Api) -> None:
    """In the bodies of work that buys, and in the addresses of its routes."""
    document = (await api.client.get("/openapi.json")).json()

    schemas = document["components"]["schemas"]
    for name in ("EnrichRequest", "PipelineRequest", "LeadReference"):
        assert "charged" in schemas[name]["properties"]["buy_again"]["description"]
    for language in schemas["LeadAlone"]["anyOf"]:
        assert "buy_again" in language["properties"]
    assert "buy_again" in schemas["JobStatus"]["properties"]
    for path in (JOBS, "/api/v1/orchestrator/enriquecer-lead"):
        parameters = document["paths"][path]["post"]["parameters"]
        assert "buy_again" in [each["name"] for each in parameters]

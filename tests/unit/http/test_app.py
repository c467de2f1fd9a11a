"""The application: its OpenAPI document, its reference page, its log."""

from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from orchestrator.http.app import RequestLog
from orchestrator.http.errors import PROBLEMS
from orchestrator.http.openapi import operations_in, page_of
from orchestrator.http.requests import JOB_EXAMPLES, LEAD_EXAMPLES, SPANISH
from orchestrator.settings import Settings

from .conftest import Api, OpenApi


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    """Return the document as clients read it."""
    body: dict[str, Any] = (await api.client.get("/openapi.json")).json()
    return body


async def test_the_documented_addresses_are_there(document: dict[str, Any]) -> None:
    """Other services rely on these addresses and methods."""
    addresses: dict[str, set[str]] = {}
    for path, method, _ in operations_in(document):
        addresses.setdefault(path, set()).add(method)

    assert addresses == {
        "/api/v1/jobs": {"get", "post"},
        "/api/v1/jobs/failed": {"get"},
        "/api/v1/jobs/requeue": {"post"},
        "/api/v1/jobs/{job_id}/failed": {"get"},
        "/api/v1/jobs/{job_id}/requeue": {"post"},
        "/api/v1/jobs/{job_id}": {"get"},
        "/api/v1/jobs/{job_id}/results": {"get"},
        "/api/v1/jobs/{job_id}/pause": {"post"},
        "/api/v1/jobs/{job_id}/resume": {"post"},
        "/api/v1/jobs/{job_id}/cancel": {"post"},
        "/api/v1/orchestrator/enriquecer-lead": {"post"},
        "/leads": {"get", "post"},
        "/leads/import": {"post"},
        "/leads/{lead_id}": {"get", "patch", "delete"},
        "/leads/{lead_id}/decisions": {"get"},
        "/leads/{lead_id}/evidence": {"get"},
        "/leads/{lead_id}/purchases": {"get"},
        "/oportunidades": {"get", "post"},
        "/oportunidades/{oportunidad_id}": {"get", "patch"},
        "/oportunidades/{oportunidad_id}/historial": {"get"},
        "/dashboard/metrics": {"get"},
        "/api/v1/identity": {"get"},
        "/api/v1/identity/decisions": {"get"},
        "/api/v1/identity/merge": {"post"},
        "/api/v1/identity/split": {"post"},
        "/api/v1/identity/alias": {"post"},
        "/api/v1/identity/undo": {"post"},
        "/api/v1/costs": {"get"},
        "/api/v1/budget": {"get"},
        "/api/v1/persons/erase": {"post"},
        "/api/v1/persons/export": {"post"},
        "/api/v1/watches": {"get", "post"},
        "/api/v1/watches/pause": {"post"},
        "/api/v1/watches/resume": {"post"},
        "/api/v1/watches/remove": {"post"},
        "/health": {"get"},
        "/health/live": {"get"},
        "/health/ready": {"get"},
        "/metrics": {"get"},
    }


async def test_every_operation_is_described_with_its_errors(document: dict[str, Any]) -> None:
    """Each has a summary, a description, and examples of the one shape of its errors."""
    shape = {"$ref": "#/components/schemas/Problem"}

    for path, _, operation in operations_in(document):
        errors = {s: r for s, r in operation["responses"].items() if s >= "400"}
        assert operation["summary"]
        assert operation["description"]
        if path.startswith("/health"):
            continue
        assert {"400", "401", "403", "421", "422", "500", "503"} <= set(errors)
        for status, error in errors.items():
            content = error["content"]["application/problem+json"]
            assert content["schema"] == shape
            assert {e["value"]["status"] for e in content["examples"].values()} == {int(status)}


async def test_every_answer_is_documented_with_its_headers(document: dict[str, Any]) -> None:
    """Those of every answer, and those of its status."""
    for _, _, operation in operations_in(document):
        for status, answer in operation["responses"].items():
            expected = {"X-Request-ID", "Cache-Control"}
            expected |= {
                "202": {"Location"},
                "401": {"WWW-Authenticate"},
                "409": {"Retry-After"},
                "503": {"Retry-After"},
            }.get(status, set())
            assert expected <= set(answer["headers"])


async def test_every_door_that_takes_work_documents_its_key(document: dict[str, Any]) -> None:
    """A repeated request is known by a header of its answer."""
    doors = {
        path
        for path, _, operation in operations_in(document)
        for status, answer in operation["responses"].items()
        if "Idempotent-Replayed" in answer["headers"] and status < "300"
    }

    assert doors >= {
        "/api/v1/jobs",
        "/api/v1/jobs/requeue",
        "/api/v1/jobs/{job_id}/requeue",
        "/api/v1/orchestrator/enriquecer-lead",
        "/leads",
        "/leads/import",
        "/oportunidades",
    }


async def test_the_document_is_the_same_whatever_the_settings(
    settings: Settings, open_api: OpenApi, document: dict[str, Any]
) -> None:
    """A client that is generated from one installation works with every other one."""
    keyed = settings.model_copy(
        update={"api_key": SecretStr("k" * 32), "tenant": "acme", "language": "es"}
    )
    async with open_api(keyed) as api:
        answer = await api.client.get("/openapi.json", headers={"X-API-Key": "k" * 32})

    assert answer.json() == document


async def test_the_key_is_documented(document: dict[str, Any]) -> None:
    """Either header will do; only health needs none."""
    secured = {path: operation.get("security") for path, _, operation in operations_in(document)}

    for path in ("/health", "/health/live", "/health/ready"):
        assert secured.pop(path) is None
    assert all(found == [{"HTTPBearer": []}, {"APIKeyHeader": []}] for found in secured.values())


async def test_the_type_of_every_problem_leads_to_the_page(api: Api) -> None:
    """An address that never changes, with what it means."""
    page = _Page((await api.client.get("/docs")).text)

    assert page.attributes["id"] == set(PROBLEMS)


async def test_a_leads_fields_are_documented_in_both_languages(document: dict[str, Any]) -> None:
    """A generated client may use the Spanish names as well as the English ones."""
    english, spanish = document["components"]["schemas"]["GivenLead"]["anyOf"]

    assert list(english["properties"]) == list(SPANISH)
    assert list(spanish["properties"]) == list(SPANISH.values())
    assert english["required"] == ["company", "contact"]
    assert spanish["required"] == ["empresa", "contacto"]


@pytest.mark.parametrize("name", JOB_EXAMPLES)
async def test_every_example_of_a_job_is_accepted(api: Api, name: str) -> None:
    """What the document shows works as it stands."""
    answer = await api.client.post("/api/v1/jobs", json=JOB_EXAMPLES[name]["value"])

    assert answer.status_code == 202


async def test_every_example_of_a_lead_is_understood(api: Api) -> None:
    """The example lead is accepted; the example id is a valid id of no lead."""
    statuses = {
        name: (
            await api.client.post("/api/v1/orchestrator/enriquecer-lead", json=example["value"])
        ).status_code
        for name, example in LEAD_EXAMPLES.items()
    }

    assert statuses == {"lead": 202, "lead_id": 404}


class _Page(HTMLParser):
    """The elements of a page, and what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_runs_nothing_and_loads_nothing(api: Api) -> None:
    """No script, no style or image from anywhere, and a policy that allows none."""
    answer = await api.client.get("/docs")

    page = _Page(answer.text)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script-src" not in policy
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert set(page.attributes) <= {"lang", "charset", "href", "id"}
    assert page.attributes["href"] == {"openapi.json"}


async def test_the_page_names_every_operation_with_its_parameters(api: Api) -> None:
    """What the OpenAPI document has is there to read."""
    document = (await api.client.get("/openapi.json")).json()
    page = _Page((await api.client.get("/docs")).text)

    for path, method, operation in operations_in(document):
        assert f"{method.upper()} {path}" in page.text
        assert all(each["name"] in page.text for each in operation.get("parameters", ()))
    assert all(name in page.text for name in document["components"]["schemas"])


def test_what_a_document_says_is_text() -> None:
    """Nothing of it becomes an element."""
    document = {
        "info": {"title": "<script>", "description": "<img src=x>"},
        "paths": {
            "/<b>": {"get": {"summary": "<i>", "responses": {"200": {"description": "<u>"}}}}
        },
        "components": {"schemas": {"<s>": {"type": "<em>"}}},
    }

    page = _Page(page_of(document))

    assert not {"script", "img", "i", "u", "s", "em"} & set(page.tags)


async def test_the_callers_request_id_comes_back(api: Api) -> None:
    """A caller finds its own id in the answer."""
    answer = await api.client.get("/health", headers={"X-Request-ID": "crm-42.a_b"})

    assert answer.headers["x-request-id"] == "crm-42.a_b"


@pytest.mark.parametrize("given", [None, "", "a b", 'x"y', "x" * 129])
async def test_an_id_that_could_do_harm_is_replaced(api: Api, given: str | None) -> None:
    """What does not look like an id never reaches the logs."""
    headers = {} if given is None else {"X-Request-ID": given}

    answer = await api.client.get("/nowhere", headers=headers)

    assert str(UUID(answer.headers["x-request-id"])) == answer.headers["x-request-id"]


async def test_a_request_is_one_line_without_its_content(api: Api) -> None:
    """The log names the operation and its outcome, not the persons in it."""
    lead = {"company": "Acme", "contact": "Ana", "email": "ana@acme.example"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await api.client.post(
            "/api/v1/jobs?tenant=ana",
            json={"kind": "pipeline", "leads": [lead]},
            headers={"X-Request-ID": "r1"},
        )

    (line,) = [line for line in lines if line["event"] == "request.answered"]
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request.answered",
        "log_level": "info",
        "request_id": "r1",
        "method": "POST",
        "operation": "accept_job",
        "status": 202,
    }
    assert "ana" not in str(lines).lower()


async def _broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("the cause")


async def test_an_internal_error_is_logged_and_not_told() -> None:
    """The caller gets a sentence and the id under which the log has the cause."""
    transport = httpx.ASGITransport(RequestLog(_broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answer = await client.get("/", headers={"X-Request-ID": "r1"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "r1"
    assert answer.json()["error"]["code"] == "internal_error"
    assert "the cause" not in answer.text
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("request.failed", "r1"),
        ("request.answered", "r1"),
    ]

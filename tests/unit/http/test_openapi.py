"""The OpenAPI document: complete, and true."""

from typing import Any

import pytest
from pydantic import SecretStr

from orchestrator.http.requests import JOB_EXAMPLES, LEAD_EXAMPLES, SPANISH
from orchestrator.settings import Settings

from .conftest import Door, OpenDoor


@pytest.fixture
async def document(door: Door) -> dict[str, Any]:
    """Return the document as clients read it."""
    body: dict[str, Any] = (await door.client.get("/openapi.json")).json()
    return body


async def test_the_documented_addresses_are_there(document: dict[str, Any]) -> None:
    """Other services rely on these addresses and methods."""
    addresses = {path: set(methods) for path, methods in document["paths"].items()}

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
        "/health": {"get"},
        "/metrics": {"get"},
    }


async def test_every_operation_is_described_with_its_errors(document: dict[str, Any]) -> None:
    """Each operation has a summary, a description and the one shape for each of its errors."""
    shape = {"$ref": "#/components/schemas/ErrorAnswer"}

    for path, methods in document["paths"].items():
        for operation in methods.values():
            errors = {s: r for s, r in operation["responses"].items() if s >= "400"}
            shapes = [r["content"]["application/json"]["schema"] for r in errors.values()]
            assert operation["summary"]
            assert operation["description"]
            assert path == "/health" or {"401", "422", "503"} <= set(errors)
            assert path == "/health" or all(found == shape for found in shapes)


def securities(document: dict[str, Any]) -> dict[str, object]:
    """Return what each address asks for."""
    return {
        path: operation.get("security")
        for path, methods in document["paths"].items()
        for operation in methods.values()
    }


async def test_the_key_is_documented_where_it_is_asked_for(
    settings: Settings, open_door: OpenDoor, document: dict[str, Any]
) -> None:
    """With a key, clients learn that either header will do; without one, that none is needed."""
    keyed = settings.model_copy(update={"api_key": SecretStr("k" * 32)})
    async with open_door(keyed) as door:
        answer = await door.client.get("/openapi.json", headers={"X-API-Key": "k" * 32})

    secured = securities(answer.json())
    assert secured.pop("/health") is None
    assert all(found == [{"HTTPBearer": []}, {"APIKeyHeader": []}] for found in secured.values())
    assert set(securities(document).values()) == {None}


async def test_a_leads_fields_are_documented_in_both_languages(document: dict[str, Any]) -> None:
    """A generated client may use the Spanish names as well as the English ones."""
    english, spanish = document["components"]["schemas"]["GivenLead"]["anyOf"]

    assert list(english["properties"]) == list(SPANISH)
    assert list(spanish["properties"]) == list(SPANISH.values())
    assert english["required"] == ["company", "contact", "email"]
    assert spanish["required"] == ["empresa", "contacto", "correo"]


@pytest.mark.parametrize("name", JOB_EXAMPLES)
async def test_every_example_of_a_job_is_accepted(door: Door, name: str) -> None:
    """What the document shows works as it stands."""
    answer = await door.client.post("/api/v1/jobs", json=JOB_EXAMPLES[name]["value"])

    assert answer.status_code == 202


async def test_every_example_of_a_lead_is_understood(door: Door) -> None:
    """The example lead is accepted; the example id is a valid id of no lead."""
    statuses = {
        name: (
            await door.client.post("/api/v1/orchestrator/enriquecer-lead", json=example["value"])
        ).status_code
        for name, example in LEAD_EXAMPLES.items()
    }

    assert statuses == {"lead": 202, "lead_id": 404}

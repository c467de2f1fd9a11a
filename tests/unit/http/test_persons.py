"""A person's data over HTTP: everything that is kept is exported, and erased wherever it is."""

from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import delete
from structlog.testing import capture_logs

from orchestrator.database import DatabaseUnavailable, writing
from orchestrator.database.schema import leads
from orchestrator.gateway import Persons
from orchestrator.identity import mention_of
from orchestrator.leads import lead_key, opportunity_id
from orchestrator.settings import Settings
from tests.support.cases import advance, lead, purchase

from .conftest import Api, OpenApi

URL = "/api/v1/persons"
ANA = "ana.ruiz@acme.example"
LEAD = lead(
    1,
    company="Acme, S.A.",
    contact="Ana Ruiz",
    email="Ana.Ruiz@acme.example",
    website="acme.example",
    notes="Prefiere el móvil",
)
#: Texts that only this person's data has.
PERSONAL = ("ruiz", "Ana", "móvil")


@pytest.fixture(autouse=True)
async def _stored(api: Api) -> None:
    """Store the person in every place: the lead, judged; what was bought, archived and cached."""
    runtime = api.runtime
    await runtime.leads.store.import_leads([LEAD])
    await runtime.leads.store.record(LEAD, [advance()], "acme", basis="purchase-1")
    team = {"items": [{"markdown": "Dirección:  ANA\n RUIZ, directora"}]}
    await runtime.purchasing.ledger.settle(purchase(1), team)
    await runtime.purchasing.ledger.settle(purchase(2), {"items": [{"markdown": "Juana Ruiz"}]})
    await runtime.gateway.cache.set_result("Acme", {"descripcion": f"Escriba a {ANA}."}, 60)
    await runtime.gateway.cache.set_result("Beta", {"descripcion": f"No es {ANA}."}, 60)
    await api.client.get(f"/leads/{LEAD.id}")


async def export(api: Api, email: str = ANA) -> dict[str, Any]:
    """Return everything that is kept about a person."""
    answer = await api.client.post(f"{URL}/export", json={"email": email})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def erase(api: Api, **what: object) -> dict[str, Any]:
    """Return the answer to an erasure of that person."""
    answer = await api.client.post(f"{URL}/erase", json={"email": ANA, **what})
    assert answer.status_code == 200
    erased: dict[str, Any] = answer.json()
    return erased


async def test_an_export_has_everything(api: Api) -> None:
    """The lead with what goes with it, cached copies, and answers with the passages."""
    found = await export(api, ANA.upper())

    (kept,) = found["leads"]
    assert kept["lead"]["notas"] == "Prefiere el móvil"
    assert kept["decisions"][0]["decision"]["code"] == "viable"
    assert kept["opportunity"]["id"] == str(opportunity_id(LEAD.id))
    assert kept["hand_over"]["event"]["lead"]["id"] == str(LEAD.id)
    assert found["cached"] == [lead_key(LEAD.id)]
    assert found["answers"] == [
        {
            "id": "purchase-1",
            "is_archived": True,
            "passages": ["Dirección:  ANA\n RUIZ, directora"],
        },
        {"id": "surfsense:acme", "is_archived": False, "passages": [f"Escriba a {ANA}."]},
    ]


async def test_an_erased_person_is_nowhere(api: Api) -> None:
    """No door answers with anything of the person; what is about companies is left."""
    erased = await erase(api)

    counts = {name: erased[name] for name in ("leads", "decisions", "opportunities", "hand_overs")}
    assert counts == dict.fromkeys(counts, 1)
    assert (erased["archived_answers"], erased["cached_answers"]) == (1, 1)
    assert (len(erased["records"]), erased["deferred"]) == (1, False)
    found = await export(api)
    assert (found["leads"], found["cached"], found["answers"]) == ([], [], [])
    assert (await api.client.get(f"/leads/{LEAD.id}")).status_code == 404
    assert (await api.client.get(f"/oportunidades/{opportunity_id(LEAD.id)}")).status_code == 404
    runtime = api.runtime
    kept = await runtime.purchasing.archive.of(["purchase-1", "purchase-2"])
    assert list(kept) == ["purchase-2"]
    assert len(await runtime.purchasing.ledger.latest_of(["acme"], 10)) == 2
    assert await runtime.gateway.cache.get("surfsense:beta") is not None


async def test_a_dry_run_counts_the_same_and_changes_nothing(api: Api) -> None:
    """It has no record."""
    before = await export(api)
    planned = await erase(api, dry_run=True)

    assert await export(api) == before
    assert (planned.pop("records"), planned.pop("dry_run")) == ([], True)
    erased = await erase(api)
    assert planned == {each: erased[each] for each in planned}


async def test_an_interrupted_erasure_is_completed_by_the_next(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memo was told, the database was not: the leads are there, and lead to the rest."""

    async def interrupted(*_: object) -> None:
        raise DatabaseUnavailable("erase a person")

    with monkeypatch.context() as broken:
        broken.setattr(Persons, "erase", interrupted)
        answer = await api.client.post(f"{URL}/erase", json={"email": ANA})
    again = await erase(api)

    assert answer.status_code == 503
    assert (again["leads"], again["archived_answers"], again["cached_answers"]) == (1, 1, 0)
    assert (await export(api))["answers"] == []


async def test_answers_are_found_without_a_lead(api: Api) -> None:
    """By the domain of the address, where a lead once named it as its company's."""
    await api.runtime.identity.index.resolve_all([mention_of(LEAD).identify()])
    async with writing(api.runtime.backends.engine, "delete a lead") as connection:
        await connection.execute(delete(leads))

    assert [each["id"] for each in (await export(api))["answers"]] == ["surfsense:acme"]
    erased = await erase(api)
    assert (erased["leads"], erased["cached_answers"]) == (0, 1)


async def test_no_line_of_the_log_names_the_person(api: Api) -> None:
    """An export, an erasure and a refusal are logged without anything personal."""
    with capture_logs() as lines:
        await export(api)
        await erase(api)
        await api.client.post(f"{URL}/erase", json={"email": "Ana Ruiz"})

    logged = orjson.dumps(lines, default=str).decode()
    assert "person.erased" in logged
    assert not [each for each in PERSONAL if each in logged]


@pytest.mark.parametrize(
    "body", [{}, {"email": ""}, {"email": "Ana Ruiz"}, {"email": ANA, "all": True}]
)
async def test_what_is_no_address_is_refused(api: Api, body: dict[str, object]) -> None:
    """Nothing is erased by mistake, and the refusal does not repeat what was sent."""
    answer: httpx.Response = await api.client.post(f"{URL}/erase", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Ruiz" not in answer.text
    assert len((await export(api))["leads"]) == 1


async def test_a_key_of_one_tenant_is_refused(settings: Settings, open_api: OpenApi) -> None:
    """Leads are of the whole installation."""
    keys = SecretStr(f"read+work@acme={'b' * 16}")
    with_keys = settings.model_copy(update={"further_api_keys": keys})

    async with open_api(with_keys) as opened:
        headers = {"X-API-Key": "b" * 16}
        answer = await opened.client.post(f"{URL}/export", json={"email": ANA}, headers=headers)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "other_tenant"

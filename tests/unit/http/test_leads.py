"""/leads and /oportunidades: versions, conditions, lists, and what the cache makes of them."""

from typing import Any
from uuid import uuid4

import orjson
import pytest
from pydantic import SecretStr

from orchestrator.cache import Kind, key_of
from orchestrator.leads import lead_key, opportunity_id, opportunity_key
from orchestrator.settings import Settings
from tests.support.cases import advance, discard, lead

from .conftest import Api, OpenApi

LEAD = lead(1, company="Acme, S.A.", country="ES", source="feria")
URL = f"/leads/{LEAD.id}"
OPPORTUNITY: dict[str, Any] = {
    "lead_id": str(LEAD.id),
    "puntuacion": 70,
    "valor": {"importe": 12_000, "moneda": "EUR"},
    "probabilidad": 0.4,
    "proximo_paso": {"en": "Call.", "es": "Llamar."},
}


@pytest.fixture(autouse=True)
async def _stored(api: Api) -> None:
    await api.runtime.leads.store.import_leads([LEAD])


def test_the_keys_are_the_documented_ones() -> None:
    """The store builds the keys of `orchestrator.cache`, which other services read."""
    record_id = uuid4()

    assert lead_key(record_id) == key_of(Kind.LEAD, record_id)
    assert opportunity_key(record_id) == key_of(Kind.OPORTUNIDAD, record_id)


async def test_a_lead_is_read_through_the_cache(api: Api) -> None:
    """The first read stores it under the documented key, and the second one takes it from there."""
    first = await api.client.get(URL)
    second = await api.client.get(URL)

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert first.json() | {"empresa": "Acme, S.A.", "estado": "nuevo", "version": 1} == first.json()
    assert first.headers["etag"] == second.headers["etag"] == '"1"'
    assert first.headers["cache-status"] == "emasai; fwd=miss; stored"
    assert second.headers["cache-status"] == "emasai; hit"
    assert second.headers["age"] == "0"
    assert await api.runtime.gateway.cache.get(lead_key(LEAD.id)) == first.json()


async def test_a_change_is_read_at_once(api: Api) -> None:
    """A change raises the version; no read after its answer returns the one before."""
    await api.client.get(URL)

    changed = await api.client.patch(URL, json={"empresa": "Acme Ibérica", "estado": "contactado"})

    read = await api.client.get(URL)
    assert changed.status_code == 200
    assert changed.headers["etag"] == read.headers["etag"] == '"2"'
    assert changed.json() == read.json()
    assert (read.json()["empresa"], read.json()["estado"]) == ("Acme Ibérica", "contactado")


async def test_english_names_and_null_are_read_too(api: Api) -> None:
    """A field that may be empty is emptied by null; others are checked as those of a new lead."""
    body = {"country": None, "website": "www.acme.example", "phone": "+34 900 000 000"}

    changed = (await api.client.patch(URL, json=body)).json()

    assert changed["pais"] is None
    assert changed["sitio_web"] == "www.acme.example"
    assert changed["telefono"] == "+34 900 000 000"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pais": "Narnia"},
        {"correo": "no address"},
        {"empresa": None},
        {"empresa": " "},
        {"estado": "ganado"},
        {"version": 7},
    ],
)
async def test_what_cannot_be_stored_changes_nothing(api: Api, body: dict[str, Any]) -> None:
    """A value that a new lead would not keep is refused with the fault."""
    answer = await api.client.patch(URL, json=body)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_request"
    assert (await api.client.get(URL)).headers["etag"] == '"1"'


async def test_a_write_may_name_the_version_it_is_meant_for(api: Api) -> None:
    """Of two changes of the same version one is refused, with the version there is."""
    body = {"notas": "first"}
    first = await api.client.patch(URL, json=body, headers={"If-Match": '"1"'})

    for header in ('"1"', 'W/"2"', '"x"', "2"):
        second = await api.client.patch(URL, json={"notas": "x"}, headers={"If-Match": header})
        assert second.status_code == 412
        assert second.headers["etag"] == '"2"'
        assert second.json()["error"]["code"] == "version_mismatch"

    assert first.status_code == 200
    third = await api.client.patch(URL, json=body, headers={"If-Match": '"7", "2"'})
    assert third.headers["etag"] == '"3"'


async def test_a_reader_that_has_the_version_gets_no_body(api: Api) -> None:
    """304 for the version that the caller has, from the database and from the cache."""
    for _ in range(2):
        answer = await api.client.get(URL, headers={"If-None-Match": 'W/"1"'})
        assert (answer.status_code, answer.content) == (304, b"")
    await api.client.patch(URL, json={"notas": "new"})

    assert (await api.client.get(URL, headers={"If-None-Match": '"1"'})).status_code == 200


async def test_a_deleted_lead_is_gone_and_its_versions_are_not_given_again(api: Api) -> None:
    """Lead and opportunity are unknown at once; the same lead later has a higher version."""
    await api.client.get(URL)
    made = await api.client.post("/oportunidades", json=OPPORTUNITY)
    await api.client.get(made.headers["location"])

    refused = await api.client.delete(URL, headers={"If-Match": '"1"'})
    deleted = await api.client.delete(URL)

    assert (refused.status_code, deleted.status_code) == (412, 204)
    for url in (URL, made.headers["location"]):
        answer = await api.client.get(url)
        assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_oportunidad"
    assert (await api.client.delete(URL)).status_code == 404
    await api.runtime.leads.store.import_leads([LEAD])
    assert (await api.client.get(URL)).headers["etag"] == '"4"'
    again = await api.client.post("/oportunidades", json=OPPORTUNITY)
    assert again.headers["etag"] == '"3"'


async def test_the_pipeline_moves_leads_and_their_versions(api: Api) -> None:
    """A decision shows at once, also in a cached lead; a state set by a person stays."""
    other = lead(2)
    await api.runtime.leads.store.import_leads([other])
    for each in (LEAD, other):
        await api.client.get(f"/leads/{each.id}")
    store = api.runtime.leads.store

    await store.record(LEAD, [discard()], "acme", basis="b1")
    first = (await api.client.get(URL)).json()
    await store.record(LEAD, [advance()], "acme", basis="b2")
    second = (await api.client.get(URL)).json()
    await store.record(LEAD, [advance()], "acme", basis="b2")
    await api.client.patch(f"/leads/{other.id}", json={"estado": "contactado"})
    await store.record(other, [advance()], "two", basis="b1")
    third = (await api.client.get(f"/leads/{other.id}")).json()

    assert (first["estado"], first["version"]) == ("descartado", 2)
    assert (second["estado"], second["version"]) == ("oportunidad", 3)
    assert second["oportunidad_id"] == str(opportunity_id(LEAD.id))
    assert (await api.client.get(URL)).json() == second
    assert (third["estado"], third["version"]) == ("contactado", 3)
    assert third["oportunidad_id"] == str(opportunity_id(other.id))


async def test_a_lead_that_changes_is_judged_anew(api: Api) -> None:
    """By a later import, and by a person: what was decided before stands no longer.

    A cached copy of the lead shows the change at once.
    """
    store = api.runtime.leads.store
    await store.record(LEAD, [discard()], "acme", basis="b1")
    await api.client.get(URL)

    later = LEAD.model_copy(update={"phone": "+34 600 000 000"})
    await store.import_leads([later])
    imported = (await api.client.get(URL)).json()
    second = await store.record(later, [discard(code="poor_fit")], "acme", basis="b1")
    await api.client.patch(URL, json={"estado": "contactado"})
    same = await store.record(later, [advance()], "acme", basis="b1")
    await api.client.patch(URL, json={"telefono": "+34 600 000 001"})
    latest = later.model_copy(update={"phone": "+34 600 000 001"})
    third = await store.record(latest, [advance()], "acme", basis="b1")

    assert imported["telefono"] == "+34 600 000 000"
    assert not second.standing
    assert same.standing, "a new state is no other lead"
    assert third.created


async def test_an_opportunity_goes_its_way(api: Api) -> None:
    """It invalidates its lead, is made once, and moves by allowed steps only."""
    await api.client.get(URL)
    made = await api.client.post("/oportunidades", json=OPPORTUNITY)
    url = made.headers["location"]

    lead_now = (await api.client.get(URL)).json()
    again = await api.client.post("/oportunidades", json=OPPORTUNITY)
    skipped = await api.client.patch(url, json={"estado": "ganada"})
    moved = await api.client.patch(url, json={"estado": "en_curso", "puntuacion": 90})

    assert made.status_code == 201
    assert made.json() | OPPORTUNITY == made.json()
    assert lead_now["oportunidad_id"] == made.json()["id"]
    assert lead_now["estado"] == "oportunidad"
    assert (again.status_code, again.json()["error"]["code"]) == (409, "opportunity_exists")
    assert (skipped.status_code, skipped.json()["error"]["code"]) == (409, "move_refused")
    assert (moved.json()["estado"], moved.json()["puntuacion"]) == ("en_curso", 90)
    read = await api.client.get(url)
    assert read.json() == moved.json()
    assert read.headers["etag"] == '"2"'


async def test_the_moves_of_an_opportunity_are_kept(api: Api) -> None:
    """From where to where, when, by whom and why; a change of another field is no move."""
    author = {"por": "ana.ruiz", "motivo": "She has called."}
    made = await api.client.post("/oportunidades", json=OPPORTUNITY | {"por": "crm"})
    url = made.headers["location"]
    await api.client.patch(url, json={"estado": "en_curso", **author})
    await api.client.patch(url, json={"puntuacion": 90})
    await api.client.patch(url, json={"estado": "en_curso"})
    await api.client.patch(url, json={"estado": "nueva"})
    last = await api.client.patch(url, json={"estado": "perdida"})

    told = (await api.client.get(f"{url}/historial")).json()
    first = (await api.client.get(f"{url}/historial", params={"antes_de": 2})).json()
    one = (await api.client.get(f"{url}/historial", params={"limit": 1})).json()

    names = ("version", "de", "a", "quien", "motivo")
    moves = [tuple(move[name] for name in names) for move in told["historial"]]
    assert (told["estado"], told["permitidos"]) == ("perdida", ["en_curso"])
    assert moves == [
        (5, "en_curso", "perdida", None, None),
        (2, "nueva", "en_curso", "ana.ruiz", "She has called."),
        (1, None, "nueva", "crm", None),
    ]
    assert told["historial"][0]["cuando"] == last.json()["actualizado_en"]
    assert first["historial"] == told["historial"][2:]
    assert one["historial"] == told["historial"][:1]


async def test_a_refused_move_names_the_allowed_ones(api: Api) -> None:
    """And it leaves no trace; an author alone changes nothing."""
    url = (await api.client.post("/oportunidades", json=OPPORTUNITY)).headers["location"]

    refused = await api.client.patch(url, json={"estado": "ganada", "por": "crm"})
    nothing = await api.client.patch(url, json={"por": "crm"})

    assert refused.status_code == 409
    assert "from 'nueva' to en_curso, perdida, not to 'ganada'" in refused.text
    assert nothing.status_code == 422
    assert len((await api.client.get(f"{url}/historial")).json()["historial"]) == 1
    unknown = await api.client.get(f"/oportunidades/{uuid4()}/historial")
    assert unknown.status_code == 404


async def test_an_opportunity_is_made_once_by_its_key(api: Api) -> None:
    """A repeated request is answered as the first, another one with the key is refused."""
    headers = {"Idempotency-Key": "k"}

    first = await api.client.post("/oportunidades", json=OPPORTUNITY, headers=headers)
    await api.client.patch(first.headers["location"], json={"puntuacion": 90})
    again = await api.client.post("/oportunidades", json=OPPORTUNITY, headers=headers)
    other = OPPORTUNITY | {"puntuacion": 71}
    reused = await api.client.post("/oportunidades", json=other, headers=headers)

    assert (first.status_code, again.status_code, reused.status_code) == (201, 201, 422)
    assert again.json() == first.json()
    for name in ("location", "etag"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


@pytest.mark.parametrize(
    "change",
    [
        {"lead_id": "x"},
        {"puntuacion": 101},
        {"probabilidad": 1.5},
        {"valor": {"importe": -1, "moneda": "EUR"}},
        {"valor": {"importe": 1, "moneda": "euro"}},
        {"proximo_paso": {"en": "Call."}},
        {"estado": "ganada"},
    ],
)
async def test_an_unfit_opportunity_is_refused(api: Api, change: dict[str, Any]) -> None:
    """Nothing is stored."""
    answer = await api.client.post("/oportunidades", json=OPPORTUNITY | change)

    assert answer.status_code == 422
    assert (await api.client.get("/oportunidades")).json()["oportunidades"] == []


async def test_unknown_ids_are_not_found(api: Api) -> None:
    """404 with the code of the kind, whatever is asked for."""
    unknown = uuid4()
    opportunity = OPPORTUNITY | {"lead_id": str(unknown)}

    answers = [
        await api.client.get(f"/leads/{unknown}"),
        await api.client.patch(f"/leads/{unknown}", json={"notas": "x"}),
        await api.client.delete(f"/leads/{unknown}"),
        await api.client.post("/oportunidades", json=opportunity),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"]["code"] for answer in answers} == {"unknown_lead"}


async def test_lists_have_pages_and_filters(api: Api) -> None:
    """Filters are combined; pages are complete, also where many leads came at one instant."""
    await api.runtime.leads.store.import_leads(
        [lead(n, country="ES" if n % 2 else "PT", source="web") for n in range(2, 9)]
    )
    found: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 3, "origen": "WEB"}
        if cursor is not None:
            params["cursor"] = cursor
        page = (await api.client.get("/leads", params=params)).json()
        found += [each["id"] for each in page["leads"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(found) == len(set(found)) == 7
    query = {"origen": "web", "pais": "es", "estado": "nuevo", "empresa": "company"}
    both = (await api.client.get("/leads", params=query)).json()["leads"]
    assert {each["empresa"] for each in both} == {"Company 3", "Company 5", "Company 7"}
    by_mail = (await api.client.get("/leads", params={"correo": str(LEAD.email).upper()})).json()
    assert [each["id"] for each in by_mail["leads"]] == [str(LEAD.id)]
    none = await api.client.get("/leads", params={"desde": "2999-01-01T00:00:00Z"})
    assert none.json() == {"leads": [], "next_cursor": None}


async def test_opportunities_are_listed(api: Api) -> None:
    """By state, lead, score and currency."""
    await api.client.post("/oportunidades", json=OPPORTUNITY)
    fits: dict[str, Any] = {
        "estado": "nueva",
        "lead_id": str(LEAD.id),
        "puntuacion_min": 70,
        "moneda": "EUR",
    }

    fitting = (await api.client.get("/oportunidades", params=fits)).json()
    other = (await api.client.get("/oportunidades", params=fits | {"puntuacion_min": 71})).json()

    assert [each["lead_id"] for each in fitting["oportunidades"]] == [str(LEAD.id)]
    assert other["oportunidades"] == []


async def test_a_new_lead_is_stored_and_judged(api: Api) -> None:
    """`Location` names the lead, `url` the job."""
    body = {"empresa": "Nova", "contacto": "Ana", "correo": "ana@nova.example"}

    answer = await api.client.post("/leads", json=body)

    assert answer.status_code == 202
    assert answer.json()["estado"] == "aceptado"
    read = (await api.client.get(answer.headers["location"])).json()
    assert read | {"empresa": "Nova", "estado": "nuevo"} == read
    assert (await api.client.get(answer.json()["url"])).status_code == 200


async def test_the_dashboard_s_numbers_are_kept_for_five_minutes(api: Api) -> None:
    """They are sums over all rows, and say when they were counted."""
    await api.client.post("/oportunidades", json=OPPORTUNITY)

    first = (await api.client.get("/dashboard/metrics")).json()
    await api.runtime.leads.store.import_leads([lead(9)])
    second = (await api.client.get("/dashboard/metrics")).json()

    assert first == second
    assert first["leads_por_estado"] == {"oportunidad": 1}
    assert first["valor_por_moneda"] == {"EUR": 12_000}
    key = key_of(Kind.DASHBOARD, "general")
    assert 0 < await api.runtime.backends.gateway_redis.ttl(key) <= 300


async def test_a_foreign_copy_of_another_version_is_not_served(api: Api) -> None:
    """What a service stores by `cache_lead` counts only if it has the current version."""
    current = (await api.client.get(URL)).json()
    await api.client.patch(URL, json={"notas": "new"})
    await api.client.get(URL)
    redis = api.runtime.backends.gateway_redis

    for foreign in (current, {"id": str(LEAD.id)}, "text"):
        await redis.set(lead_key(LEAD.id), orjson.dumps(foreign), ex=3600)
        answer = await api.client.get(URL)
        assert answer.json()["notas"] == "new"
        assert answer.headers["cache-status"] == "emasai; fwd=miss; stored"


async def test_a_key_of_one_tenant_sees_no_leads(settings: Settings, open_api: OpenApi) -> None:
    """Leads belong to the installation: a key that is bound to a tenant is refused."""
    bound, free = "b" * 16, "f" * 16
    keys = SecretStr(f"read+work@acme={bound} read+work={free}")
    with_keys = settings.model_copy(update={"further_api_keys": keys})

    async with open_api(with_keys) as opened:
        paths = [URL, "/leads", "/oportunidades", "/dashboard/metrics"]
        get = opened.client.get
        refused = [await get(path, headers={"X-API-Key": bound}) for path in paths]
        served = [await get(path, headers={"X-API-Key": free}) for path in paths]

    assert {answer.json()["error"]["code"] for answer in refused} == {"other_tenant"}
    assert {answer.status_code for answer in served} == {200}

"""Decisions about companies over HTTP: checked as those of `emasai identity`, and kept."""

from typing import Any

import httpx
import pytest

from tests.support.async_waiting import eventually
from tests.support.cases import purchase

from .conftest import Api

URL = "/api/v1/identity"
WHO = {"by": "ana.ruiz", "why": "One register entry."}


@pytest.fixture(autouse=True)
async def _bought(api: Api) -> None:
    """Have two companies that something was bought about."""
    for number, key in enumerate(("acme", "acme_iberica")):
        await api.runtime.purchasing.ledger.settle(purchase(number, company_key=key))


async def decided(api: Api, kind: str, **what: object) -> httpx.Response:
    """Return the answer to a decision."""
    return await api.client.post(f"{URL}/{kind}", json=WHO | what)


async def shown(api: Api, name: str) -> dict[str, Any]:
    """Return which company a name means."""
    found: dict[str, Any] = (await api.client.get(URL, params={"name": name})).json()
    return found


async def test_companies_with_histories_are_merged_on_purpose_only(api: Api) -> None:
    """409 says what both have; then both names lead to one key."""
    refused = await decided(api, "merge", company="acme_iberica", into="Acme")
    known = {"company": "acme_iberica", "into": "Acme", "both_have_history": True}

    entered = await decided(api, "merge", **known)

    assert (refused.status_code, refused.json()["code"]) == (409, "both_have_history")
    assert "acme_iberica: purchases 1 ($0.0465)" in refused.json()["detail"]
    assert entered.status_code == 201
    decision = entered.json()["decision"]
    assert decision | {"number": 1, "kind": "merge", "target": "acme", **WHO} == decision
    assert entered.json()["consequences"][0] == "Both have the key acme from now on."

    async def is_in_force() -> bool:
        found = await shown(api, "acme_iberica")
        return bool(found["key"] == "acme")

    await eventually(is_in_force, "the decision is in force")
    found = await shown(api, "acme_iberica")
    assert found["former_keys"] == ["acme_iberica"]
    assert [each["number"] for each in found["identity_decisions"]] == [1]


async def test_decisions_are_listed_with_what_undid_them(api: Api) -> None:
    """By pages, the first one first."""
    await decided(api, "split", name="Norte")
    await decided(api, "alias", spelling="acme.example", company="acme", is_domain=True)
    undone = await decided(api, "undo", number=1)

    listed = (await api.client.get(f"{URL}/decisions", params={"limit": 2})).json()
    params = {"after": listed["next_after"]}
    rest = (await api.client.get(f"{URL}/decisions", params=params)).json()

    assert undone.status_code == 201
    numbers = [(each["number"], each["undone_by"]) for each in listed["decisions"]]
    assert numbers == [(1, 3), (2, None)]
    assert listed["decisions"][1]["subject"] == "acme.example"
    assert [each["kind"] for each in rest["decisions"]] == ["undo"]
    assert rest["next_after"] is None


@pytest.mark.parametrize(
    ("kind", "what", "status"),
    [
        ("merge", {"company": "acme", "into": "acme"}, 409),
        ("merge", {"company": "acme", "into": "unheard_of"}, 409),
        ("merge", {"company": "acme"}, 422),
        ("merge", {"company": "acme", "into": " "}, 422),
        ("split", {"name": "Norte", "by": " "}, 422),
        ("split", {"name": "Norte", "why": ""}, 422),
        ("split", {"name": "Norte", "number": 1}, 422),
        ("alias", {"spelling": "gmail.com", "company": "acme", "is_domain": True}, 422),
        ("alias", {"spelling": "Ac", "company": "unheard_of"}, 409),
        ("undo", {"number": 7}, 409),
        ("undo", {"number": 0}, 422),
        ("undo", {"number": 10**40}, 422),
    ],
)
async def test_what_cannot_be_decided_is_refused(
    api: Api, kind: str, what: dict[str, object], status: int
) -> None:
    """With the reason; nothing is entered."""
    answer = await decided(api, kind, **what)

    assert answer.status_code == status
    assert answer.json()["code"] == {409: "decision_refused", 422: "invalid_request"}[status]
    assert (await api.client.get(f"{URL}/decisions")).json()["decisions"] == []


async def test_a_repeated_decision_is_answered_as_the_first(api: Api) -> None:
    """With its key; without one it contradicts the first."""
    body, headers = WHO | {"name": "Norte"}, {"Idempotency-Key": "k"}
    first = await api.client.post(f"{URL}/split", json=body, headers=headers)
    again = await api.client.post(f"{URL}/split", json=body, headers=headers)
    unkeyed = await decided(api, "split", name="Norte")

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert unkeyed.status_code == 409


async def test_a_name_is_explained(api: Api) -> None:
    """Its key, and what of it is left out of the key; nothing is stored for the question."""
    found = await shown(api, "Acme, S.A.")
    invalid = await api.client.get(URL, params={"name": "\u200b"})

    assert (found["key"], found["because"], found["ambiguous"]) == ("acme", "name", False)
    assert found["removed"] == [{"text": "s a", "label": "S.A.", "kind": "form"}]
    assert invalid.status_code == 422

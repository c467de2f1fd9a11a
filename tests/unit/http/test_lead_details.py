"""What is known of a lead: decisions with findings, evidence with quotes, purchases with sums."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.purchasing import PurchaseOutcome
from tests.support.cases import NOW, advance, discard, lead, purchase

from .conftest import Api

LEAD = lead(1, company="Acme, S.A.", country="ES")
URL = f"/leads/{LEAD.id}"
SECTOR = {
    "value": "manufacturing",
    "confidence": 0.9,
    "source_url": "https://acme.example/about",
    "as_of": "2026-11-23T09:27:00Z",
    "quote": "We make valves in Bilbao.",
    "method": "words",
    "status": "single_source",
}


@pytest.fixture(autouse=True)
async def _stored(api: Api) -> None:
    await api.runtime.leads.store.import_leads([LEAD])


async def told(api: Api, what: str, **params: int) -> dict[str, Any]:
    """Return what is answered about the lead."""
    answer = await api.client.get(f"{URL}/{what}", params=params)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def test_decisions_have_their_findings(api: Api) -> None:
    """The latest first, each with the agent's own details."""
    findings = {"findings": [{"name": "sector_fits", "points": 30, "sources": ["https://a.test"]}]}
    latest = advance().model_copy(update={"details": findings})
    store = api.runtime.leads.store
    await store.record(LEAD, [discard()], "acme", basis="b1")
    await store.record(LEAD, [latest], "acme", basis="b2")

    both = await told(api, "decisions")
    one = await told(api, "decisions", limit=1)

    assert [each["basis"] for each in both["decisions"]] == ["b2", "b1"]
    assert both["decisions"][0]["decision"]["details"] == findings
    assert both["decisions"][1]["decision"]["reason"]["es"] == "Demasiado pequeña."
    assert one["decisions"] == both["decisions"][:1]


async def test_evidence_has_quotes_and_sources(api: Api) -> None:
    """Each value with the sentence, the address, the instant and the confidence."""
    await api.runtime.gateway.cache.set_result("Acme", {"sector": SECTOR}, 60)

    body = await told(api, "evidence")

    assert (body["company"], body["company_key"]) == ("Acme, S.A.", "acme")
    (value,) = body["evidence"]["values"]
    assert value | SECTOR | {"field": "sector"} == value
    assert (body["evidence"]["is_current"], body["evidence"]["has_steps"]) == (True, False)


async def test_a_lead_of_which_nothing_is_known_has_none(api: Api) -> None:
    """Nothing is bought to answer."""
    assert (await told(api, "evidence"))["evidence"] is None
    assert (await told(api, "decisions"))["decisions"] == []
    purchases = await told(api, "purchases")
    assert (purchases["purchases"], purchases["total"]["purchases"]) == ([], 0)


async def test_purchases_are_summed_up(api: Api) -> None:
    """The sum is of all, the list of the latest; another company's are not among them."""
    purchasing = api.runtime.purchasing
    for number in range(3):
        at = NOW + timedelta(hours=number)
        await purchasing.ledger.settle(purchase(number, settled_at=at))
    lost = purchase(3, outcome=PurchaseOutcome.UNCERTAIN, settled_at=NOW - timedelta(hours=1))
    await purchasing.ledger.settle(lost)
    await purchasing.ledger.settle(purchase(4, company_key="other"))
    purchasing.reuse.add("purchase-2", "hit", 46_500, 2)
    await purchasing.reuse.aclose()

    body = await told(api, "purchases", limit=2)

    assert body["company_keys"] == ["acme"]
    listed = [(each["purchase_id"], each["served"]) for each in body["purchases"]]
    assert listed == [("purchase-2", {"hit": 2}), ("purchase-1", {})]
    assert body["purchases"][0]["saved_micros"] == 93_000
    totals = body["total"]
    assert (totals["purchases"], totals["charged_micros"]) == (4, 3 * 46_500)
    assert (totals["uncertain_micros"], totals["saved_micros"]) == (46_500, 93_000)


@pytest.mark.parametrize("what", ["decisions", "evidence", "purchases"])
async def test_an_unknown_lead_is_not_found(api: Api, what: str) -> None:
    """404; a limit out of bounds is refused."""
    unknown = await api.client.get(f"/leads/{uuid4()}/{what}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_lead")
    if what != "evidence":
        assert (await api.client.get(f"{URL}/{what}", params={"limit": 101})).status_code == 422


async def test_the_record_stays_as_documented(api: Api) -> None:
    """What is known beside it is no part of it, nor of its cached copy."""
    await api.runtime.leads.store.record(LEAD, [discard()], "acme", basis="b1")

    body = (await api.client.get(URL)).json()

    assert not {"decisions", "evidence", "purchases"} & set(body)

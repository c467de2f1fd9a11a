"""Costs and budgets over HTTP: the figures of `emasai costs` and `emasai budget`."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from orchestrator.purchasing import PurchaseOutcome
from orchestrator.settings import Settings
from tests.support.cases import NOW, purchase

from .conftest import Api, OpenApi


@pytest.fixture
async def _spent(api: Api) -> None:
    ledger = api.runtime.purchasing.ledger
    for number in range(3):
        day = NOW - timedelta(days=number)
        key = f"company_{number}"
        await ledger.settle(purchase(number, company_key=key, started_at=day, settled_at=day))
    lost = purchase(3, outcome=PurchaseOutcome.UNCERTAIN, tenant="north")
    await ledger.settle(lost)


@pytest.mark.usefixtures("_spent")
async def test_costs_are_added_up(api: Api) -> None:
    """By day, and by others; what is uncertain is told apart."""
    days = (await api.client.get("/api/v1/costs")).json()
    tenants = (await api.client.get("/api/v1/costs", params={"by": "tenant"})).json()

    assert [row["purchases"] for row in days["costs"]] == [1, 1, 2]
    assert days["total"]["charged_micros"] == 3 * 46_500
    assert days["total"]["uncertain_micros"] == 46_500
    assert [row["key"] for row in tenants["costs"]] == ["default", "north"]
    assert tenants["total"] == days["total"]


@pytest.mark.usefixtures("_spent")
async def test_rows_beyond_the_limit_are_one_row(api: Api) -> None:
    """The rows of the answer add up to the total."""
    params: dict[str, str | int] = {"by": "company", "limit": 1}

    body = (await api.client.get("/api/v1/costs", params=params)).json()

    assert [row["key"] for row in body["costs"]][1] == "3 others"
    assert sum(row["spent_micros"] for row in body["costs"]) == body["total"]["spent_micros"]


@pytest.mark.usefixtures("_spent")
@pytest.mark.parametrize("by", ["company", "day"])
async def test_rows_are_read_page_by_page(api: Api, by: str) -> None:
    """Each once; the last page has no cursor."""
    params: dict[str, str | int] = {"by": by, "limit": 1}
    keys = []
    while True:
        body = (await api.client.get("/api/v1/costs", params=params)).json()
        keys.append(body["costs"][0]["key"])
        if body["next_cursor"] is None:
            break
        params["cursor"] = body["next_cursor"]

    assert len(set(keys)) == len(keys) == {"company": 4, "day": 3}[by]


@pytest.mark.parametrize(
    "cursor", ["5", "5-acme", "5-2026-13-01", "5-\0", f"{'9' * 19}-2026-11-23"]
)
async def test_a_cursor_that_no_page_has_given_is_refused(api: Api, cursor: str) -> None:
    """With the name of the parameter."""
    answer = await api.client.get("/api/v1/costs", params={"by": "day", "cursor": cursor})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == ["cursor"]


@pytest.mark.usefixtures("_spent")
async def test_costs_may_begin_on_a_day(api: Api) -> None:
    """Days are written out; seconds since 1970 are none."""
    day = f"{NOW - timedelta(days=1):%Y-%m-%d}"
    since = await api.client.get("/api/v1/costs", params={"since": day})

    assert since.json()["total"]["purchases"] == 3
    for wrong in ("1700000000", "2026-13-01", "yesterday"):
        answer = await api.client.get("/api/v1/costs", params={"since": wrong})
        assert answer.status_code == 422


async def test_budgets_are_told(settings: Settings, open_api: OpenApi) -> None:
    """Of today, of every tenant, and of a job with a cap."""
    capped = settings.model_copy(update={"cap_day_micros": 1_000_000})
    wanted = {"kind": "enrich", "companies": ["Acme"], "max_cost_micros": 500}
    async with open_api(capped) as api:
        job_id = (await api.client.post("/api/v1/jobs", json=wanted)).json()["job_id"]
        body = (await api.client.get("/api/v1/budget", params={"job": job_id})).json()
        wrong = await api.client.get("/api/v1/budget", params={"job": "x"})

    by_name = {each.pop("account"): each for each in body["budgets"]}
    assert by_name[f"run:{job_id}"] == {
        "cap_micros": 500,
        "spent_micros": 0,
        "held_micros": 0,
        "left_micros": 500,
        "soft_cap_reached": False,
    }
    assert [each["cap_micros"] for name, each in by_name.items() if name.startswith("day:")] == [
        1_000_000
    ]
    assert by_name["global"]["cap_micros"] is None
    assert wrong.status_code == 422


async def test_a_key_of_one_tenant_sees_no_costs(settings: Settings, open_api: OpenApi) -> None:
    """Costs, budgets and decisions are of all tenants."""
    keys = SecretStr(f"read+work@acme={'b' * 16}")
    with_keys = settings.model_copy(update={"further_api_keys": keys})
    paths = ("costs", "budget", "identity/decisions")
    async with open_api(with_keys) as api:
        answers = [
            await api.client.get(f"/api/v1/{path}", headers={"X-API-Key": "b" * 16})
            for path in paths
        ]

    assert [answer.json()["code"] for answer in answers] == ["other_tenant"] * 3

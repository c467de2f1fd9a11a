"""The settings choose the seller, and each seller says what it can."""

import httpx
import pytest
import respx

from orchestrator import settings
from orchestrator.app import open_seller
from orchestrator.infra.clock import utc_now
from orchestrator.surfsense import (
    EnrichSeller,
    Found,
    Http,
    RunUnknown,
    Seller,
    ServiceUnavailable,
    SurfSenseAccount,
    WorkspaceSeller,
)
from tests.support.over_httpx import OverHttpx

BASE = {
    "REDIS_URL": "redis://r.example",
    "DATABASE_URL": "sqlite:///d",
    "SURFSENSE_URL": "https://s.example",
}
WORKSPACE = {
    "SURFSENSE_PROTOCOL": "workspace",
    "SURFSENSE_API_KEY": "ss_pat_x",
    "SURFSENSE_WORKSPACE_ID": "7",
}


def handler(_request: httpx.Request) -> httpx.Response:
    """Find the company."""
    return httpx.Response(200, json={"empresa": "Acme", "cost_micros": 1})


def _open(http: Http, **variables: str) -> Seller:
    chosen = settings.load(**variables)
    return open_seller(
        chosen, http, SurfSenseAccount(http, workspace=chosen.surfsense_workspace_id)
    )


def seller_with(variables: dict[str, str]) -> Seller:
    """Return the seller of an environment."""
    http = Http(BASE["SURFSENSE_URL"], OverHttpx(httpx.MockTransport(handler)))
    return _open(http, **BASE, **variables)


def test_the_protocol_chooses_the_seller() -> None:
    """`enrich` is the default; only runs have ids."""
    plain, with_runs = seller_with({}), seller_with(WORKSPACE)

    assert isinstance(plain, EnrichSeller)
    assert isinstance(with_runs, WorkspaceSeller)
    assert (plain.protocol, plain.gives_run_ids) == ("enrich", False)
    assert (with_runs.protocol, with_runs.gives_run_ids) == ("workspace", True)


@pytest.mark.parametrize(
    ("variables", "price"),
    [
        ({}, 46_500),
        (WORKSPACE, 5_500),
        ({"EMASAI_PRICE_MICROS": "7"}, 7),
        (WORKSPACE | {"EMASAI_PRICE_MICROS": "7"}, 5_500),
    ],
)
def test_each_seller_has_its_price(variables: dict[str, str], price: int) -> None:
    """By `workspace` the setting is the price of a company; a run is one page of results."""
    assert seller_with(variables).price_micros == price


def test_runs_need_a_key() -> None:
    """A workspace may be left out: a token may have only one."""
    with pytest.raises(settings.ConfigurationError) as caught:
        seller_with({"SURFSENSE_PROTOCOL": "workspace"})

    assert caught.value.problems == (
        "SURFSENSE_API_KEY: is not set, and SURFSENSE_PROTOCOL=workspace needs it",
    )


@pytest.mark.parametrize("wanted", ["7", "Ventas Norte", None])
async def test_the_workspace_may_be_named_by_number_or_name(wanted: str | None) -> None:
    """A name is looked up once, and only the number that belongs to it is part of a path."""
    router = respx.Router()
    listing = router.get(url__startswith="https://s.example/api/v1/workspaces?")
    listing.respond(json=[{"id": 7, "name": "Ventas Norte", "api_access_enabled": True}])
    cancel = router.post(url__startswith="https://s.example/api/v1/workspaces/7/scrapers/runs/")
    http = Http("https://s.example/api/v1", OverHttpx(httpx.MockTransport(router.async_handler)))
    chosen = {} if wanted is None else {"SURFSENSE_WORKSPACE_ID": wanted}
    del (variables := dict(WORKSPACE))["SURFSENSE_WORKSPACE_ID"]
    seller = _open(http, **BASE, **variables, **chosen)

    stopped = [await seller.cancel(run_id) for run_id in ("run_1", "run_2")]

    assert stopped == [True, True]
    assert (listing.call_count, cancel.call_count) == (0 if wanted == "7" else 1, 2)


async def test_without_a_workspace_nothing_is_sent() -> None:
    """A list that cannot be read is neither a lost nor a bought answer: no run was started."""
    router = respx.Router()
    router.get(url__startswith="https://s.example/api/v1/workspaces?").respond(text="<html>")
    http = Http("https://s.example", OverHttpx(httpx.MockTransport(router.async_handler)))
    variables = WORKSPACE | {"SURFSENSE_WORKSPACE_ID": "Ventas"}
    seller = _open(http, **BASE, **variables)

    with pytest.raises(ServiceUnavailable, match="workspaces"):
        await seller.submit("Acme", purchase_id="p-1")


async def test_without_run_ids_nothing_can_be_collected() -> None:
    """The answer comes with the purchase, or never."""
    seller = seller_with({})

    answer = await seller.submit("Acme", purchase_id="p-1")
    found = await seller.find("Acme", submitted_after=utc_now())
    cancelled = await seller.cancel("run_1")
    with pytest.raises(RunUnknown):
        await seller.collect("run_1", company="Acme")

    assert answer == Found({"empresa": "Acme", "cost_micros": 1}, 1, False)
    assert (found, cancelled) == (None, False)

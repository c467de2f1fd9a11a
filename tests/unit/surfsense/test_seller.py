"""The settings choose the seller, and each seller says what it can."""

import httpx
import pytest

from orchestrator import settings
from orchestrator.infra.clock import utc_now
from orchestrator.surfsense import (
    EnrichSeller,
    Found,
    Http,
    RunUnknown,
    Seller,
    WorkspaceSeller,
    open_seller,
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


def seller_with(variables: dict[str, str]) -> Seller:
    """Return the seller of an environment."""
    http = Http(BASE["SURFSENSE_URL"], OverHttpx(httpx.MockTransport(handler)))
    return open_seller(settings.load(**BASE, **variables), http)


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
        (WORKSPACE | {"EMASAI_PRICE_MICROS": "7"}, 7),
    ],
)
def test_each_seller_has_its_price(variables: dict[str, str], price: int) -> None:
    """A run is one page of results; who sets a price means it."""
    assert seller_with(variables).price_micros == price


def test_runs_need_a_key_and_a_workspace() -> None:
    """Each missing one is a problem of its own."""
    with pytest.raises(settings.ConfigurationError) as caught:
        seller_with({"SURFSENSE_PROTOCOL": "workspace"})

    assert caught.value.problems == (
        "SURFSENSE_API_KEY: is not set, and SURFSENSE_PROTOCOL=workspace needs it",
        "SURFSENSE_WORKSPACE_ID: is not set, and SURFSENSE_PROTOCOL=workspace needs it",
    )


def test_a_workspace_is_a_number() -> None:
    """It becomes part of a path that carries the key."""
    with pytest.raises(settings.ConfigurationError, match="SURFSENSE_WORKSPACE_ID"):
        seller_with(WORKSPACE | {"SURFSENSE_WORKSPACE_ID": "7/../8"})


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

"""The seller that the settings ask for."""

import httpx

from orchestrator.infra.clock import Clock, utc_now
from orchestrator.settings import Settings
from orchestrator.surfsense.client import SurfSenseClient
from orchestrator.surfsense.enrich_seller import EnrichSeller
from orchestrator.surfsense.polling import Rhythm
from orchestrator.surfsense.run_seller import SEARCH_PAGE_MICROS, Patience, RunSeller
from orchestrator.surfsense.seller import Seller
from orchestrator.surfsense.workspace_api import WorkspaceApi


def open_seller(settings: Settings, http: httpx.AsyncClient, *, clock: Clock = utc_now) -> Seller:
    """Return the seller of `SURFSENSE_PROTOCOL`, which sends through *http* and closes nothing."""
    match settings.surfsense_protocol:
        case "enrich":
            return _enrich_seller(settings, http, clock)
        case "workspace":
            return _run_seller(settings, http, clock)


def _enrich_seller(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> EnrichSeller:
    client = SurfSenseClient(
        http,
        base_url=settings.surfsense_url.get_secret_value(),
        price_micros=settings.price_micros,
        timeout=settings.surfsense_timeout,
        clock=clock,
    )
    return EnrichSeller(
        client,
        price_micros=settings.price_micros,
        answers_within=settings.surfsense_timeout,
    )


def _run_seller(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> RunSeller:
    api = WorkspaceApi(
        http,
        base_url=settings.surfsense_url.get_secret_value(),
        workspace_id=settings.surfsense_workspace_id or "",  # the settings have made sure of it
        clock=clock,
    )
    # The default price is that of a whole company by `enrich`; a run buys a single page.
    is_priced = "price_micros" in settings.model_fields_set
    timeout = settings.surfsense_timeout
    return RunSeller(
        api,
        price_micros=settings.price_micros if is_priced else SEARCH_PAGE_MICROS,
        patience=Patience(
            accept=min(Patience().accept, timeout),
            answer=timeout,
            interrupted=settings.interrupted_grace,
            rhythm=Rhythm(settings.poll_first, settings.poll_max),
        ),
    )

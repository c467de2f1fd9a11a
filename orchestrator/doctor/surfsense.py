"""Asks SurfSense whether it is there, without sending any work."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import aiohttp
import httpx
import orjson

from orchestrator.doctor.address import shown
from orchestrator.doctor.finding import Finding, fault, ok, warning
from orchestrator.settings import Settings
from orchestrator.surfsense import open_http

#: How long the health door may take.
PATIENCE: Final = timedelta(seconds=3)

_CHECK: Final = "surfsense"


async def check_surfsense(settings: Settings) -> list[Finding]:
    """Ask `GET {SURFSENSE_URL}/health`, with the key that purchases would carry."""
    url = settings.surfsense_url.get_secret_value().rstrip("/")
    async with open_http(
        api_key=settings.surfsense_api_key, max_in_flight=1, timeout=PATIENCE
    ) as http:
        try:
            response = await http.get(f"{url}/health")
        except (httpx.HTTPError, aiohttp.ClientError):
            fix = "Start the service, or correct SURFSENSE_URL."
            return [fault(_CHECK, f"{shown(url)} cannot be reached", fix)]
    return [
        judge_health(
            shown(url), response.status_code, response.content, simulated=settings.simulated
        )
    ]


def judge_health(where: str, status: int, body: bytes, *, simulated: bool) -> Finding:
    """Judge the answer of the health door at *where*. Pure.

    Args:
        where: The service's address, fit to be shown.
        status: The HTTP status.
        body: As received.
        simulated: The settings say that SurfSense is a stand-in.
    """
    match status:
        case 200:
            return _judge_word(where, _object_in(body), simulated=simulated)
        case 401:
            fix = "Set SURFSENSE_API_KEY to a key that is valid: this one is missing or wrong."
            return fault(_CHECK, f"{where} does not know who asks (401)", fix)
        case 403:
            fix = "Allow API access for the owner of SURFSENSE_API_KEY, or use another key."
            return fault(_CHECK, f"{where} knows the key, but does not let it in (403)", fix)
        case 404:
            fix = "Set SURFSENSE_URL to the origin of the service."
            return fault(_CHECK, f"{where} has no health door (404)", fix)
        case _:
            fix = "Look at the service's own log, and try again when it is healthy."
            return fault(_CHECK, f"{where} is not well (status {status})", fix)


def _judge_word(where: str, health: Mapping[str, Any], *, simulated: bool) -> Finding:
    if health.get("status") != "ok":
        fix = "Check that SURFSENSE_URL names SurfSense and not another service."
        return fault(_CHECK, f"{where} does not say that it is well", fix)
    if simulated or health.get("simulated") is True:
        fix = "Set SURFSENSE_URL to the real service before you rely on any result."
        return warning(_CHECK, f"{where} is the sandbox: its data is invented", fix)
    return ok(_CHECK, f"{where} is well")


def _object_in(body: bytes) -> Mapping[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}

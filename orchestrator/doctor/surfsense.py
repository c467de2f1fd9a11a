"""Checks SurfSense: its address, protocol, token, workspace, verbs, prices, credit. Sends no work.

Every request is a GET that costs nothing, and one that is refused spoils no other. The `enrich`
protocol allows few checks: only a purchase shows whether the key is valid, unless the service also
has `GET /verify-token`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from orchestrator.app import company_ceiling
from orchestrator.doctor.diagnosis import Diagnosis, Level, fault, ok, public_address, warning
from orchestrator.doctor.surfsense_answers import API, KEY_FIX, Answer, Answers, read_answer
from orchestrator.doctor.surfsense_workspace import judge_workspace, workspace_to_ask
from orchestrator.settings import Settings
from orchestrator.surfsense import EnrichmentError, Http, open_http
from orchestrator.surfsense.refusals import one_line

#: Longest wait for one answer.
PATIENCE: Final = timedelta(seconds=4)

_CHECK: Final = "surfsense"
_PATHS: Final = {
    "health": "/health",
    "enrich": "/enrich",
    "token": "/verify-token",
    "workspaces": f"{API}/workspaces?skip=0&limit=200",
    "user": "/users/me",
}
_OF_ENRICH: Final = ("health", "enrich", "token")


async def check_surfsense(settings: Settings) -> list[Diagnosis]:
    """Ask with the address and the key that purchases use."""
    url = settings.surfsense_url.get_secret_value().rstrip("/").removesuffix(API)
    speaks_workspace = settings.surfsense_protocol == "workspace"
    async with open_http(url, api_key=settings.surfsense_api_key, timeout=PATIENCE) as http:
        answers = await _ask(http, _PATHS if speaks_workspace else _OF_ENRICH)
        address = judge_address(answers, simulated=settings.simulated)
        if address.level is Level.FAULT:
            at_origin = await _ask_origin(http)
            return [address if at_origin is None else judge_path(answers, at_origin)]
        if not speaks_workspace:
            return [address, judge_enrich(answers)]
        workspace_id = workspace_to_ask(answers, settings.surfsense_workspace_id)
        if workspace_id is not None:
            path = f"{API}/workspaces/{workspace_id}/scrapers/capabilities"
            answers = replace(answers, capabilities=await _get(http, path))
    ceiling_micros = company_ceiling(settings)
    return [address, *judge_workspace(answers, settings.surfsense_workspace_id, ceiling_micros)]


async def _ask(http: Http, names: Iterable[str]) -> Answers:
    paths = {name: _PATHS[name] for name in names}
    found = await asyncio.gather(*(_get(http, path) for path in paths.values()))
    where = public_address(http.base_url)
    return Answers(where, **dict(zip(paths, found, strict=True)))


async def _ask_origin(http: Http) -> Answers | None:
    """Ask the origin of an address with a path; None if it has none, or no seller either."""
    path = urlsplit(http.base_url).path
    if not path:
        return None
    answers = await _ask(http.without_suffix(path), _OF_ENRICH)
    return answers if answers.is_seller else None


async def _get(http: Http, path: str) -> Answer:
    try:
        reply = await http.send("GET", path, company="", within=PATIENCE)
    except EnrichmentError as error:
        return Answer(0, cause=one_line(str(getattr(error, "cause", error))))
    return read_answer(reply)


def judge_address(answers: Answers, *, simulated: bool) -> Diagnosis:
    """Judge what is at an address; *simulated* is what the settings say. Pure.

    A `/health` that is refused is only a warning where the rest of the service answers.
    """
    health, where = answers.health, answers.where
    if answers.is_silent:
        what = f"{where} cannot be reached ({health.cause or 'no answer'})"
        fix = "Start the service, or correct host, port and scheme of SURFSENSE_URL."
        return fault(_CHECK, what, fix)
    diagnosis = judge_health(
        where, health.status, health.body, simulated=simulated, is_page=health.is_page
    )
    if diagnosis.level is Level.FAULT and answers.is_seller:
        return replace(diagnosis, level=Level.WARNING)
    return diagnosis


def judge_health(
    where: str, status: int, body: object, *, simulated: bool, is_page: bool = False
) -> Diagnosis:
    """Judge the answer of `GET /health` at the public address *where*. Pure.

    *body* is its JSON, None for another format; *is_page* says that it is a web page.
    """
    health = body if isinstance(body, dict) else {}
    if status != HTTPStatus.OK or is_page:
        return fault(_CHECK, *_unwell(where, status, is_page=is_page))
    if health.get("status") != "ok":
        what = f"{where} does not report that it is healthy"
        fix = "Check that SURFSENSE_URL names SurfSense and not another service."
        return fault(_CHECK, what, fix)
    if simulated or health.get("simulated") is True:
        fix = "Set SURFSENSE_URL to the real service before you rely on any result."
        return warning(_CHECK, f"{where} is the sandbox: its data is invented", fix)
    return ok(_CHECK, f"{where} is healthy")


def _unwell(where: str, status: int, *, is_page: bool) -> tuple[str, str]:
    """Return what is wrong with a `/health` that is not answered in JSON with 200, and its fix."""
    fix = "Look at the service's own log, and try again when it is healthy."
    match status // 100, status:
        case 0, _:
            what = f"{where} does not answer /health"
        case _, 401:
            what, fix = f"{where} does not accept the key (401)", KEY_FIX
        case 2 | 4, _ if is_page and status != HTTPStatus.NOT_FOUND:
            what = f"{where} answers with a web page instead of JSON (status {status})"
            fix = (
                "Set SURFSENSE_URL to SurfSense's backend (port 8000 where you host it yourself), "
                "not to its web pages, nor to a proxy that asks for a login."
            )
        case _, 403:
            what = f"{where} accepts the key, but denies it access (403)"
            fix = "Allow API access for the owner of SURFSENSE_API_KEY, or use another key."
        case _, 404:
            what, fix = (
                f"{where} has no /health (404)",
                "Set SURFSENSE_URL to the service's origin.",
            )
        case 3, _:
            what = f"{where} redirects ({status})"
            fix = "Set SURFSENSE_URL to the final address: redirects are not followed."
        case _ if is_page:
            what = f"a proxy answers for {where}, with a web page and status {status}"
            fix = "Look at the proxy's log, and whether the service behind it runs."
        case _:
            what = f"{where} is not healthy (status {status})"
    return what, fix


def judge_path(answers: Answers, at_origin: Answers) -> Diagnosis:
    """Judge an address with a path below which nothing is, as its origin has the service. Pure."""
    what = f"nothing is below {answers.where}; the service is at {at_origin.where}"
    return fault(_CHECK, what, "Remove the path from SURFSENSE_URL.")


def judge_enrich(answers: Answers) -> Diagnosis:
    """Judge a service that should speak `enrich`. Pure."""
    where, has_enrich = answers.where, answers.enrich.is_there
    check = f"{_CHECK} protocol"
    if not has_enrich and answers.is_surfsense:
        what = f"{where} speaks SurfSense's own API, and has no /enrich"
        return fault(
            check, what, "Set SURFSENSE_PROTOCOL=workspace, and SURFSENSE_API_KEY to its token."
        )
    if answers.token.is_refused and answers.is_surfsense:
        return fault(f"{_CHECK} token", f"{where} refuses it ({answers.token.status})", KEY_FIX)
    if answers.enrich.is_refused:
        what = f"{where} denies it access ({answers.enrich.status})"
        return fault(f"{_CHECK} token", what, KEY_FIX)
    if not has_enrich:
        # Not proven: a service may answer 404 to every method but POST.
        return ok(check, f"only a purchase shows whether {where} has /enrich")
    return ok(check, f"{where} has /enrich")

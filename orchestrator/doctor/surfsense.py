"""Checks SurfSense: its protocol, token, workspace, version and credit. Sends no work.

Every request is a GET that costs nothing. The `enrich` protocol allows few checks: only a purchase
shows whether the key is valid, unless the service also has `GET /verify-token`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson

from orchestrator.doctor.diagnosis import Diagnosis, fault, ok, public_address, warning
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.settings import Settings
from orchestrator.surfsense import EnrichmentError, Http, open_http, open_seller
from orchestrator.surfsense.search import CAPABILITY

#: Longest wait for one answer.
PATIENCE: Final = timedelta(seconds=4)
#: Purchases for which the credit should suffice.
ENOUGH: Final = 100

_CHECK: Final = "surfsense"
_API: Final = "/api/v1"
_KEY: Final = (
    "Set SURFSENSE_API_KEY to a token that is valid: this one is missing, wrong or expired."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a GET; status 0 stands for none."""

    status: int
    body: Any = None

    @property
    def is_bare(self) -> bool:
        """Whether it lacks SurfSense's error envelope, as its answer to an unknown path does."""
        return not (isinstance(self.body, dict) and "error" in self.body)

    @property
    def is_there(self) -> bool:
        """Whether the path exists, whatever its answer."""
        return self.status not in (0, HTTPStatus.NOT_FOUND)

    @property
    def is_refused(self) -> bool:
        """Whether the key was not accepted."""
        return self.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

    @property
    def is_unavailable(self) -> bool:
        """Whether the service could not answer at the moment."""
        return (
            self.status in (0, HTTPStatus.TOO_MANY_REQUESTS)
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )

    @property
    def items(self) -> list[dict[str, Any]]:
        """The objects of a list; empty where there is none."""
        listed = self.body if isinstance(self.body, list) else []
        return [each for each in listed if isinstance(each, dict)]

    def field(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a field of an object; None where there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the service at `where`, one for each path."""

    where: str
    enrich: Answer
    token: Answer
    workspaces: Answer = Answer(0)
    capabilities: Answer = Answer(0)
    user: Answer = Answer(0)

    @property
    def is_surfsense(self) -> bool:
        """Whether it has SurfSense's own API, by the answer about the token."""
        token = self.token
        return token.field("method") is not None or (token.is_refused and not token.is_bare)


async def check_surfsense(settings: Settings) -> list[Diagnosis]:
    """Ask with the address and the key that purchases use."""
    url = settings.surfsense_url.get_secret_value().rstrip("/").removesuffix(_API)
    where, speaks_workspace = public_address(url), settings.surfsense_protocol == "workspace"
    async with open_http(url, api_key=settings.surfsense_api_key, timeout=PATIENCE) as http:
        health = await _get(http, "/health")
        if health.status == 0:
            fix = "Start the service, or correct SURFSENSE_URL."
            return [fault(_CHECK, f"{where} cannot be reached", fix)]
        diagnosis = judge_health(where, health.status, health.body, simulated=settings.simulated)
        if diagnosis.fix is not None and diagnosis.level.value == "fault":
            return [diagnosis]
        paths = ["/enrich", "/verify-token"]
        if speaks_workspace:
            workspace = f"{_API}/workspaces/{settings.surfsense_workspace_id}"
            paths += [f"{_API}/workspaces", f"{workspace}/scrapers/capabilities", "/users/me"]
        price = open_seller(settings, http).price_micros
        answers = Answers(where, *await asyncio.gather(*(_get(http, path) for path in paths)))
    if not speaks_workspace:
        return [diagnosis, judge_enrich(answers)]
    return [diagnosis, *judge_workspace(answers, settings.surfsense_workspace_id or "", price)]


async def _get(http: Http, path: str) -> Answer:
    try:
        reply = await http.send("GET", path, company="", within=PATIENCE)
    except EnrichmentError:
        return Answer(0)
    try:
        return Answer(reply.status, orjson.loads(reply.body))
    except orjson.JSONDecodeError:
        return Answer(reply.status)


def judge_health(where: str, status: int, body: object, *, simulated: bool) -> Diagnosis:
    """Judge the answer of `GET /health` at the public address *where*. Pure.

    *body* is its JSON, None for another format; *simulated* is what the settings say.
    """
    health = body if isinstance(body, dict) else {}
    match status:
        case 200 if health.get("status") != "ok":
            what = "does not report that it is healthy"
            fix = "Check that SURFSENSE_URL names SurfSense and not another service."
        case 200 if simulated or health.get("simulated") is True:
            fix = "Set SURFSENSE_URL to the real service before you rely on any result."
            return warning(_CHECK, f"{where} is the sandbox: its data is invented", fix)
        case 200:
            return ok(_CHECK, f"{where} is healthy")
        case 401:
            what, fix = "does not accept the key (401)", _KEY
        case 403:
            what = "accepts the key, but denies it access (403)"
            fix = "Allow API access for the owner of SURFSENSE_API_KEY, or use another key."
        case 404:
            what = "has no /health (404)"
            fix = "Set SURFSENSE_URL to the origin of the service."
        case _:
            what = f"is not healthy (status {status})"
            fix = "Look at the service's own log, and try again when it is healthy."
    return fault(_CHECK, f"{where} {what}", fix)


def judge_enrich(answers: Answers) -> Diagnosis:
    """Judge a service that should speak `enrich`. Pure."""
    where, has_enrich = answers.where, answers.enrich.is_there
    check = f"{_CHECK} protocol"
    if not has_enrich and answers.is_surfsense:
        what = f"{where} speaks SurfSense's own API, and has no /enrich"
        return fault(check, what, "Set SURFSENSE_PROTOCOL=workspace, with its two settings.")
    if answers.is_surfsense and answers.token.status != HTTPStatus.OK:
        return fault(f"{_CHECK} token", f"{where} refuses it ({answers.token.status})", _KEY)
    if answers.enrich.is_refused:
        what = f"{where} denies it access ({answers.enrich.status})"
        return fault(f"{_CHECK} token", what, _KEY)
    if not has_enrich:
        # Not proven: a service may answer 404 to every method but POST.
        return ok(check, f"only a purchase shows whether {where} has /enrich")
    return ok(check, f"{where} has /enrich")


def judge_workspace(answers: Answers, workspace_id: str, price_micros: int) -> list[Diagnosis]:
    """Judge a service that should speak `workspace`; consequences of a fault are omitted. Pure.

    Purchases use the workspace *workspace_id*, and reserve *price_micros*.
    """
    refused = _judge_answers(answers) or _judge_access(answers, workspace_id)
    if refused is not None:
        return [refused]
    found = (each for each in answers.capabilities.items if each.get("name") == CAPABILITY)
    search = next(found, None)
    if search is None:
        what = f"this version does not have {CAPABILITY}, which purchases need"
        return [fault(f"{_CHECK} version", what, "Upgrade SurfSense to 0.0.31 or later.")]
    workspace = ok(f"{_CHECK} workspace", f"{workspace_id} may be used, and has {CAPABILITY}")
    return [workspace, *_judge_money(answers, workspace_id, search, price_micros)]


def _judge_answers(answers: Answers) -> Diagnosis | None:
    where, token = answers.where, answers.token
    if not (answers.is_surfsense or token.is_unavailable):
        what, fix = f"{where} has /enrich, and not SurfSense's own API", "SURFSENSE_PROTOCOL=enrich"
        if not answers.enrich.is_there:
            what = f"{where} does not have SurfSense's own API"
            fix = "SURFSENSE_URL to the origin of SurfSense"
        return fault(f"{_CHECK} protocol", what, f"Set {fix}.")
    if token.is_refused:
        return fault(f"{_CHECK} token", f"{where} refuses it ({token.status})", _KEY)
    for name, answer in (("token", token), ("workspace", answers.capabilities)):
        if answer.is_unavailable:
            how = f"status {answer.status}" if answer.status else "no answer"
            fix = "Look at the service's own log, and run the doctor again in a minute."
            return fault(f"{_CHECK} {name}", f"{where} does not answer ({how})", fix)
    return None


def _judge_access(answers: Answers, workspace_id: str) -> Diagnosis | None:
    status, check = answers.capabilities.status, f"{_CHECK} workspace"
    if status == HTTPStatus.OK:
        return None
    if not answers.capabilities.is_there:
        fix = "Upgrade SurfSense to 0.0.31 or later."
        return fault(f"{_CHECK} version", "this version cannot be bought from over its API", fix)
    if "not enabled" in str(answers.capabilities.field("detail")):
        what = f"API access is switched off in workspace {workspace_id}"
        return fault(check, what, "Switch it on in the workspace's settings in SurfSense.")
    ids = ", ".join(str(each.get("id")) for each in answers.workspaces.items)
    fix = f"Set SURFSENSE_WORKSPACE_ID to one of these: {ids}."
    if not ids:
        fix = "Switch API access on in a workspace, and set SURFSENSE_WORKSPACE_ID to its number."
    return fault(check, f"the token has no access to workspace {workspace_id} ({status})", fix)


def _judge_money(
    answers: Answers, workspace_id: str, search: Mapping[str, Any], reserved: int
) -> list[Diagnosis]:
    check = f"{_CHECK} credit"
    prices = [each.get("micros_per_unit") for each in search.get("pricing") or ()]
    price = max((price for price in prices if isinstance(price, int)), default=0)
    if not price:
        return [ok(check, "not needed: billing is switched off there")]
    diagnoses = []
    if price > reserved:
        what = f"a purchase costs {price} micro-USD there, and {reserved} are reserved for it"
        diagnoses.append(warning(check, what, f"Set EMASAI_PRICE_MICROS={price}."))
    balance = answers.user.field("credit_micros_balance")
    ours = (each for each in answers.workspaces.items if str(each.get("id")) == workspace_id)
    if not isinstance(balance, int) or not any(each.get("is_owner") for each in ours):
        # The workspace's owner pays, and only the owner can read that credit.
        return [*diagnoses, ok(check, "unknown: the workspace's owner pays")]
    what = f"${balance / MICROS_PER_USD:,.2f} left, for {max(0, balance) // price:,} purchases"
    fix = "Buy credit in SurfSense."
    if balance < price:
        return [*diagnoses, fault(check, what, fix)]
    if balance < ENOUGH * price:
        return [*diagnoses, warning(check, what, fix)]
    return [*diagnoses, ok(check, what)]

"""Checks SurfSense: its address, protocol, token, workspace, verbs, prices, credit. Sends no work.

Every request is a GET that costs nothing, and one that is refused spoils no other; what judges the
answers is pure. The `enrich` protocol allows few checks: only a purchase shows whether the key is
valid, unless the service also has `GET /verify-token`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from orchestrator.app import company_ceiling
from orchestrator.doctor import Diagnosis, Level, fault, ok, public_address, warning
from orchestrator.evidence.model import Step
from orchestrator.infra.bounds import MICROS_PER_USD
from orchestrator.settings import Settings
from orchestrator.surfsense import EnrichmentError, Http, Reply, open_http
from orchestrator.surfsense.account import (
    UnusableWorkspace,
    Workspace,
    choose_workspace,
    is_workspace_id,
    read_workspaces,
)
from orchestrator.surfsense.capabilities import (
    LIST_PRICES,
    Capabilities,
    StepPrice,
    most_it_costs,
    read_capabilities,
)
from orchestrator.surfsense.errors import one_line

API: Final = "/api/v1"
KEY_FIX: Final = (
    "Set SURFSENSE_API_KEY to a token that is valid: this one is missing, wrong or expired."
)
#: Bytes of an answer that are read; the verbs of a workspace are about 100 kB.
MOST_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a GET; status 0 stands for none, whose `cause` says why.

    `body` is its JSON, None for another format; `is_page` says that it is a web page.
    """

    status: int
    body: Any = None
    is_page: bool = False
    cause: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether it is a success in JSON."""
        return self.status == HTTPStatus.OK and self.body is not None

    @property
    def has_envelope(self) -> bool:
        """Whether it has SurfSense's error envelope, which an unknown path's answer lacks."""
        return isinstance(self.body, dict) and isinstance(self.body.get("error"), dict)

    @property
    def is_there(self) -> bool:
        """Whether the path exists in a service that speaks JSON, whatever its answer."""
        return self.status not in (0, HTTPStatus.NOT_FOUND) and not self.is_page

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
    def how(self) -> str:
        """The answer in a few words."""
        page = ", a web page" if self.is_page else ""
        return f"status {self.status}{page}" if self.status else self.cause or "no answer"

    def field(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a field of an object; None where there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None


_NONE: Final = Answer(0)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the service at `where`, one for each path."""

    where: str
    health: Answer = _NONE
    enrich: Answer = _NONE
    token: Answer = _NONE
    workspaces: Answer = _NONE
    user: Answer = _NONE
    capabilities: Answer = _NONE

    @property
    def is_silent(self) -> bool:
        """Whether no path was answered at all."""
        return not any(
            each.status for each in (self.health, self.enrich, self.token, self.workspaces)
        )

    @property
    def is_surfsense(self) -> bool:
        """Whether it has SurfSense's own API, by the answer about the token."""
        token = self.token
        has_path = token.has_envelope and token.status != HTTPStatus.NOT_FOUND
        return has_path or (token.is_ok and token.field("method") is not None)

    @property
    def is_seller(self) -> bool:
        """Whether either protocol is spoken there, as far as a GET shows.

        A server that answers any path alike, or refuses any, shows nothing of its `/enrich`.
        """
        enrich = self.enrich
        return self.is_surfsense or (enrich.is_there and not enrich.is_ok and not enrich.is_refused)


def read_answer(reply: Reply) -> Answer:
    """Return what a *reply* says; one that is too long says nothing."""
    if len(reply.body) > MOST_BYTES:
        return Answer(reply.status)
    try:
        return Answer(reply.status, orjson.loads(reply.body))
    except orjson.JSONDecodeError:
        is_page = "html" in reply.headers.get("content-type", "").lower() or (
            reply.body.lstrip()[:1] == b"<"
        )
        return Answer(reply.status, is_page=is_page)


#: Companies for which the credit should suffice.
ENOUGH: Final = 100

_CHECK: Final = "surfsense"
_AGAIN: Final = "Look at the service's own log, and run the doctor again in a minute."
_UPGRADE: Final = "Upgrade SurfSense to 0.0.35 or later, which has all verbs."
#: What an item of a step is.
_ITEM: Final = {
    Step.MAPS: "place",
    Step.SEARCH: "page",
    Step.CRAWL: "page",
    Step.PAGES: "page",
    Step.JOBS: "job ad",
}


def workspace_to_ask(answers: Answers, wanted: str | None) -> str | None:
    """Return the number of the workspace that purchases use; None if it cannot be told."""
    if wanted is not None and is_workspace_id(wanted):
        return wanted
    try:
        return str(choose_workspace(_workspaces_in(answers), wanted).id)
    except UnusableWorkspace:
        return None


def judge_workspace(answers: Answers, wanted: str | None, ceiling_micros: int) -> list[Diagnosis]:
    """Judge a service that should speak `workspace`; consequences of a fault are omitted.

    *wanted* is `SURFSENSE_WORKSPACE_ID`, *ceiling_micros* what one company may cost.
    """
    refused = _judge_protocol(answers) or _judge_access(answers, wanted)
    if refused is not None:
        return [refused]
    name = f"workspace {workspace_to_ask(answers, wanted)}"
    workspace = ok(f"{_CHECK} workspace", f"{name} may be used")
    if not answers.capabilities.is_ok:
        what = f"the verbs of {name} cannot be read ({answers.capabilities.how})"
        credit = judge_credit(answers, wanted, LIST_PRICES, ceiling_micros)
        return [workspace, fault(f"{_CHECK} verbs", what, _AGAIN), credit]
    listed = answers.capabilities.body
    found = read_capabilities(listed if isinstance(listed, list) else [])
    if not found.offers:
        what = "this version has none of the verbs that purchases are made of"
        return [workspace, fault(f"{_CHECK} version", what, _UPGRADE)]
    return [
        workspace,
        *judge_verbs(found),
        *judge_prices(found, ceiling_micros),
        judge_credit(answers, wanted, found.prices, ceiling_micros),
    ]


def _workspaces_in(answers: Answers) -> list[Workspace]:
    body = answers.workspaces.body
    return read_workspaces(body if isinstance(body, list) else [])


def _judge_protocol(answers: Answers) -> Diagnosis | None:
    where, token = answers.where, answers.token
    if not (answers.is_surfsense or token.is_unavailable):
        what, fix = f"{where} has /enrich, and not SurfSense's own API", "SURFSENSE_PROTOCOL=enrich"
        if not answers.enrich.is_there:
            what = f"{where} does not have SurfSense's own API"
            fix = "SURFSENSE_URL to the origin of SurfSense"
        return fault(f"{_CHECK} protocol", what, f"Set {fix}.")
    if token.is_refused:
        return fault(f"{_CHECK} token", f"{where} refuses it ({token.status})", KEY_FIX)
    return None


def _judge_access(answers: Answers, wanted: str | None) -> Diagnosis | None:
    """Judge whether the workspace may be used; None where it may, or nothing is known of it."""
    answer, number = answers.capabilities, workspace_to_ask(answers, wanted)
    if number is None:
        return _judge_choice(answers, wanted)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            what = f"{answers.where} refuses it ({answer.status})"
            return fault(f"{_CHECK} token", what, KEY_FIX)
        case HTTPStatus.FORBIDDEN:
            return _judge_forbidden(answers, number)
        case HTTPStatus.NOT_FOUND if not answer.has_envelope:
            what = "this version cannot be bought from over its API"
            return fault(f"{_CHECK} version", what, _UPGRADE)
        case _:
            return None


def _judge_choice(answers: Answers, wanted: str | None) -> Diagnosis | None:
    """Judge why the workspace cannot be chosen from the list; None if it can."""
    check = f"{_CHECK} workspace"
    if not answers.workspaces.is_ok:
        what = f"workspaces cannot be listed ({answers.workspaces.how}), so none can be chosen"
        return fault(check, what, f"{_AGAIN} A number as SURFSENSE_WORKSPACE_ID needs no list.")
    try:
        choose_workspace(_workspaces_in(answers), wanted)
    except UnusableWorkspace as error:
        return fault(check, error.what, f"{error.fix[0].upper()}{error.fix[1:]}.")
    return None


def _judge_forbidden(answers: Answers, number: str) -> Diagnosis:
    check = f"{_CHECK} workspace"
    if "not enabled" in str(answers.capabilities.field("detail")):
        what = f"API access is switched off in workspace {number}"
        return fault(check, what, "Switch it on in the workspace's settings in SurfSense.")
    unusable = _judge_choice(answers, number) if answers.workspaces.is_ok else None
    what = f"the token has no access to workspace {number} (403)"
    fix = "Make the token's user a member of it, or set SURFSENSE_WORKSPACE_ID to another one."
    return unusable or fault(check, what, fix)


def judge_verbs(found: Capabilities) -> list[Diagnosis]:
    """Judge which steps can be bought, and how their verbs differ from what is used."""
    check = f"{_CHECK} verbs"
    diagnoses = [ok(check, f"{', '.join(found.offers)} can be bought")]
    for why in dict.fromkeys(found.off.values()):  # two steps are of one verb
        steps = ", ".join(step for step, each in found.off.items() if each == why)
        diagnoses.append(warning(check, f"{why}; not bought: {steps}", _UPGRADE))
    for sentence in found.drift:
        fix = "Compare the two versions' release notes; what no longer arrives counts as unknown."
        diagnoses.append(warning(check, sentence, fix))
    return diagnoses


def judge_prices(found: Capabilities, ceiling_micros: int) -> list[Diagnosis]:
    """Judge the live prices by the list's, and by what one company may cost."""
    check, prices = f"{_CHECK} prices", found.prices
    if not any(price.item_micros for price in prices.values()):
        return [ok(check, "billing is switched off there")]
    told = [f"{price.item_micros:,} a {_ITEM[step]} ({step})" for step, price in prices.items()]
    diagnoses = [ok(check, f"{', '.join(told)}, in micro-USD")]
    for step, price in prices.items():
        listed = LIST_PRICES[step].item_micros
        if price.item_micros > listed:
            what = f"a {_ITEM[step]} ({step}) costs {price.item_micros:,} micro-USD, not {listed:,}"
            fix = "Check your caps and EMASAI_PRICE_MICROS: the live price is reserved and paid."
            diagnoses.append(warning(check, what, fix))
    cheapest = min(most_it_costs(step, prices) for step in prices)
    if cheapest > ceiling_micros:
        what = (
            f"a company may cost {ceiling_micros:,} micro-USD, and each step {cheapest:,} or more"
        )
        fix = f"Set EMASAI_PRICE_MICROS to at least {cheapest}, or nothing is bought."
        diagnoses.append(fault(check, what, fix))
    return diagnoses


def judge_credit(
    answers: Answers, wanted: str | None, prices: Mapping[Step, StepPrice], ceiling_micros: int
) -> Diagnosis:
    """Judge the credit by what one company costs at most, at *prices* and up to its ceiling.

    SurfSense starts no run whose worst case the credit does not cover.
    """
    check = f"{_CHECK} credit"
    most = min(sum(most_it_costs(step, prices) for step in prices), ceiling_micros)
    if not most:
        return ok(check, "not needed: billing is switched off there")
    number = workspace_to_ask(answers, wanted)
    ours = [each for each in _workspaces_in(answers) if str(each.id) == number]
    if answers.workspaces.is_ok and not any(each.is_owner for each in ours):
        # Only the owner can read that credit.
        return ok(check, "unknown: the workspace's owner pays")
    balance = answers.user.field("credit_micros_balance")
    if not isinstance(balance, int):
        return warning(check, f"cannot be read ({answers.user.how})", _AGAIN)
    what = (
        f"${balance / MICROS_PER_USD:,.4f} left, for {max(0, balance) // most:,} companies "
        f"at ${most / MICROS_PER_USD:.4f} each, at most"
    )
    fix = "Buy credit in SurfSense."
    if balance < most:
        return fault(check, what, fix)
    return ok(check, what) if balance >= ENOUGH * most else warning(check, what, fix)


#: Longest wait for one answer.
PATIENCE: Final = timedelta(seconds=4)

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
        address = judge_address(answers)
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


def judge_address(answers: Answers) -> Diagnosis:
    """Judge what is at an address. Pure.

    A `/health` that is refused is only a warning where the rest of the service answers.
    """
    health, where = answers.health, answers.where
    if answers.is_silent:
        what = f"{where} cannot be reached ({health.cause or 'no answer'})"
        fix = "Start the service, or correct host, port and scheme of SURFSENSE_URL."
        return fault(_CHECK, what, fix)
    diagnosis = judge_health(where, health.status, health.body, is_page=health.is_page)
    if diagnosis.level is Level.FAULT and answers.is_seller:
        return replace(diagnosis, level=Level.WARNING)
    return diagnosis


def judge_health(where: str, status: int, body: object, *, is_page: bool = False) -> Diagnosis:
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
    if health.get("simulated") is True:
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

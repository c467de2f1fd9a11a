"""SurfSense's workspace API: verbs, runs, capabilities, workspaces, and who pays.

`Worlds` says which world it is about: the simple one, or the one that is hard to read.
"""

from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from orchestrator.embedded.sandbox.auth import (
    Auth,
    Json,
    Refused,
    body_of,
    deliver,
    invalid,
    reset_connection,
    silence,
    unavailable,
)
from orchestrator.embedded.sandbox.behaviour import Fault, PollFault, SandboxOptions, fault_of
from orchestrator.embedded.sandbox.companies import World
from orchestrator.embedded.sandbox.requests import REQUESTS, Request, capability_of
from orchestrator.embedded.sandbox.runs import (
    BLOCKED,
    RUNNING,
    Bill,
    Run,
    RunSimulator,
    RunStore,
    upstream_error,
)
from orchestrator.embedded.sandbox.verbs import Result, key_in


class Worlds:
    """The real world of the options' seed, made when it is first asked for."""

    def __init__(self, options: SandboxOptions, auth: Auth) -> None:
        self._seed, self._size = options.world_seed, options.catalogue_size
        self._auth = auth

    @cached_property
    def real(self) -> World:
        """The world that is as hard to read as the real one."""
        return World(self._seed, self._size)

    def current(self) -> World | None:
        """Return the world in force; None for the simple one."""
        return self.real if self._auth.behaviour.world == "real" else None


#: Balance of a new account where no credit is set; runs are unlimited then.
NEW_ACCOUNT_MICROS = 5_000_000
#: Seconds between the signs of life of a run's events.
HEARTBEAT_S = 10

_USER_ID = "00000000-0000-4000-8000-000000000001"
_WORKSPACES = "/api/v1/workspaces"
_SCRAPERS = f"{_WORKSPACES}/{{workspace_id}}/scrapers"


class WorkspaceApi:
    """The endpoints below `/api/v1`, and the two beside it that tell about a token."""

    def __init__(
        self, *, auth: Auth, bill: Bill, runs: RunStore, simulator: RunSimulator, worlds: Worlds
    ) -> None:
        self._auth = auth
        self._bill = bill
        self._runs = runs
        self._simulator = simulator
        self._worlds = worlds

    def routes(self) -> list[Route]:
        """Return the routes of all endpoints."""
        return [
            Route(f"{_SCRAPERS}/capabilities", self.show_capabilities),
            Route(f"{_SCRAPERS}/runs", self.list_runs),
            Route(f"{_SCRAPERS}/runs/{{run_id}}", self.show_run),
            Route(f"{_SCRAPERS}/runs/{{run_id}}/cancel", self.cancel_run, methods=["POST"]),
            Route(f"{_SCRAPERS}/runs/{{run_id}}/events", self.follow_run),
            Route(f"{_SCRAPERS}/{{platform}}/{{action}}", self.call_verb, methods=["POST"]),
            Route(_WORKSPACES, self.list_workspaces),
            Route("/users/me", self.show_user),
            Route("/verify-token", self.verify_token),
        ]

    async def call_verb(self, request: HttpRequest) -> Response:
        """Do what a verb does: at once in `mode=async`, whose run is looked at later, else now.

        Raises:
            HTTPException: This version lacks the verb.
            Refused: In SurfSense's order: the rate limit, the token, the body, the workspace, the
                credit.
        """
        verb = "{platform}.{action}".format_map(request.path_params)
        if verb not in self._auth.behaviour.verbs:
            raise HTTPException(404)
        self._auth.admit(request, names_wait=False)
        is_async = request.query_params.get("mode", "sync")
        asked = _request_in(await body_of(request), REQUESTS[verb], is_async)
        self._auth.check_workspace(request)
        self._check_credit(asked)
        topic = self._topic_of(asked)
        attempt = self._auth.attempt_at(topic)
        fault = fault_of(Fault, self._auth.behaviour, topic, attempt)
        self._auth.count(fault)
        if fault is Fault.ERROR:
            return unavailable(attempt)
        # From here on it is accepted, and goes on whatever becomes of the answer or the client.
        run = self._simulator.start(asked, topic, attempt, request.path_params["workspace_id"])
        if is_async == "async":
            accepted = Json({"run_id": f"run_{run.id}", "status": "running"}, 202)
            return await deliver(request, self._auth, fault, accepted)
        answer = self._synchronous(run, await self._simulator.outcome(run))
        return await deliver(request, self._auth, fault, answer)

    def _topic_of(self, asked: Request) -> str:
        """Return what a request's faults are drawn by: its company and, but for searches, verb."""
        key = key_in(asked, self._worlds.current())
        return key if asked.verb == "google_search.scrape" else f"{key} {asked.verb}"

    def _synchronous(self, run: Run, result: Result | None) -> Response:
        if result is None:
            ended = self._runs.get(run.id) or run
            if ended.error == BLOCKED:
                raise Refused(403, "INDEED_ACCESS_BLOCKED", BLOCKED)
            code = "CAPABILITY_UPSTREAM_ERROR"
            raise Refused(502, code, ended.error or upstream_error(run.capability))
        body: dict[str, Any] = {"items": result.items}
        if result.contacts is not None:
            body["contacts"] = result.contacts
        answer = Json(body)
        answer.headers["x-run-id"] = f"run_{run.id}"
        return answer

    async def show_run(self, request: HttpRequest) -> Response:
        """Return a run in full."""
        run = self._run_of(request)
        return await self._look_fault(request, run.id) or Json(run.detail())

    async def list_runs(self, request: HttpRequest) -> Response:
        """Return a page of the workspace's runs, newest first."""
        self._auth.admit_look(request)
        try:
            page = _Page.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise invalid(error) from error
        self._auth.check_workspace(request)
        fault = await self._look_fault(request, "runs")
        found = self._runs.page(request.path_params["workspace_id"], **page.model_dump())
        return fault or Json([run.summary() for run in found])

    async def cancel_run(self, request: HttpRequest) -> Response:
        """Cancel a run that is under way."""
        run = self._run_of(request)
        if not self._simulator.cancel(run):
            raise Refused(409, "CONFLICT", "Run is not in progress.")
        return Json({"run_id": f"run_{run.id}", "status": "cancelled"})

    async def follow_run(self, request: HttpRequest) -> Response:
        """Return the events of a run; of one that has ended, its end."""
        run = self._run_of(request)
        return StreamingResponse(self._events(run), media_type="text/event-stream")

    async def _events(self, run: Run) -> AsyncIterator[bytes]:
        if run.status == RUNNING and not self._auth.behaviour.events_elsewhere:
            yield _event("run.started", run_id=f"run_{run.id}", capability=run.capability)
            yield _event("run.progress", phase="working", message=run.capability)
            while not await self._simulator.ends_within(run, HEARTBEAT_S):
                yield _event("run.heartbeat")
        ended = self._runs.get(run.id) or run
        more: dict[str, Any] = {"run_id": f"run_{run.id}", "item_count": ended.item_count}
        if ended.error is not None:
            more["error"] = ended.error
        yield _event("run.finished", status=ended.status, **more)

    async def show_capabilities(self, request: HttpRequest) -> Response:
        """Return the verbs that this version has, with their schemas and live prices."""
        self._auth.admit_look(request)
        self._auth.check_workspace(request)
        behaviour = self._auth.behaviour
        kinds = [kind for verb, kind in REQUESTS.items() if verb in behaviour.verbs]
        lacks = behaviour.lacks_fields.split(",")
        rows = [capability_of(kind, is_billed=behaviour.billing, lacks=lacks) for kind in kinds]
        return Json(rows)

    async def list_workspaces(self, request: HttpRequest) -> Response:
        """Return the workspaces that a token may use: none without API access."""
        self._auth.admit_look(request)
        try:
            page = _Slice.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise invalid(error) from error
        rows = [_workspace(number, name) for number, name in self._auth.workspaces.items()]
        usable = rows if self._auth.behaviour.api_access else []
        return Json(usable[page.skip : page.skip + page.limit])

    async def show_user(self, request: HttpRequest) -> Response:
        """Return the token's owner, who pays for all workspaces."""
        self._auth.admit_look(request)
        credit = self._auth.behaviour.credit_micros
        balance = (NEW_ACCOUNT_MICROS if credit is None else credit) - self._bill.total_micros
        return Json(
            {
                "id": _USER_ID,
                "email": "sandbox@emasai.example",
                "is_active": True,
                "credit_micros_balance": balance,
            }
        )

    async def verify_token(self, request: HttpRequest) -> Response:
        """Check the bearer token."""
        self._auth.check_key(request)
        return Json({"message": "Token is valid", "method": "pat"})

    def _run_of(self, request: HttpRequest) -> Run:
        self._auth.admit_look(request)
        self._auth.check_workspace(request)
        run = self._runs.get(request.path_params["run_id"])
        if run is None or run.workspace_id != request.path_params["workspace_id"]:
            raise Refused(404, "NOT_FOUND", "Run not found.")
        return run

    def _check_credit(self, asked: Request) -> None:
        credit = self._auth.behaviour.credit_micros
        if credit is None:
            return
        balance, required = credit - self._bill.total_micros, asked.worst_case_micros
        if balance < required:
            message = "Insufficient credits."
            detail = {
                "error_code": "insufficient_credits",
                "message": message,
                "balance_micros": balance,
                "required_micros": required,
            }
            raise Refused(402, "CLIENT_ERROR", message, detail=detail)

    async def _look_fault(self, request: HttpRequest, endpoint: str) -> Response | None:
        """Apply the fault of this look, if it has one; return the response that it ends in."""
        attempt = self._auth.attempt_at(endpoint)
        fault = fault_of(PollFault, self._auth.behaviour, endpoint, attempt)
        self._auth.count(fault)
        if fault is PollFault.ERROR:
            return unavailable(attempt)
        if fault is PollFault.RESET:
            return await reset_connection(request)
        return None if fault is None else await silence(request)


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    limit: int = Field(default=50, ge=1, le=100)
    offset: int = Field(default=0, ge=0)
    capability: str | None = None
    status: str | None = None


class _Slice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    skip: int = Field(default=0, ge=0)
    limit: int = Field(default=200, ge=1)


def _request_in(body: bytes, kind: type[Request], mode: str) -> Request:
    try:
        asked = kind.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from error
    if mode not in {"sync", "async"}:
        fields = [{"loc": ["query", "mode"], "msg": "Input should be 'sync' or 'async'"}]
        raise Refused(422, "VALIDATION_ERROR", "Request validation failed.", fields=fields)
    if "\\u0000" in asked.model_dump_json() and mode == "async":
        raise Refused(503, "INTERNAL_ERROR", "Could not start run.")
    return asked


def _workspace(number: str, name: str) -> dict[str, Any]:
    return {
        "id": int(number) if number.isdigit() else 0,
        "name": name,
        "description": None,
        "created_at": "2026-07-06T09:00:00+00:00",
        "user_id": _USER_ID,
        "citations_enabled": True,
        "api_access_enabled": True,
        "qna_custom_instructions": None,
        "shared_memory_md": None,
        "llm_setup": None,
        "member_count": 1,
        "is_owner": True,
    }


def _event(kind: str, **more: object) -> bytes:
    return b"data: " + orjson.dumps({"type": kind} | more) + b"\n\n"

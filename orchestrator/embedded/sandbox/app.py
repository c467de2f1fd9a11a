"""The sandbox's endpoints: both protocols of SurfSense, and `/__` endpoints for its operator."""

import asyncio
import socket
import struct
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.embedded.sandbox.auth import Auth, RateWindow, Refused, invalid
from orchestrator.embedded.sandbox.behaviour import (
    Behaviour,
    Fault,
    PollFault,
    SandboxOptions,
    fault_of,
    latency_s,
    problems,
)
from orchestrator.embedded.sandbox.bill import Bill, Purchase
from orchestrator.embedded.sandbox.fake_data import SEARCH_MICROS, invent
from orchestrator.embedded.sandbox.runs import (
    CAPABILITY,
    Run,
    RunSimulator,
    RunStore,
    SearchRequest,
    topic_of,
)
from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.infra.clock import utc_now

#: Bytes of a request body beyond which it is refused.
LONGEST_BODY = 64 * 1024
#: Balance of a new account where no credit is set; runs are unlimited then.
NEW_ACCOUNT_MICROS = 5_000_000
#: What proxies answer in place of the application: no envelope, no JSON.
UNAVAILABLE_PAGE = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
#: Under this key of the request's state, the server puts the connection's transport.
TRANSPORT = "transport"

_USER_ID = "00000000-0000-4000-8000-000000000001"
_WORKSPACES = "/api/v1/workspaces"
_SCRAPERS = f"{_WORKSPACES}/{{workspace_id}}/scrapers"


class Json(Response):
    """A JSON response."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return *content* as JSON."""
        return orjson.dumps(content)


class Sandbox:
    """The endpoints and their state; one per bill, since it counts in memory."""

    def __init__(self, options: SandboxOptions) -> None:
        self._workspace_id = options.workspace_id
        self._bill = Bill(options.bill_path)
        self._runs = RunStore(options.runs_path)
        self._auth = Auth(options, RateWindow(time.monotonic))
        self._simulator = RunSimulator(self._runs, self._bill, self._auth)

    def asgi(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/enrich", self.enrich, methods=["POST"]),
                Route(f"{_SCRAPERS}/google_search/scrape", self.start_run, methods=["POST"]),
                Route(f"{_SCRAPERS}/runs", self.list_runs),
                Route(f"{_SCRAPERS}/runs/{{run_id}}", self.show_run),
                Route(f"{_SCRAPERS}/runs/{{run_id}}/cancel", self.cancel_run, methods=["POST"]),
                Route(f"{_SCRAPERS}/capabilities", self.show_capabilities),
                Route(_WORKSPACES, self.list_workspaces),
                Route("/users/me", self.show_user),
                Route("/verify-token", self.verify_token),
                Route("/health", self.health),
                Route("/__bill", self.show_bill),
                Route("/__reset", self.reset, methods=["POST"]),
                Route("/__faults", self.change_behaviour, methods=["POST"]),
            ],
            middleware=[Middleware(_Edge, auth=self._auth)],
            exception_handlers={Refused: _refusal, HTTPException: _bare_error},
            lifespan=self._lifespan,
        )

    def close(self) -> None:
        """Close the files."""
        self._bill.close()
        self._runs.close()

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._simulator.resume()
        yield
        # Runs stay as they are: the next start finds them interrupted.
        self._simulator.stop()

    async def enrich(self, request: Request) -> Response:
        """Sell one company by the `enrich` protocol.

        Raises:
            Refused: In SurfSense's order: the rate limit, the key, the body.
        """
        self._auth.admit(request, names_wait=True)
        name, key = _company_in(await _body_of(request))
        behaviour = self._auth.behaviour
        attempt = self._auth.attempt_at(key)
        fault = fault_of(Fault, behaviour, key, attempt)
        with self._auth.one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, key, attempt))
            self._auth.count(fault)
            if fault is Fault.ERROR:
                return _unavailable(attempt)
            # From here on it is charged, whatever becomes of the answer or the client.
            answer = self._sell(name, key, request.headers.get("idempotency-key", ""))
            return await self._deliver(request, fault, Json(answer))

    def _sell(self, name: str, key: str, purchase_id: str) -> dict[str, Any]:
        behaviour, now = self._auth.behaviour, utc_now()
        answer = invent(
            name,
            key,
            now,
            not_found_rate=behaviour.not_found_rate,
            ambiguous_rate=behaviour.ambiguous_rate,
        )
        is_charged = self._bill.key_charged_for(purchase_id) == key
        if not (behaviour.honour_idempotency_key and is_charged):
            self._bill.record(
                Purchase(
                    at_ms=int(now.timestamp() * 1000),
                    key=key,
                    name=name,
                    purchase_id=purchase_id,
                    outcome=answer["estado"],
                    cost_micros=answer["cost_micros"],
                )
            )
        return answer

    async def start_run(self, request: Request) -> Response:
        """Start a search in `mode=async`; a synchronous one could be charged and never answered."""
        self._auth.admit(request, names_wait=False)
        search = _search_in(await _body_of(request), request)
        self._auth.check_workspace(request)
        self._check_credit(search)
        _, key = topic_of("".join(search.phrases[:1]))
        attempt = self._auth.attempt_at(key)
        fault = fault_of(Fault, self._auth.behaviour, key, attempt)
        self._auth.count(fault)
        if fault is Fault.ERROR:
            return _unavailable(attempt)
        # From here on it is accepted, and goes on whatever becomes of the answer or the client.
        run = self._simulator.start(search, key, attempt)
        accepted = Json({"run_id": f"run_{run.id}", "status": "running"}, 202)
        return await self._deliver(request, fault, accepted)

    async def _deliver(self, request: Request, fault: Fault | None, answer: Response) -> Response:
        if fault is Fault.RESET:
            return await _reset_connection(request)
        if fault is Fault.TIMEOUT:
            return await _silence(request)
        if fault is Fault.LATE:
            await asyncio.sleep(self._auth.behaviour.late_ms / 1000)
        return answer

    async def show_run(self, request: Request) -> Response:
        """Return a run in full."""
        run = self._run_of(request)
        return await self._look_fault(request, run.id) or Json(run.detail())

    async def list_runs(self, request: Request) -> Response:
        """Return a page of the runs, newest first."""
        self._auth.admit_look(request)
        try:
            page = _Page.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise invalid(error) from error
        self._auth.check_workspace(request)
        fault = await self._look_fault(request, "runs")
        return fault or Json([run.summary() for run in self._runs.page(**page.model_dump())])

    async def cancel_run(self, request: Request) -> Response:
        """Cancel a run that is under way."""
        run = self._run_of(request)
        if not self._simulator.cancel(run):
            raise Refused(409, "CONFLICT", "Run is not in progress.")
        return Json({"run_id": f"run_{run.id}", "status": "cancelled"})

    async def show_capabilities(self, request: Request) -> Response:
        """Return the verbs of the workspace: one, or none in a version that lacks it."""
        self._auth.admit_look(request)
        self._auth.check_workspace(request)
        behaviour = self._auth.behaviour
        price = [{"unit": "page", "micros_per_unit": SEARCH_MICROS}]
        capability = {
            "name": CAPABILITY,
            "description": "Invented search results of the sandbox.",
            "docs_url": "https://docs.example/google-search",
            "input_schema": SearchRequest.model_json_schema(),
            "output_schema": {"type": "object"},
            "pricing": price if behaviour.billing else [],
        }
        return Json([capability] if behaviour.has_search else [])

    async def list_workspaces(self, request: Request) -> Response:
        """Return the workspaces that a token may use: none without API access."""
        self._auth.admit_look(request)
        workspace = {
            "id": int(self._workspace_id) if self._workspace_id.isdigit() else 0,
            "name": "Sandbox",
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
        return Json([workspace] if self._auth.behaviour.api_access else [])

    async def show_user(self, request: Request) -> Response:
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

    async def verify_token(self, request: Request) -> Response:
        """Check the bearer token."""
        self._auth.check_key(request)
        return Json({"message": "Token is valid", "method": "pat"})

    async def health(self, _request: Request) -> Response:
        """Answer as a healthy SurfSense."""
        return Json({"status": "ok"})

    async def show_bill(self, _request: Request) -> Response:
        """Return the bill, and what was asked for."""
        return Json({"simulated": True} | self._bill.summary() | self._auth.counts())

    async def reset(self, _request: Request) -> Response:
        """Forget bill, runs and counts; the files keep the past."""
        self._simulator.stop()
        self._runs.reset()
        self._bill.reset()
        self._auth.reset()
        return Json({"status": "ok"})

    async def change_behaviour(self, request: Request) -> Response:
        """Change the fields of `Behaviour` that the body names, and return all of them."""
        current = self._auth.behaviour.model_dump()
        try:
            changes = orjson.loads(await _body_of(request))
            self._auth.behaviour = Behaviour.model_validate({**current, **changes})
        except ValidationError as error:
            raise Refused(422, "VALIDATION_ERROR", problems(error)) from error
        except (orjson.JSONDecodeError, TypeError) as error:
            raise Refused(422, "VALIDATION_ERROR", "The body must be a JSON object.") from error
        return Json(self._auth.behaviour.model_dump())

    def _run_of(self, request: Request) -> Run:
        self._auth.admit_look(request)
        self._auth.check_workspace(request)
        run = self._runs.get(request.path_params["run_id"])
        if run is None:
            raise Refused(404, "NOT_FOUND", "Run not found.")
        return run

    def _check_credit(self, search: SearchRequest) -> None:
        credit = self._auth.behaviour.credit_micros
        if credit is None:
            return
        balance, required = credit - self._bill.total_micros, search.worst_case_micros
        if balance < required:
            message = "Insufficient credits."
            detail = {
                "error_code": "insufficient_credits",
                "message": message,
                "balance_micros": balance,
                "required_micros": required,
            }
            raise Refused(402, "CLIENT_ERROR", message, detail=detail)

    async def _look_fault(self, request: Request, endpoint: str) -> Response | None:
        """Apply the fault of this look, if it has one; return the response that it ends in."""
        attempt = self._auth.attempt_at(endpoint)
        fault = fault_of(PollFault, self._auth.behaviour, endpoint, attempt)
        self._auth.count(fault)
        if fault is PollFault.ERROR:
            return _unavailable(attempt)
        if fault is PollFault.RESET:
            return await _reset_connection(request)
        return None if fault is None else await _silence(request)


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    limit: int = Field(default=50, ge=1, le=100)
    offset: int = Field(default=0, ge=0)
    capability: str | None = None
    status: str | None = None


class _Edge:
    """Echoes the request id, and hides the endpoints of a protocol that is not spoken."""

    def __init__(self, app: ASGIApp, auth: Auth) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = Headers(scope=scope).get("x-request-id") or uuid.uuid4().hex
        scope["state"]["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        app = _NOT_FOUND if self._hides(scope["path"]) else self._app
        await app(scope, receive, send_with_id)

    def _hides(self, path: str) -> bool:
        spoken = self._auth.behaviour.speaks
        if spoken == "both" or path == "/health" or path.startswith("/__"):
            return False
        return (path == "/enrich") != (spoken == "enrich")


#: Bare, as SurfSense answers on a path that it does not have.
_NOT_FOUND = Json({"detail": "Not Found"}, 404)


async def _bare_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # Starlette's handlers take any exception
        raise error
    return Json({"detail": error.detail}, error.status_code)


async def _refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    content = error.content(request.state.request_id, utc_now())
    return Json(content, error.status, error.headers)


def _unavailable(attempt: int) -> Response:
    """Fail in turn as the application does, with JSON, and as a proxy does, with a page.

    Raises:
        Refused: At odd attempts.
    """
    if attempt % 2:
        raise Refused(503, "INTERNAL_ERROR", "The service is unavailable.")
    return Response(UNAVAILABLE_PAGE, 503, media_type="text/html")


async def _reset_connection(request: Request) -> Response:
    """End the connection at once, with a TCP reset instead of a goodbye."""
    transport: asyncio.Transport = request.scope["state"][TRANSPORT]
    at_once = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    transport.abort()
    return await _silence(request)


async def _silence(request: Request) -> Response:
    """Wait until the client has gone; the response that is returned reaches no client."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def _body_of(request: Request) -> bytes:
    """Return the request's body, or an empty one when it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return b""
    return body


def _company_in(body: bytes) -> tuple[str, str]:
    """Return the company that an `enrich` request is about, as typed and by its key."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None
    name = asked.get("empresa") if isinstance(asked, dict) else None
    if not isinstance(name, str):
        raise Refused(422, "VALIDATION_ERROR", 'The body must be {"empresa": "<name>"}.')
    try:
        return name, company_key(name)
    except InvalidCompanyName as error:
        raise Refused(422, "VALIDATION_ERROR", f"empresa: {error}") from error


def _search_in(body: bytes, request: Request) -> SearchRequest:
    try:
        search = SearchRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from error
    if request.query_params.get("mode") != "async":
        fields = [{"loc": ["query", "mode"], "msg": "The sandbox does runs in mode=async only."}]
        raise Refused(422, "VALIDATION_ERROR", "Request validation failed.", fields=fields)
    if any("\x00" in query for query in search.queries):
        raise Refused(503, "INTERNAL_ERROR", "Could not start run.")
    return search

"""The part of SurfSense's workspace API that a purchase with a run id needs, faults included.

It asks for `mode=async`: whoever buys synchronously risks to pay for what it never gets.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.embedded.sandbox import asgi
from orchestrator.embedded.sandbox.bill import Bill
from orchestrator.embedded.sandbox.faults import Fault, PollFault, fault_for, poll_fault_for
from orchestrator.embedded.sandbox.gate import Gate
from orchestrator.embedded.sandbox.invention import SEARCH_MICROS
from orchestrator.embedded.sandbox.refusal import Refused, fail, invalid
from orchestrator.embedded.sandbox.run_book import Run, RunBook
from orchestrator.embedded.sandbox.search import CAPABILITY, SearchRequest, topic_of
from orchestrator.embedded.sandbox.workshop import Workshop

PATHS = "/api/v1/workspaces/"
#: What a new account has where no credit is set; runs are then unlimited all the same.
NEW_ACCOUNT_MICROS = 5_000_000
_PATH = re.compile(rf"{PATHS}([^/]+)/scrapers/(.+)")
_RUN = re.compile(r"runs/([^/]+)")
_CANCEL = re.compile(r"runs/([^/]+)/cancel")


class _Listing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    limit: int = Field(default=50, ge=1, le=100)
    offset: int = Field(default=0, ge=0)
    capability: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to the workspace of that id; `run_id` as its path has it, or empty."""

    scope: asgi.Scope
    receive: asgi.Receive
    send: asgi.Send
    workspace_id: str
    run_id: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind the path."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1")))


_Door = Callable[[Visit], Awaitable[None]]


class Workspace:
    """Serves buyers of the `workspace` protocol. There is one workspace."""

    def __init__(
        self, workspace_id: str, *, gate: Gate, book: RunBook, workshop: Workshop, bill: Bill
    ) -> None:
        self._id = workspace_id
        self._gate = gate
        self._book = book
        self._workshop = workshop
        self._bill = bill

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one request to a path that begins with `PATHS`.

        Raises:
            Refused: With SurfSense's own words.
        """
        path = _PATH.fullmatch(scope["path"])
        doors = {} if path is None else self._doors_at(path[2])
        if path is None or not doors:
            await asgi.send_json(send, 404, {"detail": "Not Found"})
        elif scope["method"] not in doors:
            await asgi.send_json(send, 405, {"detail": "Method Not Allowed"})
        else:
            run = _CANCEL.fullmatch(path[2]) or _RUN.fullmatch(path[2])
            visit = Visit(scope, receive, send, path[1], run[1] if run else "")
            await doors[scope["method"]](visit)

    def _doors_at(self, rest: str) -> dict[str, _Door]:
        if rest == "google_search/scrape":
            return {"POST": self._start}
        if rest == "capabilities":
            return {"GET": self._show_capabilities}
        if rest == "runs":
            return {"GET": self._list}
        if _CANCEL.fullmatch(rest):
            return {"POST": self._cancel}
        return {"GET": self._show} if _RUN.fullmatch(rest) else {}

    async def _start(self, visit: Visit) -> None:
        self._gate.admit(visit.scope, tells_wait=False)
        request = _request_in(await asgi.body_of(visit.receive), visit.query)
        self._check_workspace(visit.workspace_id)
        self._check_credit(request)
        behaviour = self._gate.behaviour
        _, key = topic_of("".join(request.phrases[:1]))
        attempt = self._gate.attempt_at(key)
        fault = fault_for(behaviour, key, attempt)
        self._gate.count(fault)
        if fault is Fault.ERROR:
            await fail(visit.send, attempt)
            return
        # From here on it is accepted, and goes on whatever becomes of the answer or the client.
        run = self._workshop.start(request, key, attempt)
        if fault is Fault.RESET:
            asgi.reset(visit.scope["state"][asgi.TRANSPORT])
        elif fault is Fault.TIMEOUT:
            await asgi.wait_for_disconnect(visit.receive)
        else:
            await asyncio.sleep(behaviour.late_ms / 1000 if fault is Fault.LATE else 0)
            content = {"run_id": f"run_{run.id}", "status": "running"}
            await asgi.send_json(visit.send, 202, content)

    async def _show(self, visit: Visit) -> None:
        self._look(visit)
        run = self._run_of(visit)
        if not await self._goes_wrong(visit, run.id):
            await asgi.send_json(visit.send, 200, run.detail())

    async def _list(self, visit: Visit) -> None:
        self._gate.admit_look(visit.scope)
        try:
            listing = _Listing.model_validate(visit.query)
        except ValidationError as error:
            raise invalid(error) from error
        self._check_workspace(visit.workspace_id)
        if not await self._goes_wrong(visit, "runs"):
            rows = self._book.page(**listing.model_dump())
            await asgi.send_json(visit.send, 200, [row.summary() for row in rows])

    async def _cancel(self, visit: Visit) -> None:
        self._look(visit)
        run = self._run_of(visit)
        if not self._workshop.cancel(run):
            raise Refused(409, "CONFLICT", "Run is not in progress.")
        content = {"run_id": f"run_{run.id}", "status": "cancelled"}
        await asgi.send_json(visit.send, 200, content)

    async def list_workspaces(
        self, scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send
    ) -> None:
        """Answer with the workspaces that a token may use: none without API access."""
        self._gate.admit_look(scope)
        workspace = {
            "id": int(self._id) if self._id.isdigit() else 0,
            "name": "Sandbox",
            "description": None,
            "created_at": "2026-07-06T09:00:00+00:00",
            "user_id": "00000000-0000-4000-8000-000000000001",
            "citations_enabled": True,
            "api_access_enabled": True,
            "qna_custom_instructions": None,
            "shared_memory_md": None,
            "llm_setup": None,
            "member_count": 1,
            "is_owner": True,
        }
        listed = [workspace] if self._gate.behaviour.api_access else []
        await asgi.send_json(send, 200, listed)

    async def show_user(self, scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer with the token's owner, who pays for all workspaces."""
        self._gate.admit_look(scope)
        credit = self._gate.behaviour.credit_micros
        user = {
            "id": "00000000-0000-4000-8000-000000000001",
            "email": "sandbox@emasai.example",
            "is_active": True,
            "credit_micros_balance": self._balance(
                NEW_ACCOUNT_MICROS if credit is None else credit
            ),
        }
        await asgi.send_json(send, 200, user)

    async def _show_capabilities(self, visit: Visit) -> None:
        self._look(visit)
        behaviour = self._gate.behaviour
        capability: dict[str, Any] = {
            "name": CAPABILITY,
            "description": "Invented search results of the sandbox.",
            "docs_url": "https://docs.example/google-search",
            "input_schema": SearchRequest.model_json_schema(),
            "output_schema": {"type": "object"},
            "pricing": [{"unit": "page", "micros_per_unit": SEARCH_MICROS}]
            if behaviour.billing
            else [],
        }
        await asgi.send_json(visit.send, 200, [capability] if behaviour.has_search else [])

    def _look(self, visit: Visit) -> None:
        self._gate.admit_look(visit.scope)
        self._check_workspace(visit.workspace_id)

    def _check_workspace(self, workspace_id: str) -> None:
        self._gate.check_workspace(workspace_id, self._id)

    def _check_credit(self, request: SearchRequest) -> None:
        credit = self._gate.behaviour.credit_micros
        if credit is None:
            return
        balance, required = self._balance(credit), request.worst_case_micros
        if balance < required:
            message = "Insufficient credits."
            detail = {
                "error_code": "insufficient_credits",
                "message": message,
                "balance_micros": balance,
                "required_micros": required,
            }
            raise Refused(402, "CLIENT_ERROR", message, detail=detail)

    def _balance(self, credit_micros: int) -> int:
        return credit_micros - self._bill.total_micros

    def _run_of(self, visit: Visit) -> Run:
        run = self._book.get(visit.run_id)
        if run is None:
            raise Refused(404, "NOT_FOUND", "Run not found.")
        return run

    async def _goes_wrong(self, visit: Visit, door: str) -> bool:
        """Meet the fault of this look, if it has one, and say whether it had."""
        attempt = self._gate.attempt_at(door)
        fault = poll_fault_for(self._gate.behaviour, door, attempt)
        self._gate.count(fault)
        match fault:
            case PollFault.ERROR:
                await fail(visit.send, attempt)
            case PollFault.RESET:
                asgi.reset(visit.scope["state"][asgi.TRANSPORT])
            case PollFault.TIMEOUT:
                await asgi.wait_for_disconnect(visit.receive)
            case None:
                return False
        return True


def _request_in(body: bytes | None, query: dict[str, str]) -> SearchRequest:
    try:
        request = SearchRequest.model_validate_json(body or b"")
    except ValidationError as error:
        raise invalid(error) from error
    if query.get("mode") != "async":
        fields = [{"loc": ["query", "mode"], "msg": "The sandbox does runs in mode=async only."}]
        raise Refused(422, "VALIDATION_ERROR", "Request validation failed.", fields=fields)
    if any("\x00" in query for query in request.queries):
        raise Refused(503, "INTERNAL_ERROR", "Could not start run.")
    return request

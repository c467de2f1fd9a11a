"""`python -m orchestrator.embedded.sandbox`: the sandbox's endpoints, until SIGINT or SIGTERM.

Both protocols of SurfSense, and `/__` endpoints for its operator.
"""

import argparse
import asyncio
import os
import socket
import sys
import time
import uuid
from asyncio import Transport
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.infra.clock import utc_now

from .auth import TRANSPORT, Auth, Json, Refused, body_of, deliver, unavailable
from .behaviour import Behaviour, Fault, SandboxOptions, fault_of, latency_s, problems
from .runs import Bill, Purchase, RunSimulator, RunStore
from .truth import catalogue_of, truth_about
from .workspace_api import WorkspaceApi, Worlds


class Sandbox:
    """The endpoints and their state; one per bill, since it counts in memory."""

    def __init__(self, options: SandboxOptions) -> None:
        self._bill = Bill(options.bill_path)
        self._runs = RunStore(options.runs_path)
        self._auth = Auth(options, time.monotonic)
        self._worlds = Worlds(options, self._auth)
        self._simulator = RunSimulator(self._runs, self._bill, self._auth, self._worlds.current)
        self._workspace_api = WorkspaceApi(
            auth=self._auth,
            bill=self._bill,
            runs=self._runs,
            simulator=self._simulator,
            worlds=self._worlds,
        )

    def asgi(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                *self._workspace_api.routes(),
                Route("/enrich", self.enrich, methods=["POST"]),
                Route("/health", self.health),
                Route("/__bill", self.show_bill),
                Route("/__truth", self.show_truth),
                Route("/__catalogue", self.show_catalogue),
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
        # Made before the first request, which would have to wait for it.
        self._worlds.current()
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
        name, key = _company_in(await body_of(request))
        behaviour = self._auth.behaviour
        attempt = self._auth.attempt_at(key)
        fault = fault_of(Fault, behaviour, key, attempt)
        with self._auth.one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, key, attempt))
            self._auth.count(fault)
            if fault is Fault.ERROR:
                return unavailable(attempt)
            # From here on it is charged, whatever becomes of the answer or the client.
            answer = self._sell(name, key, request.headers.get("idempotency-key", ""))
            return await deliver(request, self._auth, fault, Json(answer))

    def _sell(self, name: str, key: str, purchase_id: str) -> dict[str, Any]:
        behaviour, now = self._auth.behaviour, utc_now()
        answer = behaviour.invent(name, key, now)
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

    async def health(self, _request: Request) -> Response:
        """Answer as a healthy SurfSense, and say what this is."""
        return Json({"status": "ok", "simulated": True})

    async def show_bill(self, _request: Request) -> Response:
        """Return the bill, and what was asked for."""
        return Json({"simulated": True} | self._bill.summary() | self._auth.counts())

    async def show_truth(self, request: Request) -> Response:
        """Return the truth about the company that the query names, as the real world has it.

        Raises:
            Refused: It names no company.
        """
        truth = truth_about(self._worlds.real, request.query_params.get("company", ""))
        if truth is None:
            raise Refused(422, "VALIDATION_ERROR", "company: must be a company's name")
        return Json(truth)

    async def show_catalogue(self, request: Request) -> Response:
        """Return the real world's catalogue as leads know it, or its first `limit` companies."""
        limit = request.query_params.get("limit", "")
        listing = catalogue_of(self._worlds.real)
        return Json(listing[: int(limit)] if limit.isdecimal() else listing)

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
            changes = orjson.loads(await body_of(request))
            self._auth.behaviour = Behaviour.model_validate({**current, **changes})
        except ValidationError as error:
            raise Refused(422, "VALIDATION_ERROR", problems(error)) from error
        except (orjson.JSONDecodeError, TypeError) as error:
            raise Refused(422, "VALIDATION_ERROR", "The body must be a JSON object.") from error
        return Json(self._auth.behaviour.model_dump())


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


#: Connections that may wait to be accepted: a fleet's burst must not be refused.
BACKLOG = 2048
#: Seconds that requests in flight get at a shutdown, which unanswered ones would hold up.
LAST_ANSWERS_S = 2


def main(arguments: list[str] | None = None) -> None:
    """Serve with the options of the command line; *arguments* stand for `sys.argv[1:]`."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    host, port, ready_file = given.pop("host"), given.pop("port"), given.pop("ready_file")
    try:
        options = SandboxOptions.model_validate(given)
    except ValidationError as error:
        parser.error(problems(error))
    try:
        run(host, port, options, partial(_announce, ready_file=ready_file))
    except OSError as error:
        parser.exit(1, f"{parser.prog}: {host}:{port}: {error.strerror}\n")


def run(host: str, port: int, options: SandboxOptions, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; *on_ready* gets the URL once connections are accepted.

    Raises:
        OSError: The address cannot be listened on.
    """
    sandbox = Sandbox(options)
    with closing(sandbox), socket.create_server((host, port), backlog=BACKLOG) as listener:
        config = uvicorn.Config(
            sandbox.asgi(),
            http=_AbortableProtocol,
            loop="uvloop",
            lifespan="on",
            ws="none",
            access_log=False,
            log_level="warning",
            backlog=BACKLOG,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
        host, port = listener.getsockname()[:2]
        on_ready(f"http://{host}:{port}")
        uvicorn.Server(config).run(sockets=[listener])


class _AbortableProtocol(H11Protocol):
    """Hands each connection's transport to the application, which may abort it."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def _announce(url: str, *, ready_file: Path | None) -> None:
    sys.stdout.write(f"SurfSense sandbox on {url}: all of its data is invented.\n")
    sys.stdout.flush()
    if ready_file is not None:
        # In one step, so that no reader sees half of the file.
        complete = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        complete.write_bytes(orjson.dumps({"url": url, "pid": os.getpid()}))
        complete.replace(ready_file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator.embedded.sandbox",
        description="A metered stand-in for SurfSense that sells invented evidence.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", default=8090, type=int, help="0 takes a free port")
    parser.add_argument("--ready-file", type=Path, help="file that gets {url, pid} as JSON when up")
    for name, field in SandboxOptions.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=field.description
        )
    return parser


if __name__ == "__main__":
    main()

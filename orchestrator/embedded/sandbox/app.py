"""The sandbox as an ASGI application: SurfSense's doors, and `/__` doors for whoever runs it."""

import time
from collections.abc import Awaitable, Callable

import orjson
from pydantic import ValidationError

from orchestrator.embedded.sandbox import asgi
from orchestrator.embedded.sandbox.bill import Bill
from orchestrator.embedded.sandbox.desk import Desk
from orchestrator.embedded.sandbox.gate import Gate
from orchestrator.embedded.sandbox.options import Behaviour, SandboxOptions, problems
from orchestrator.embedded.sandbox.refusal import Refused, request_id_of
from orchestrator.embedded.sandbox.run_book import RunBook
from orchestrator.embedded.sandbox.seller import Seller
from orchestrator.embedded.sandbox.window import FixedWindow
from orchestrator.embedded.sandbox.workshop import Workshop
from orchestrator.embedded.sandbox.workspace import PATHS, Workspace
from orchestrator.infra.clock import Clock, utc_now

_Door = Callable[[asgi.Scope, asgi.Receive, asgi.Send], Awaitable[None]]


class SandboxApp:
    """One per bill, since it counts in memory."""

    def __init__(
        self,
        options: SandboxOptions,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._bill = Bill(options.bill_path)
        self._book = RunBook(options.runs_path)
        self._gate = Gate(options, FixedWindow(monotonic))
        self._workshop = Workshop(self._book, self._bill, self._gate, clock)
        self._workspace = Workspace(
            options.workspace_id,
            gate=self._gate,
            book=self._book,
            workshop=self._workshop,
            bill=self._bill,
        )
        self._doors: dict[tuple[str, str], _Door] = {
            ("POST", "/enrich"): Desk(self._gate, Seller(self._bill, clock)).enrich,
            ("GET", "/enrich"): _wrong_method,
            ("GET", "/verify-token"): self._verify_token,
            ("GET", "/users/me"): self._workspace.show_user,
            ("GET", PATHS.rstrip("/")): self._workspace.list_workspaces,
            ("GET", "/health"): self._health,
            ("GET", "/__bill"): self._show_bill,
            ("POST", "/__reset"): self._reset,
            ("POST", "/__faults"): self._change_behaviour,
        }

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one request, or live through the server's whole life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        request_id = request_id_of(scope)
        send = asgi.with_header(send, b"x-request-id", request_id.encode("latin-1"))
        try:
            await self._door_of(scope)(scope, receive, send)
        except Refused as refused:
            content = refused.content(request_id, self._clock())
            await asgi.send_json(send, refused.status, content, *refused.headers)

    def close(self) -> None:
        """Close the files."""
        self._bill.close()
        self._book.close()

    async def _live(self, receive: asgi.Receive, send: asgi.Send) -> None:
        await receive()
        self._workshop.resume()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # Runs stay as they are: the next start finds them interrupted.
        self._workshop.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _door_of(self, scope: asgi.Scope) -> _Door:
        speaks, path = self._gate.behaviour.speaks, scope["path"]
        if path.startswith("/__") or path == "/health":
            pass
        elif speaks != "both" and (path == "/enrich") != (speaks == "enrich"):
            return _no_door
        if path.startswith(PATHS):
            return self._workspace
        return self._doors.get((scope["method"], scope["path"]), _no_door)

    async def _verify_token(
        self, scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send
    ) -> None:
        self._gate.check_key(scope)
        await asgi.send_json(send, 200, {"message": "Token is valid", "method": "pat"})

    async def _health(self, _scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        await asgi.send_json(send, 200, {"status": "ok"})

    async def _show_bill(self, _scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        summary = {"simulated": True} | self._bill.summary() | self._gate.counts()
        await asgi.send_json(send, 200, summary)

    async def _reset(self, _scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        self._workshop.stop()
        self._book.reset()
        self._bill.reset()
        self._gate.start_counting()
        await asgi.send_json(send, 200, {"status": "ok"})

    async def _change_behaviour(
        self, _scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        current = self._gate.behaviour.model_dump()
        try:
            changes = orjson.loads(await asgi.body_of(receive) or b"")
            self._gate.behaviour = Behaviour.model_validate({**current, **changes})
        except ValidationError as error:
            raise Refused(422, "VALIDATION_ERROR", problems(error)) from error
        except (orjson.JSONDecodeError, TypeError) as error:
            raise Refused(422, "VALIDATION_ERROR", "The body must be a JSON object.") from error
        await asgi.send_json(send, 200, self._gate.behaviour.model_dump())


async def _wrong_method(_scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
    await asgi.send_json(send, 405, {"detail": "Method Not Allowed"})


async def _no_door(_scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
    """Answer bare, as SurfSense does on a path that it does not have."""
    await asgi.send_json(send, 404, {"detail": "Not Found"})

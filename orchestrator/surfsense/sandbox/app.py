"""The sandbox as an ASGI application: SurfSense's doors, and `/__` doors for whoever runs it."""

import time
from collections.abc import Awaitable, Callable

import orjson
from pydantic import ValidationError

from orchestrator.clock import Clock, utc_now
from orchestrator.surfsense.sandbox import asgi
from orchestrator.surfsense.sandbox.bill import Bill
from orchestrator.surfsense.sandbox.desk import Desk, Refused
from orchestrator.surfsense.sandbox.options import Behaviour, SandboxOptions, problems
from orchestrator.surfsense.sandbox.seller import Seller
from orchestrator.surfsense.sandbox.window import FixedWindow

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
        self._bill = Bill(options.bill_path)
        self._desk = Desk(options, Seller(self._bill, clock), FixedWindow(monotonic))
        self._doors: dict[tuple[str, str], _Door] = {
            ("POST", "/enrich"): self._desk.enrich,
            ("GET", "/health"): self._health,
            ("GET", "/__bill"): self._show_bill,
            ("POST", "/__reset"): self._reset,
            ("POST", "/__faults"): self._change_behaviour,
        }

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one request."""
        door = self._doors.get((scope["method"], scope["path"]))
        if door is None:
            # Bare, as SurfSense answers on a path that it does not have.
            await asgi.send_json(send, 404, {"detail": "Not Found"})
            return
        try:
            await door(scope, receive, send)
        except Refused as refused:
            await asgi.send_json(send, refused.status, refused.content, *refused.headers)

    def close(self) -> None:
        """Close the bill's file."""
        self._bill.close()

    async def _health(self, _scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        await asgi.send_json(send, 200, {"status": "ok"})

    async def _show_bill(self, _scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        summary = {"simulated": True} | self._bill.summary() | self._desk.counts()
        await asgi.send_json(send, 200, summary)

    async def _reset(self, _scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        self._bill.reset()
        self._desk.start_counting()
        await asgi.send_json(send, 200, {"status": "ok"})

    async def _change_behaviour(
        self, _scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        current = self._desk.behaviour.model_dump()
        try:
            changes = orjson.loads(await asgi.body_of(receive) or b"")
            self._desk.behaviour = Behaviour.model_validate({**current, **changes})
        except ValidationError as error:
            raise Refused(422, "VALIDATION_ERROR", problems(error)) from error
        except (orjson.JSONDecodeError, TypeError) as error:
            raise Refused(422, "VALIDATION_ERROR", "The body must be a JSON object.") from error
        await asgi.send_json(send, 200, self._desk.behaviour.model_dump())

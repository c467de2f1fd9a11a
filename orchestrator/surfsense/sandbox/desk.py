"""`POST /enrich`: admits, refuses, delays, sells, and goes wrong as ordered."""

import asyncio
import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from orchestrator.identity import InvalidCompanyName, company_key
from orchestrator.surfsense.sandbox import asgi
from orchestrator.surfsense.sandbox.faults import Fault, fault_for, latency_s
from orchestrator.surfsense.sandbox.options import Behaviour, SandboxOptions
from orchestrator.surfsense.sandbox.seller import Order, Seller
from orchestrator.surfsense.sandbox.window import FixedWindow

_UNAVAILABLE_PAGE = b"<html><body><h1>503 Service Unavailable</h1></body></html>"


class Refused(Exception):
    """The request gets an error answer and costs nothing."""

    def __init__(self, status: int, code: str, message: str, wait_s: int | None = None) -> None:
        super().__init__(status, code, message, wait_s)
        self.status = status
        self.content = {"error": {"code": code, "message": message}, "detail": message}
        self.headers = () if wait_s is None else ((b"retry-after", str(wait_s).encode()),)


class Desk:
    """Serves buyers; counts them and its own faults in memory."""

    def __init__(self, options: SandboxOptions, seller: Seller, window: FixedWindow) -> None:
        self.behaviour: Behaviour = options.behaviour
        self._api_key = options.api_key
        self._seller = seller
        self._window = window
        self._in_flight = 0
        self.start_counting()

    def start_counting(self) -> None:
        """Forget all requests but those in flight; faults begin again at the first attempt."""
        self._requests = 0
        self._faults: Counter[Fault] = Counter()
        self._attempts: Counter[str] = Counter()
        self._window.forget()

    def counts(self) -> dict[str, Any]:
        """Return the requests seen, those in flight, and the faults injected by kind."""
        return {
            "requests": self._requests,
            "in_flight": self._in_flight,
            "faults": {fault.value: self._faults[fault] for fault in Fault},
        }

    async def enrich(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one purchase.

        Raises:
            Refused: In SurfSense's order: the rate limit, the key, the body.
        """
        self._requests += 1
        self._admit(asgi.header(scope, b"authorization"))
        purchase_id = asgi.header(scope, b"idempotency-key")
        order = _order_in(await asgi.body_of(receive), purchase_id)
        behaviour = self.behaviour
        self._attempts[order.key] += 1
        attempt = self._attempts[order.key]
        fault = fault_for(behaviour, order.key, attempt)
        with self._one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, order.key, attempt))
            if fault is not None:
                self._faults[fault] += 1
            if fault is Fault.ERROR:
                await _send_error(send, attempt)
                return
            # From here on it is charged, whatever becomes of the answer or the client.
            answer = self._seller.sell(order, behaviour)
            if fault is Fault.RESET:
                asgi.reset(scope["state"][asgi.TRANSPORT])
                return
            if fault is Fault.TIMEOUT:
                await asgi.wait_for_disconnect(receive)
                return
            if fault is Fault.LATE:
                await asyncio.sleep(behaviour.late_ms / 1000)
            await asgi.send_json(send, 200, answer)

    def _admit(self, authorization: str) -> None:
        wait_s = self._window.seconds_to_wait(self.behaviour.rate_limit)
        if wait_s:
            message = "Rate limit exceeded for this workspace. Try again shortly."
            raise Refused(429, "RATE_LIMIT_EXCEEDED", message, wait_s)
        if self._api_key is not None:
            given = authorization.removeprefix("Bearer ").encode()
            if not hmac.compare_digest(given, self._api_key.get_secret_value().encode()):
                raise Refused(401, "UNAUTHORIZED", "The API key is missing or wrong.")

    @contextmanager
    def _one_more_in_flight(self) -> Iterator[None]:
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1


def _order_in(body: bytes | None, purchase_id: str) -> Order:
    try:
        asked = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        asked = None
    name = asked.get("empresa") if isinstance(asked, dict) else None
    if not isinstance(name, str):
        raise Refused(422, "VALIDATION_ERROR", 'The body must be {"empresa": "<name>"}.')
    try:
        return Order(name=name, key=company_key(name), purchase_id=purchase_id)
    except InvalidCompanyName as error:
        raise Refused(422, "VALIDATION_ERROR", f"empresa: {error}") from error


async def _send_error(send: asgi.Send, attempt: int) -> None:
    """Fail in turn as the application does, with JSON, and as a proxy does, with a page."""
    if attempt % 2:
        message = "The 'web.crawl' capability failed due to an upstream error."
        content = {"error": {"code": "INTERNAL_ERROR", "message": message}, "detail": message}
        await asgi.send_json(send, 500, content)
    else:
        await asgi.send_body(send, 503, _UNAVAILABLE_PAGE, kind=b"text/html")

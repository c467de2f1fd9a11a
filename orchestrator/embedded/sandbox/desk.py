"""`POST /enrich`: admits, refuses, delays, sells, and goes wrong as ordered."""

import asyncio

import orjson

from orchestrator.embedded.sandbox import asgi
from orchestrator.embedded.sandbox.faults import Fault, fault_for, latency_s
from orchestrator.embedded.sandbox.gate import Gate
from orchestrator.embedded.sandbox.refusal import Refused, fail
from orchestrator.embedded.sandbox.seller import Order, Seller
from orchestrator.identity import InvalidCompanyName, company_key


class Desk:
    """Serves buyers of the `enrich` protocol."""

    def __init__(self, gate: Gate, seller: Seller) -> None:
        self._gate = gate
        self._seller = seller

    async def enrich(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one purchase.

        Raises:
            Refused: In SurfSense's order: the rate limit, the key, the body.
        """
        self._gate.admit(scope, tells_wait=True)
        purchase_id = asgi.header(scope, b"idempotency-key")
        order = _order_in(await asgi.body_of(receive), purchase_id)
        behaviour = self._gate.behaviour
        attempt = self._gate.attempt_at(order.key)
        fault = fault_for(behaviour, order.key, attempt)
        with self._gate.one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, order.key, attempt))
            self._gate.count(fault)
            if fault is Fault.ERROR:
                await fail(send, attempt)
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

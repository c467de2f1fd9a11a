"""What the sandbox sells: one company's invented evidence, charged before it is handed over."""

from dataclasses import dataclass
from typing import Any

from orchestrator.embedded.sandbox.bill import Bill, Purchase
from orchestrator.embedded.sandbox.invention import invent
from orchestrator.embedded.sandbox.options import Behaviour
from orchestrator.infra.clock import Clock


@dataclass(frozen=True, slots=True)
class Order:
    """One request to enrich. `purchase_id` is its `Idempotency-Key`, empty without one."""

    name: str
    key: str
    purchase_id: str


class Seller:
    """Charges each order once it is done; twice the same order is charged twice."""

    def __init__(self, bill: Bill, clock: Clock) -> None:
        self._bill = bill
        self._clock = clock

    def sell(self, order: Order, behaviour: Behaviour) -> dict[str, Any]:
        """Return the answer to *order*, which is on the bill by then."""
        now = self._clock()
        answer = invent(
            order.name,
            order.key,
            now,
            not_found_rate=behaviour.not_found_rate,
            ambiguous_rate=behaviour.ambiguous_rate,
        )
        if not (behaviour.honour_idempotency_key and self._is_charged(order)):
            self._bill.record(
                Purchase(
                    at_ms=int(now.timestamp() * 1000),
                    key=order.key,
                    name=order.name,
                    purchase_id=order.purchase_id,
                    outcome=answer["estado"],
                    cost_micros=answer["cost_micros"],
                )
            )
        return answer

    def _is_charged(self, order: Order) -> bool:
        return self._bill.key_charged_for(order.purchase_id) == order.key

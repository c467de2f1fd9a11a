"""Which fault a request meets, and how long it takes: pure, the same for the same request."""

from enum import StrEnum

from orchestrator.surfsense.sandbox.dice import share
from orchestrator.surfsense.sandbox.options import Behaviour


class Fault(StrEnum):
    """What goes wrong on purpose. All but `ERROR` come after the purchase was charged."""

    ERROR = "error"
    RESET = "reset"
    TIMEOUT = "timeout"
    LATE = "late"


def fault_for(behaviour: Behaviour, key: str, attempt: int) -> Fault | None:
    """Return the fault of the *attempt*-th request about a company, or None."""
    drawn = share(behaviour.seed, key, attempt, "fault")
    for fault, rate in (
        (Fault.ERROR, behaviour.error_rate),
        (Fault.RESET, behaviour.reset_rate),
        (Fault.TIMEOUT, behaviour.timeout_rate),
        (Fault.LATE, behaviour.late_rate),
    ):
        if drawn < rate:
            return fault
        drawn -= rate
    return None


def latency_s(behaviour: Behaviour, key: str, attempt: int) -> float:
    """Return the seconds that the *attempt*-th search for a company takes."""
    span_ms = behaviour.latency_max_ms - behaviour.latency_min_ms
    drawn = share(behaviour.seed, key, attempt, "latency")
    return (behaviour.latency_min_ms + drawn * span_ms) / 1000

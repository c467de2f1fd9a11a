"""Which fault a request meets, and how long it takes: pure, the same for the same request."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from orchestrator.embedded.sandbox.dice import share
from orchestrator.embedded.sandbox.options import Behaviour


class Fault(StrEnum):
    """What goes wrong with a POST. All but `ERROR` come after it was charged, or accepted."""

    ERROR = "error"
    RESET = "reset"
    TIMEOUT = "timeout"
    LATE = "late"


class PollFault(StrEnum):
    """What goes wrong with a look at runs, which costs nothing."""

    ERROR = "poll_error"
    RESET = "poll_reset"
    TIMEOUT = "poll_timeout"


class RunFault(StrEnum):
    """What goes wrong in a run, uncharged."""

    ERROR = "run_error"


_F = TypeVar("_F", Fault, PollFault, RunFault)


def fault_for(behaviour: Behaviour, key: str, attempt: int) -> Fault | None:
    """Return the fault of the *attempt*-th request about a company, or None."""
    rates = (
        (Fault.ERROR, behaviour.error_rate),
        (Fault.RESET, behaviour.reset_rate),
        (Fault.TIMEOUT, behaviour.timeout_rate),
        (Fault.LATE, behaviour.late_rate),
    )
    return _drawn(rates, share(behaviour.seed, key, attempt, "fault"))


def poll_fault_for(behaviour: Behaviour, door: str, attempt: int) -> PollFault | None:
    """Return the fault of the *attempt*-th look through a *door*, or None."""
    rates = (
        (PollFault.ERROR, behaviour.poll_error_rate),
        (PollFault.RESET, behaviour.poll_reset_rate),
        (PollFault.TIMEOUT, behaviour.poll_timeout_rate),
    )
    return _drawn(rates, share(behaviour.seed, door, attempt, "poll fault"))


def run_fault_for(behaviour: Behaviour, key: str, attempt: int) -> RunFault | None:
    """Return the fault of the run that the *attempt*-th request about a company began, or None."""
    rates = ((RunFault.ERROR, behaviour.run_error_rate),)
    return _drawn(rates, share(behaviour.seed, key, attempt, "run fault"))


def _drawn(rates: Iterable[tuple[_F, float]], drawn: float) -> _F | None:
    for fault, rate in rates:
        if drawn < rate:
            return fault
        drawn -= rate
    return None


def latency_s(behaviour: Behaviour, key: str, attempt: int) -> float:
    """Return the seconds that the *attempt*-th search for a company takes."""
    span_ms = behaviour.latency_max_ms - behaviour.latency_min_ms
    drawn = share(behaviour.seed, key, attempt, "latency")
    return (behaviour.latency_min_ms + drawn * span_ms) / 1000

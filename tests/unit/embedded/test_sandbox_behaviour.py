"""Faults, latency, limits and options of the sandbox, without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from orchestrator.embedded.sandbox import Behaviour, SandboxOptions
from orchestrator.embedded.sandbox.auth import RateWindow
from orchestrator.embedded.sandbox.behaviour import Fault, fault_of, latency_s

MIXED = Behaviour(error_rate=0.1, reset_rate=0.2, timeout_rate=0.3, late_rate=0.1)


class HandClock:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds it stands at."""
        return self.now


@given(st.text(), st.integers(min_value=1))
def test_the_same_request_meets_the_same_fault(key: str, attempt: int) -> None:
    """A run can be repeated exactly."""
    again = Behaviour(**MIXED.model_dump())

    assert fault_of(Fault, MIXED, key, attempt) == fault_of(Fault, again, key, attempt)
    assert latency_s(MIXED, key, attempt) == latency_s(again, key, attempt)


def test_faults_come_as_often_as_ordered() -> None:
    """Each rate is the share of requests that meet its fault, whatever the others are."""
    met = [fault_of(Fault, MIXED, f"company {number}", 1) for number in range(5_000)]

    shares = {fault: met.count(fault) / len(met) for fault in [*Fault, None]}
    assert shares == pytest.approx(
        {Fault.ERROR: 0.1, Fault.RESET: 0.2, Fault.TIMEOUT: 0.3, Fault.LATE: 0.1, None: 0.3},
        abs=0.03,
    )


def test_seed_and_attempt_change_the_fault() -> None:
    """A company does not fail permanently, nor in every run."""
    half = Behaviour(error_rate=0.5)
    other = Behaviour(error_rate=0.5, seed=1)

    attempts = {fault_of(Fault, half, "acme", attempt) for attempt in range(1, 30)}
    seeds = [
        fault_of(Fault, half, f"company {number}", 1)
        == fault_of(Fault, other, f"company {number}", 1)
        for number in range(100)
    ]

    assert attempts == {None, Fault.ERROR}
    assert not all(seeds)


@given(st.text(), st.integers(min_value=1))
def test_a_search_takes_the_ordered_time(key: str, attempt: int) -> None:
    """Latency lies between its bounds."""
    behaviour = Behaviour(latency_min_ms=200, latency_max_ms=800)

    assert 0.2 <= latency_s(behaviour, key, attempt) <= 0.8


@pytest.mark.parametrize(
    "options",
    [
        {"error_rate": 1.5},
        {"error_rate": -0.1},
        {"latency_min_ms": 10, "latency_max_ms": 5},
        {"error_rate": 0.6, "reset_rate": 0.6},
        {"not_found_rate": 0.6, "ambiguous_rate": 0.6},
        {"rate_limit": 0},
        {"reset_rat": 0.1},
        {"poll_error_rate": 0.6, "poll_timeout_rate": 0.6},
        {"credit_micros": -1},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    """A misspelt or impossible fault must not pass for a sandbox without faults."""
    with pytest.raises(ValidationError):
        Behaviour.model_validate(options)


def test_only_the_behaviour_can_change_at_run_time() -> None:
    """Key and bill are fixed at the start, and not shown with the rest."""
    options = SandboxOptions(api_key=SecretStr("secret"), error_rate=0.5)

    assert options.behaviour == Behaviour(error_rate=0.5)


def test_a_window_admits_its_limit_then_says_how_long() -> None:
    """The window begins with its first request; refused requests do not extend it."""
    clock = HandClock()
    window = RateWindow(clock)

    first = [window.seconds_to_wait(2), window.seconds_to_wait(2)]
    clock.now += 45.5
    refused = [window.seconds_to_wait(2), window.seconds_to_wait(2)]
    clock.now += 14.5
    next_window = window.seconds_to_wait(2)

    assert first == [0, 0]
    assert refused == [15, 15]
    assert next_window == 0


def test_without_a_limit_everything_is_admitted() -> None:
    """An unlimited sandbox never refuses."""
    window = RateWindow(HandClock())

    assert {window.seconds_to_wait(None) for _ in range(1_000)} == {0}

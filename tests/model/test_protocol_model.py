"""The purchase protocol, in every order of events that the bounds allow. See docs/protocol.md."""

import pytest

from tests.model.explorer import Explorer
from tests.model.interruptions import INTERRUPTIONS, STRAY_MUTATIONS
from tests.model.invariants import ALWAYS, QUIET, counted_once, invalidation_wins
from tests.model.scenario import Scenario
from tests.model.scenarios import MUTATIONS, QUICK, UNEXCLUDED, Mutation, applied


@pytest.mark.parametrize("scenario", [*QUICK, *INTERRUPTIONS], ids=lambda scenario: scenario.name)
def test_no_order_of_events_breaks_a_promise(scenario: Scenario) -> None:
    """Every invariant holds in every state that the scenario can reach."""
    report = Explorer(scenario).explore()

    print(f"{report.states} states, {report.ends} ends")  # noqa: T201 - shown by pytest -rP
    assert report.counterexample is None, str(report.counterexample)
    assert report.ends > 0


@pytest.mark.parametrize(
    "mutation", [*MUTATIONS, *STRAY_MUTATIONS], ids=lambda mutation: mutation.name
)
def test_a_broken_protocol_is_found_out(mutation: Mutation) -> None:
    """What the protocol does not do for nothing is missed at once."""
    with applied(mutation):
        report = Explorer(mutation.mutant, mutation.breaks).explore(deepest_first=True)

    assert report.counterexample is not None
    broken = report.counterexample.invariant
    assert broken in {promise.__name__ for promise in mutation.breaks}


def test_every_promise_is_broken_on_purpose() -> None:
    """A promise that no mutation breaks might not be looked at at all."""
    broken = {promise for each in (*MUTATIONS, *STRAY_MUTATIONS) for promise in each.breaks}

    assert broken == {*ALWAYS, *QUIET}


def test_settled_runs_have_to_be_left_out() -> None:
    """Within the allowance for clocks, an old run would else be taken for a lost one."""
    report = Explorer(UNEXCLUDED, (counted_once, invalidation_wins)).explore(deepest_first=True)

    assert report.counterexample is not None
    assert report.counterexample.invariant in {counted_once.__name__, invalidation_wins.__name__}

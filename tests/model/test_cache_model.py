"""The gateway's cache, in every order of events that the bounds allow. See docs/protocol.md."""

import pytest

from tests.model.cached_cases import CACHED_MUTATIONS, CASES, CachedMutation
from tests.model.cached_explorer import PROMISES, explore
from tests.model.cached_world import Case
from tests.model.scenarios import applied


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_order_of_events_returns_an_old_lead(case: Case) -> None:
    """Every promise holds in every state that the case can reach."""
    report = explore(case)

    print(f"{report.states} states, {report.ends} ends")  # noqa: T201 - shown by pytest -rP
    assert report.counterexample is None, str(report.counterexample)
    assert report.ends > 0


@pytest.mark.parametrize("mutation", CACHED_MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_rule_of_the_cache_is_needed(mutation: CachedMutation) -> None:
    """Without it, some order of the same events breaks a promise."""
    with applied(mutation):
        report = explore(mutation.mutant)

    assert report.counterexample is not None
    assert report.counterexample.invariant in mutation.breaks


def test_every_promise_of_the_cache_is_broken_on_purpose() -> None:
    """A promise that no mutation breaks might not be looked at at all."""
    broken = {promise for each in CACHED_MUTATIONS for promise in each.breaks}

    assert broken == set(PROMISES)

"""The proofs of `test_standstill` are worth something: each rule that is taken away is noticed."""

import asyncio
from dataclasses import replace

import pytest

from bench.standstill import BEFORE_POST, BOTH, KILLED, SHORT, STAND_STILL, Scenario, run_scenario
from tests.support.planted import Fault

#: Twenty companies of a seller that takes 10 s.
PLAN = replace(SHORT, companies=20, answer_s=10)
FURTHER_TRIES = 3
CASES = [
    (STAND_STILL, "enrich", (Fault.LEASE, Fault.RECORD, Fault.FOLLOW)),
    (BOTH, "enrich", (Fault.SILENCE,)),
    (KILLED, "enrich", (Fault.BARRED,)),
    (BEFORE_POST, "workspace", (Fault.GUARD,)),
]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("scenario", "protocol", "faults"), CASES)
async def test_a_rule_that_is_taken_away_is_noticed(
    scenario: Scenario, protocol: str, faults: tuple[Fault, ...]
) -> None:
    """The scenario goes well with all rules, and breaks its promise without each of these."""
    whole, *broken = await asyncio.gather(
        *(run_scenario(scenario, protocol, PLAN, fault=fault) for fault in (None, *faults))
    )

    assert whole.faults == []
    unnoticed = [fault for fault, report in zip(faults, broken, strict=True) if not report.faults]
    for fault in unnoticed:
        assert await _is_noticed_later(scenario, protocol, fault), fault


async def _is_noticed_later(scenario: Scenario, protocol: str, fault: Fault) -> bool:
    """Try *fault* again: on a busy machine, what a scenario stops may not be where it does harm."""
    for _ in range(FURTHER_TRIES):
        if (await run_scenario(scenario, protocol, PLAN, fault=fault)).faults:
            return True
    return False

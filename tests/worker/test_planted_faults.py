"""The proofs of `test_standstill` are worth something: each rule that is taken away is noticed."""

import asyncio
from dataclasses import replace

import pytest

from bench.standstill import BEFORE_POST, BOTH, KILLED, SHORT, STAND_STILL, Scenario, run_scenario
from tests.support.planted import Fault

#: Twenty companies of a seller that takes 10 s.
PLAN = replace(SHORT, companies=20, answer_s=10)
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
    tried = [None, *faults]
    reports = await asyncio.gather(
        *(run_scenario(scenario, protocol, PLAN, fault=fault) for fault in tried)
    )

    assert reports[0].faults == []
    unnoticed = [
        fault for fault, report in zip(faults, reports[1:], strict=True) if not report.faults
    ]
    assert unnoticed == []

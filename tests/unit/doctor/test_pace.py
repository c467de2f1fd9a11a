"""What the doctor says of the gate that paid calls pass."""

from datetime import timedelta

import pytest

from orchestrator.doctor import Level
from orchestrator.doctor.database import judge_pace
from orchestrator.surfsense.pace import Breaker, PaceState
from tests.support.cases import pace_state


@pytest.mark.parametrize(
    ("state", "level", "says"),
    [
        (pace_state(), Level.OK, "40 of 118 calls"),
        (pace_state(has_credit=False), Level.FAULT, "no credit (Insufficient credits)"),
        (pace_state(breaker=Breaker.OPEN), Level.WARNING, "failed 5 times in a row"),
        (pace_state(limited_for=timedelta(seconds=30)), Level.WARNING, "holds all calls for 30 s"),
    ],
)
def test_what_keeps_calls_back_is_named(state: PaceState, level: Level, says: str) -> None:
    """Used up credit stops everything, so it is a fault; the rest passes."""
    diagnosis = judge_pace(state)

    assert (diagnosis.check, diagnosis.level) == ("pace", level)
    assert says in diagnosis.what

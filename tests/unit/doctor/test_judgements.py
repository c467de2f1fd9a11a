"""The smaller judgements: SurfSense, schema, Python, hit rates."""

import pytest

from orchestrator.database import SchemaState
from orchestrator.doctor.database import judge_schema
from orchestrator.doctor.examine import judge_python
from orchestrator.doctor.finding import Level
from orchestrator.doctor.money import judge_doubt, judge_hit_rates
from orchestrator.doctor.surfsense import judge_health
from orchestrator.purchasing import UncertainCost

WHERE = "http://surfsense:8000"


@pytest.mark.parametrize(
    ("status", "body", "level", "fix"),
    [
        (200, {"status": "ok"}, Level.OK, ""),
        (200, {"status": "ok", "simulated": True}, Level.WARNING, "real service"),
        (200, {"status": "degraded"}, Level.FAULT, "names SurfSense"),
        (200, None, Level.FAULT, "names SurfSense"),
        (200, [], Level.FAULT, "names SurfSense"),
        (401, None, Level.FAULT, "missing, wrong or expired"),
        (403, None, Level.FAULT, "Allow API access"),
        (404, None, Level.FAULT, "origin"),
        (503, None, Level.FAULT, "log"),
        (307, None, Level.FAULT, "log"),
    ],
)
def test_surfsense_is_judged_by_its_health_door(
    status: int, body: object, level: Level, fix: str
) -> None:
    """A missing key and a forbidden one are told apart, and each answer has its fix."""
    finding = judge_health(WHERE, status, body, simulated=False)

    assert finding.level is level
    assert fix in (finding.fix or "")


def test_the_sandbox_is_never_taken_for_the_real_service() -> None:
    """Where the settings say that data is simulated, the doctor says so too."""
    finding = judge_health(WHERE, 200, {"status": "ok"}, simulated=True)

    assert finding.level is Level.WARNING
    assert "invented" in finding.what


@pytest.mark.parametrize(
    ("current", "level"), [("r2", Level.OK), (None, Level.FAULT), ("r1", Level.FAULT)]
)
def test_the_schema_must_be_that_of_this_program(current: str | None, level: Level) -> None:
    """Nothing starts on an empty database, nor on one of another revision."""
    assert judge_schema(SchemaState(current, "r2")).level is level


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 10, 14), Level.FAULT), ((3, 11, 0), Level.OK), ((4, 0, 0), Level.OK)],
)
def test_python_must_be_new_enough(version: tuple[int, ...], level: Level) -> None:
    """3.11 is the oldest that will do."""
    assert judge_python(version).level is level


@pytest.mark.parametrize(
    ("hits", "misses", "level"),
    [
        (10, 10, Level.OK),
        (9, 11, Level.WARNING),
        (0, 20, Level.WARNING),
        (0, 19, Level.OK),
        (1, 0, Level.OK),
    ],
)
def test_a_hit_rate_below_half_is_a_warning_once_there_are_enough_lookups(
    hits: int, misses: int, level: Level
) -> None:
    """From 20 lookups on, less than 50 % is said."""
    (finding,) = judge_hit_rates({"cache.lead.hit": hits, "cache.lead.miss": misses})

    assert finding.check == "hit rate lead"
    assert finding.level is level


def test_no_lookups_are_no_fault() -> None:
    """A new installation has no hit rate, and that is fine."""
    (finding,) = judge_hit_rates({})

    assert finding.level is Level.OK


def test_purchases_without_an_answer_are_told_with_what_they_may_have_cost() -> None:
    """How many, how much, which command shows them; nothing where there are none."""
    assert judge_doubt(UncertainCost(0, 0)) == []

    (one,), (many,) = judge_doubt(UncertainCost(1, 46_500)), judge_doubt(UncertainCost(3, 139_500))

    assert one.level is many.level is Level.WARNING
    assert one.what.startswith("1 purchase is uncertain in the last 24 h: $0.0465 may")
    assert many.what.startswith("3 purchases are uncertain in the last 24 h: $0.1395 may")
    assert "emasai jobs failed --reason answer_lost" in (many.fix or "")

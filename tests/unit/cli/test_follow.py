"""The time left of a job: by its speed, and never less than the pace gate needs."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.progress import Progress

from orchestrator.cli.session import TimeLeftColumn, time_by_pace
from orchestrator.jobs import Job, JobKind, JobState, Lane, Origin
from orchestrator.surfsense.pace import Breaker, PaceState

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
GATE = PaceState(
    waiting={},
    per_minute=120.0,
    left_lately=120,
    spacing=timedelta(seconds=0.5),
    next_in=timedelta(0),
    limited_for=timedelta(0),
    failures=0,
    breaker=Breaker.CLOSED,
    has_credit=True,
    refusal="",
)


def job(total: int, done: int, **tally: int) -> Job:
    """Return a running job."""
    return Job(
        job_id="j1",
        kind=JobKind.PIPELINE,
        tenant="acme",
        lane=Lane.PIPELINE,
        origin=Origin.CLI,
        state=JobState.RUNNING,
        total=total,
        items=total,
        has_row_map=False,
        answered=done,
        chunks=1,
        max_cost_micros=None,
        accepted_at=NOW,
        started_at=NOW,
        finished_at=None,
        deadline=None,
        parent=None,
        about=None,
        policy=None,
        buy_again=False,
        tally={"done": done, **tally},
    )


def test_what_is_left_takes_the_rate_of_the_gate() -> None:
    """900 rows at two purchases each, 120 a minute: a quarter of an hour."""
    running = job(1_000, 100, **{"source:bought": 100, "further_purchases": 100})

    assert time_by_pace(running, GATE) == timedelta(seconds=0.5) * (1_800 - 1)


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        (job(1_000, 0), None),
        (job(1_000, 100, **{"source:hit": 100}), timedelta(0)),
        (job(100, 100, **{"source:bought": 100}), timedelta(0)),
    ],
)
def test_the_gate_limits_only_purchases(running: Job, expected: timedelta | None) -> None:
    """Nothing is known before the first row is done; hits wait for no gate."""
    assert time_by_pace(running, GATE) == expected


def test_the_time_left_is_never_less_than_the_gate_needs() -> None:
    """However fast the first rows were; without a gate the speed decides."""
    clock = iter([0.0, 0.0, *[1.0] * 50])
    progress = Progress(TimeLeftColumn(), get_time=lambda: next(clock, 1.0))
    progress.add_task("", total=1_000)
    (task,) = progress.tasks
    column = TimeLeftColumn()

    assert str(column.render(task)) == "-:--:--"
    progress.update(task.id, completed=10, least=timedelta(minutes=15))
    assert str(column.render(task)) == "0:15:00"

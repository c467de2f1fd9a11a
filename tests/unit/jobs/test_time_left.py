"""How long the rest of a job takes."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.jobs import Job, JobState
from orchestrator.jobs.stored import job_of

BEGAN = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=2)


def job(**fields: object) -> Job:
    """Return a job of 100 rows that was accepted at `BEGAN`."""
    began_ms = int(BEGAN.timestamp() * 1000)
    record = {
        "kind": "enrich",
        "tenant": "default",
        "lane": "pipeline",
        "origin": "api",
        "state": JobState.ACCEPTED.value,
        "total": 100,
        "items": 100,
        "chunks": 2,
        "next": 0,
        "accepted_at_ms": began_ms,
        **fields,
    }
    return job_of("j1", {name.encode(): str(value).encode() for name, value in record.items()})


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, None),
        ({"n:done": 40}, timedelta(minutes=3)),
        ({"n:done": 60, "answered": 60}, None),
        ({"n:done": 60, "answered": 20}, timedelta(minutes=2)),
        ({"n:done": 100, "finished_at_ms": int(NOW.timestamp() * 1000)}, None),
    ],
    ids=["nothing done", "at its pace", "only answered", "answered do not count", "done"],
)
def test_the_pace_so_far_tells_the_rest(fields: dict[str, object], left: timedelta | None) -> None:
    """Rows that were answered on the way in say nothing about the pace."""
    assert job(**fields).time_left(NOW) == left

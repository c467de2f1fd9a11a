"""Jobs as values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs import Command, Job, JobKind, JobState, Lane, NewJob, Report, lane_of
from orchestrator.jobs.model import INTERACTIVE_ITEMS, MOVES, WorkDigest
from orchestrator.jobs.stored import job_of
from tests.support.job_records import work_digest

JOB = NewJob(JobKind.ENRICH, ("Acme", "Beta"), "default")


@given(st.lists(st.lists(st.text(), max_size=5), max_size=8))
def test_where_items_are_parted_makes_no_difference(parts: list[list[str]]) -> None:
    """The digest of a stream is that of the list."""
    digest = WorkDigest(JOB)
    for part in parts:
        digest.add(part)

    whole = replace(JOB, items=tuple(chain.from_iterable(parts)))
    assert digest.text() == work_digest(whole)


def test_a_report_counts_once_for_each_row() -> None:
    """The first row pays, the further ones save."""
    report = Report({}, {"bought": 1, "spent": 5}, {"coalesced": 1, "saved": 5})

    assert report.for_rows(3).tally == {
        "done": 3,
        "bought": 1,
        "spent": 5,
        "coalesced": 2,
        "saved": 10,
    }


def test_equal_work_has_an_equal_digest() -> None:
    """The digest is the same in every process."""
    assert work_digest(replace(JOB)) == work_digest(JOB)
    # Written down by another process: a hash that is salted would be another one each time.
    assert work_digest(JOB) == "d9731e56f09386931f423932a7e9b79e5aa609408bb44d923691f94bd0a17309"


@pytest.mark.parametrize(
    "other",
    [
        NewJob(JobKind.PIPELINE, ("Acme", "Beta"), "default"),
        NewJob(JobKind.ENRICH, ("Beta", "Acme"), "default"),
        NewJob(JobKind.ENRICH, ("AcmeBeta",), "default"),
        NewJob(JobKind.ENRICH, ("Acme", "Beta"), "other"),
        NewJob(JobKind.ENRICH, ("Acme", "Beta"), "default", max_cost_micros=0),
    ],
    ids=["kind", "order", "items", "tenant", "cap"],
)
def test_different_work_has_a_different_digest(other: NewJob) -> None:
    """Whatever changes the work or its cap makes it another job."""
    assert work_digest(other) != work_digest(JOB)


@pytest.mark.parametrize("command", list(Command))
def test_nothing_leads_out_of_a_final_state(command: Command) -> None:
    """What has ended is not paused, resumed or cancelled any more."""
    before, _ = MOVES[command]
    assert not any(state.is_final for state in before)


@pytest.mark.parametrize("command", list(Command))
def test_asking_twice_is_asking_once(command: Command) -> None:
    """Where a command leads to, it changes nothing."""
    before, after = MOVES[command]
    assert after not in before


def test_a_job_is_worked_on_only_where_it_may_be() -> None:
    """A paused, cancelled or finished job begins no item."""
    assert {state for state in JobState if state.is_workable} == {
        JobState.ACCEPTED,
        JobState.RUNNING,
    }


def test_every_state_that_is_not_final_leads_to_one() -> None:
    """No job can be stuck: it can be worked on, be cancelled, or is being cancelled."""
    before, after = MOVES[Command.CANCEL]
    for state in JobState:
        assert state.is_final or state in before or state is after
    # That `cancelling` ends when the last worker has let go, test_commands.py shows of the scripts.


def test_small_jobs_are_interactive() -> None:
    """A person waits for a few companies; a file is a batch."""
    assert lane_of(INTERACTIVE_ITEMS) is Lane.INTERACTIVE
    assert lane_of(INTERACTIVE_ITEMS + 1) is Lane.PIPELINE


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

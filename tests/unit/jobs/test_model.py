"""Jobs as values."""

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs import JobKind, NewJob, Report
from orchestrator.jobs.model import WorkDigest
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

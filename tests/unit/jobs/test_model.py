"""Jobs as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs import JobKind, NewJob

JOB = NewJob(JobKind.ENRICH, ("Acme", "Beta"), "default")


@given(st.lists(st.text(), max_size=30), st.integers(1, 12))
def test_chunks_hold_every_item_once_in_order(items: list[str], size: int) -> None:
    """All items come, numbered from 0, in chunks of *size* but for the last."""
    chunks = list(NewJob(JobKind.ENRICH, tuple(items), "default").chunks(size))

    assert [item for chunk in chunks for item in chunk] == list(enumerate(items))
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(chunks)


def test_equal_work_has_an_equal_digest() -> None:
    """The digest is the same in every process."""
    assert NewJob(JobKind.ENRICH, ("Acme", "Beta"), "default").digest == JOB.digest


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
    assert other.digest != JOB.digest

"""The checker of histories finds what it is for, and nothing else."""

import pytest

from tests.support.history import Read, Write, faults

WRITTEN = Write("a", 1.0, 2.0, 2)


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (Read("a", 0.0, 0.5, 1), WRITTEN),
        (Read("a", 1.5, 3.0, 1), WRITTEN),
        (Read("a", 1.5, 3.0, 2), WRITTEN),
        (Read("a", 2.5, 3.0, 2), WRITTEN),
        (Read("b", 2.5, 3.0, 1), WRITTEN),
        (Read("a", 2.5, 3.0, 1), Write("a", 1.0)),
        (Read("a", 2.5, 3.0, 2), Write("a", 1.0)),
        (Read("a", 2.5, 3.0, 1), Write("a", 1.0, 2.0, 2, deferred=True)),
    ],
)
def test_what_may_be_returned_is_no_fault(read: Read, write: Write) -> None:
    """Either version while a write is under way, unanswered or deferred; the new one after it."""
    assert faults([read], [write]) == []


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (Read("a", 2.5, 3.0, 1), "stale"),
        (Read("a", 0.0, 0.5, 2), "from the future"),
        (Read("a", 2.5, 3.0, 3), "from the future"),
    ],
)
def test_what_may_not_be_returned_is_found(read: Read, fault: str) -> None:
    """An old version after the acknowledgement, a new one before the write."""
    (found,) = faults([read], [WRITTEN])

    assert found.startswith(fault)

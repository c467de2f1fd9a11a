"""Sets of numbers as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs.stored import Numbers, numbers_in


@given(st.lists(st.sets(st.integers(0, 5_000))))
def test_what_is_packed_is_read_again(parts: list[set[int]]) -> None:
    """Whatever comes, in whatever parts and order, is in the set once, and nothing else is."""
    numbers = Numbers()
    for part in parts:
        numbers.add(part)

    assert list(numbers_in(numbers.pack())) == sorted(set().union(*parts))

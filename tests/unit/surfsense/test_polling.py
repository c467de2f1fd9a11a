"""When a run is looked at."""

from datetime import timedelta
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.surfsense import RunTimeouts

seconds = st.floats(min_value=0.01, max_value=300).map(lambda s: timedelta(seconds=s))


@given(seconds, seconds, seconds)
def test_looks_are_bounded_and_end_with_the_deadline(
    first: timedelta, longest: timedelta, within: timedelta
) -> None:
    """The last look is at the deadline, and no pause is longer than allowed."""
    pauses = list(RunTimeouts(poll_first=first, poll_longest=longest).pauses(within))

    assert abs(sum(pauses) - within.total_seconds()) < 1e-6
    assert all(0 < pause <= longest.total_seconds() for pause in pauses)
    assert len(pauses) <= 20 + within / min(first, longest)


def test_pauses_grow_with_the_time_waited() -> None:
    """Whenever a run ends, it is seen after half as much again, or the longest pause."""
    looks = [0.0, *accumulate(RunTimeouts().pauses(timedelta(seconds=240)))]

    assert looks[1] == 0.2
    assert len(looks) < 65
    assert all(later - now <= max(0.2, min(5, now / 2)) + 1e-9 for now, later in pairwise(looks))


def test_a_search_of_15_seconds_takes_few_looks() -> None:
    """SurfSense takes 1,024 looks a minute from one address: those of 100 searches."""
    looks = [look for look in accumulate(RunTimeouts().pauses(timedelta(minutes=4))) if look < 15]

    assert len(looks) * 100 <= 1_024

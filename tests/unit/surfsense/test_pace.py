"""What the gate decides without a server: the spacing of calls, and whose turn it is."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.infra.slots import Lane
from orchestrator.surfsense import Rate
from orchestrator.surfsense.pace import PASSED_OVER, Lines, Turn

WINDOWS = st.timedeltas(timedelta(seconds=1), timedelta(hours=1))


@given(st.integers(3, 100_000), WINDOWS, st.integers(1, 2))
def test_a_window_has_room_for_late_calls(limit: int, window: timedelta, burst: int) -> None:
    """Calls that arrive late by up to twice `late` and one burst fit into what is allowed."""
    rate = Rate(limit, window, burst)

    most = -(-(window + 2 * rate.late) // rate.spacing) + burst - 1

    assert most <= limit
    assert rate.late > timedelta(0)


def test_the_usual_rate() -> None:
    """Of 120 a minute, 118 are planned: 98.3 %."""
    rate = Rate()

    assert rate.planned == 118
    assert rate.spacing == timedelta(microseconds=508_475)
    assert timedelta(seconds=0.25) < rate.late < timedelta(seconds=0.26)


@pytest.mark.parametrize(("limit", "burst"), [(2, 1), (0, 1), (120, 3), (120, 0)])
def test_a_rate_without_room_is_refused(limit: int, burst: int) -> None:
    """A mistake is said when the gate is made, not by the service."""
    with pytest.raises(ValueError, match=f"a limit of {limit} leaves no room"):
        Rate(limit, burst=burst)


@given(st.lists(st.sampled_from([*Lane, None]), max_size=200))
def test_no_lane_is_passed_over_for_long(steps: list[Lane | None]) -> None:
    """Callers come, or one is served (None): the waiting of each lane is bounded."""

    async def serve() -> None:
        lines, passed_over = Lines(), Counter[Lane]()
        lane_of: dict[asyncio.Future[Turn], Lane] = {}
        for step in [*steps, *[None] * len(steps)]:
            if step is not None:
                lane_of[lines.join(step)] = step
                continue
            waiting = {lane for lane, size in lines.sizes().items() if size}
            caller = lines.next()
            assert (caller is None) is (not waiting)
            if caller is None:
                continue
            served = lane_of.pop(caller)
            passed_over = Counter({lane: passed_over[lane] + 1 for lane in waiting - {served}})
            for lane, most in PASSED_OVER.items():
                assert passed_over[lane] <= most + 1  # two may be due at once
        assert not lines
        assert not lane_of

    asyncio.run(serve())


def test_the_first_of_a_lane_goes_first() -> None:
    """Callers of one lane keep their order, and one that has left is not served."""

    async def serve() -> list[int]:
        lines = Lines()
        callers = [lines.join(Lane.PIPELINE) for _ in range(4)]
        lines.leave(Lane.PIPELINE, callers[1])
        lines.leave(Lane.PIPELINE, callers[1])
        return [callers.index(caller) for caller in iter(lines.next, None)]

    assert asyncio.run(serve()) == [0, 2, 3]

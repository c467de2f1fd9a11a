"""Slots are shared out so that a caller that waits never waits for a batch."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.infra.slots import Lane, Slots
from tests.support.async_waiting import eventually

INTERACTIVE, PIPELINE, REFRESH = Lane


def filled(capacity: int, lanes: list[Lane]) -> Slots:
    """Return slots after *lanes* have asked one after another."""
    slots = Slots(capacity)
    for lane in lanes:
        slots.in_use[lane] += slots.free(lane) > 0
    return slots


@given(st.integers(1, 50), st.lists(st.sampled_from(Lane), max_size=200))
def test_the_reserve_is_kept(capacity: int, lanes: list[Lane]) -> None:
    """Never more than the capacity is in use, and other lanes never take the reserve."""
    slots = filled(capacity, lanes)

    assert slots.in_use.total() <= capacity
    assert slots.in_use[PIPELINE] + slots.in_use[REFRESH] <= capacity - slots.reserve


@given(st.integers(1, 50), st.lists(st.sampled_from(Lane), max_size=60), st.sampled_from(Lane))
def test_as_many_may_begin_as_are_free(capacity: int, lanes: list[Lane], lane: Lane) -> None:
    """Of one lane, after any others, if no other lane asks."""
    before = filled(capacity, lanes)

    after = filled(capacity, [*lanes, *[lane] * 60])

    assert before.free(lane) == after.in_use[lane] - before.in_use[lane]


@pytest.mark.parametrize(
    ("capacity", "interactive", "pipeline", "refresh"),
    [(200, 200, 180, 50), (10, 10, 9, 2), (2, 2, 1, 1), (1, 1, 1, 1)],
)
def test_alone_a_lane_takes_its_share(
    capacity: int, interactive: int, pipeline: int, refresh: int
) -> None:
    """All of it is interactive's, all but the reserve the batches', a quarter the refreshes'."""
    found = [filled(capacity, [lane] * 500).in_use[lane] for lane in Lane]

    assert found == [interactive, pipeline, refresh]


async def _asking(slots: Slots, lane: Lane, begun: list[Lane]) -> None:
    await slots.acquire(lane)
    begun.append(lane)


async def _until(begun: list[Lane], n: int) -> None:
    async def have_begun() -> bool:
        return len(begun) == n

    await eventually(have_begun, f"{n} have begun")


async def test_interactive_begins_beside_a_full_batch_and_before_its_line() -> None:
    """The reserve is free; when it is taken too, the next slot goes to the lane, not the batch."""
    slots, begun = Slots(3), list[Lane]()
    lanes = [*[PIPELINE] * 3, INTERACTIVE, INTERACTIVE]
    tasks = [asyncio.create_task(_asking(slots, lane, begun)) for lane in lanes]
    await _until(begun, 3)
    assert begun == [PIPELINE, PIPELINE, INTERACTIVE]

    slots.release(PIPELINE)
    await _until(begun, 4)
    assert begun[3] is INTERACTIVE
    slots.release(INTERACTIVE)
    slots.release(INTERACTIVE)
    await asyncio.gather(*tasks)
    assert begun[4] is PIPELINE


@pytest.mark.parametrize("admitted", [False, True])
async def test_a_cancelled_caller_leaves_no_slot_in_use(*, admitted: bool) -> None:
    """Cancelled in line, or between being let in and noticing it: the next one begins."""
    slots, begun = Slots(1), list[Lane]()
    await slots.acquire(PIPELINE)
    given_up = asyncio.create_task(slots.acquire(PIPELINE))
    following = asyncio.create_task(_asking(slots, PIPELINE, begun))
    await asyncio.sleep(0)

    if admitted:
        slots.release(PIPELINE)
        given_up.cancel()
    else:
        given_up.cancel()
        slots.release(PIPELINE)

    await asyncio.wait_for(following, 10)
    with pytest.raises(asyncio.CancelledError):
        await given_up

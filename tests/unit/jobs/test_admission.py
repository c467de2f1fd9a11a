"""Places are shared out so that somebody who waits never waits for a batch."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs import Lane
from orchestrator.jobs.admission import Admission, Shares
from tests.support.async_waiting import eventually

INTERACTIVE, PIPELINE, REFRESH = Lane


def filled(places: int, lanes: list[Lane]) -> Counter[Lane]:
    """Return how many of *lanes* have begun, asking one after another."""
    taken: Counter[Lane] = Counter()
    for lane in lanes:
        taken[lane] += Shares(places).admits(lane, taken)
    return taken


@given(st.integers(1, 50), st.lists(st.sampled_from(Lane), max_size=200))
def test_whoever_asks_the_reserve_is_kept(places: int, lanes: list[Lane]) -> None:
    """There are never more than the places, and others never take those kept for the lane."""
    taken = filled(places, lanes)

    assert taken.total() <= places
    assert taken[PIPELINE] + taken[REFRESH] <= places - Shares(places).reserve


@given(st.integers(1, 50), st.lists(st.sampled_from(Lane), max_size=60), st.sampled_from(Lane))
def test_as_many_may_begin_as_are_said_to_be_free(
    places: int, lanes: list[Lane], lane: Lane
) -> None:
    """Of one lane, after any others, if nobody else asks."""
    before = filled(places, lanes)

    after = filled(places, [*lanes, *[lane] * 60])

    assert Shares(places).free(lane, before) == after[lane] - before[lane]


@pytest.mark.parametrize(
    ("places", "interactive", "pipeline", "refresh"),
    [(200, 200, 180, 50), (10, 10, 9, 2), (2, 2, 1, 1), (1, 1, 1, 1)],
)
def test_alone_a_lane_takes_its_share(
    places: int, interactive: int, pipeline: int, refresh: int
) -> None:
    """All of it is interactive's, all but the reserve the batches', a quarter the refreshes'."""
    assert [filled(places, [lane] * 500)[lane] for lane in Lane] == [interactive, pipeline, refresh]


async def _asking(admission: Admission, lane: Lane, begun: list[Lane]) -> None:
    await admission.acquire(lane)
    begun.append(lane)


async def _until(begun: list[Lane], n: int) -> None:
    async def are_there() -> bool:
        return len(begun) == n

    await eventually(are_there, f"{n} have begun")


async def test_who_is_interactive_begins_beside_a_full_batch_and_before_its_line() -> None:
    """The reserve is free; when it is taken too, the next place goes to the lane, not the batch."""
    admission, begun = Admission(3), list[Lane]()
    lanes = [*[PIPELINE] * 3, INTERACTIVE, INTERACTIVE]
    tasks = [asyncio.create_task(_asking(admission, lane, begun)) for lane in lanes]
    await _until(begun, 3)
    assert begun == [PIPELINE, PIPELINE, INTERACTIVE]

    admission.release(PIPELINE)
    await _until(begun, 4)
    assert begun[3] is INTERACTIVE
    admission.release(INTERACTIVE)
    admission.release(INTERACTIVE)
    await asyncio.gather(*tasks)
    assert begun[4] is PIPELINE


@pytest.mark.parametrize("admitted", [False, True])
async def test_who_gives_up_leaves_no_place_taken(*, admitted: bool) -> None:
    """Cancelled in line, or between being let in and noticing it: the next one begins."""
    admission, begun = Admission(1), list[Lane]()
    await admission.acquire(PIPELINE)
    given_up = asyncio.create_task(admission.acquire(PIPELINE))
    following = asyncio.create_task(_asking(admission, PIPELINE, begun))
    await asyncio.sleep(0)

    if admitted:
        admission.release(PIPELINE)
        given_up.cancel()
    else:
        given_up.cancel()
        admission.release(PIPELINE)

    await asyncio.wait_for(following, 10)
    with pytest.raises(asyncio.CancelledError):
        await given_up

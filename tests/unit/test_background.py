"""Ending background tasks."""

import asyncio
import contextlib

import pytest

from orchestrator.background import end_task


async def _swallow(cancellations: int) -> None:
    """Ignore the first *cancellations*, as `asyncio.wait_for` does in Python 3.11 at times."""
    for _ in range(cancellations):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


@pytest.mark.parametrize("cancellations", [0, 1, 3])
async def test_a_task_ends_even_if_it_swallows_cancellations(cancellations: int) -> None:
    """Whatever is lost on the way, the task has ended when the call returns."""
    task = asyncio.create_task(_swallow(cancellations))
    await asyncio.sleep(0)

    await end_task(task)

    assert task.cancelled()


async def test_a_task_that_has_failed_is_not_a_second_failure() -> None:
    """What a background task died of does not hit whoever ends it."""

    async def fail() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])

    await end_task(task)

    assert task.done()


async def test_whoever_is_cancelled_while_ending_a_task_is_cancelled() -> None:
    """The end of another task does not swallow one's own cancellation."""
    stubborn = asyncio.create_task(_swallow(2))
    await asyncio.sleep(0)
    ending = asyncio.create_task(end_task(stubborn))
    await asyncio.sleep(0)

    ending.cancel()
    await asyncio.wait([ending])

    assert ending.cancelled()
    await end_task(stubborn)

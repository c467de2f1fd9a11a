"""Background tasks: how loops are kept alive, and how tasks are ended."""

import asyncio
import contextlib
import itertools
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from orchestrator.infra.background import (
    Loop,
    Supervisor,
    end_task,
    raise_if_cancelled,
    time_limit,
)
from tests.support.async_waiting import eventually


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


@pytest.mark.parametrize("cancellations", [0, 1])
async def test_a_time_limit_ends_what_swallows_cancellations(cancellations: int) -> None:
    """The block ends with `TimeoutError`, and the task that it is in goes on."""
    with pytest.raises(TimeoutError), time_limit(0):
        await _swallow(cancellations)

    assert _cancelling() == 0


async def test_a_time_limit_leaves_alone_what_ends_in_time() -> None:
    """A result, an error, a cancellation that was caught: each is as without the limit."""
    with time_limit(0):
        result = 5
    with pytest.raises(KeyError), time_limit(0):
        raise KeyError
    await asyncio.sleep(0)
    with time_limit(0), contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.sleep(0)

    assert (result, _cancelling()) == (5, 0)


async def test_a_time_limit_is_not_another_cancellation() -> None:
    """A task that is cancelled is cancelled, also if the limit comes before it has ended."""

    async def work(limit_s: float) -> None:
        with time_limit(limit_s):
            await _swallow(1)

    for limit_s in (60, 0):
        task = asyncio.create_task(work(limit_s))
        await asyncio.sleep(0)
        await end_task(task)

        assert task.cancelled()


def _cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_a_swallowed_cancellation_can_be_raised_again() -> None:
    """Work of many steps ends at the next step after a cancellation, and only then."""
    steps: list[int] = []

    async def work() -> None:
        for step in range(3):
            steps.append(step)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            raise_if_cancelled()

    await work()
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert steps == [0, 1, 2, 0]


async def test_a_task_that_has_failed_is_not_a_second_failure() -> None:
    """The error of a background task is not raised in the task that ends it."""

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


SOON = timedelta(milliseconds=1)


class _Work:
    """Fails with each of *errors* in turn, then succeeds; *ended* is set by the first success."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.rounds = 0
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.rounds += 1
        if self._errors:
            raise self._errors.pop(0)
        self.ended.set()


def _supervisor() -> Supervisor:
    return Supervisor(first_pause=SOON, longest_pause=SOON)


@pytest.mark.parametrize(
    "error",
    [KeyError("note"), RecursionError(), MemoryError(), ExceptionGroup("x", [OSError()])],
    ids=lambda error: type(error).__name__,
)
async def test_a_loop_goes_on_after_any_error(error: Exception) -> None:
    """One round is lost, and the loop is known to have failed and to be well again."""
    work, supervisor = _Work(error), _supervisor()
    task = supervisor.start(Loop("cleaner", work, SOON))

    async with asyncio.timeout(20):
        await work.ended.wait()

    assert supervisor.failures == {"cleaner": 1}
    await eventually(_holds(lambda: not supervisor.failing), "the loop is well again")
    await end_task(task)


async def test_a_loop_that_fails_is_named_with_the_class_of_its_error() -> None:
    """The message may quote data, so only the classes of the error and its cause are logged."""

    async def work() -> None:
        raise ValueError("ana@example.com") from OSError("10.0.0.1")

    supervisor = _supervisor()
    with capture_logs() as logs:
        task = supervisor.start(Loop("cleaner", work, SOON))
        await eventually(
            _holds(lambda: supervisor.failures.get("cleaner", 0) > 3), "it has failed often"
        )
        await end_task(task)

    assert supervisor.failing == {"cleaner": "ValueError(OSError)"}
    (line,) = logs  # throttled, however often it fails
    assert (line["event"], line["loop"]) == ("loop.failed", "cleaner")
    assert line["at"][-1].endswith(" work")
    assert "example.com" not in str(line)
    assert "10.0.0.1" not in str(line)


async def test_a_cancellation_of_something_else_does_not_end_a_loop() -> None:
    """Only a cancellation of the loop itself ends it."""
    work = _Work(asyncio.CancelledError())
    task = _supervisor().start(Loop("cleaner", work, SOON))

    async with asyncio.timeout(20):
        await work.ended.wait()
    await end_task(task)

    assert task.cancelled()


async def test_a_loop_whose_work_swallows_the_cancellation_ends() -> None:
    """The cancellation that `asyncio.wait_for` may lose ends the loop after the round."""
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    task = _supervisor().start(Loop("cleaner", work, SOON))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


async def test_a_loop_with_more_to_do_does_not_pause() -> None:
    """Work that returns True is called again at once, however long the pause is."""
    rounds = itertools.count(1)
    third = asyncio.Event()

    async def work() -> bool:
        if next(rounds) == 3:
            third.set()
        return not third.is_set()

    task = _supervisor().start(Loop("cleaner", work, timedelta(hours=1)))

    async with asyncio.timeout(20):
        await third.wait()
    await end_task(task)


@pytest.mark.parametrize(
    ("every", "pauses"),
    [
        (timedelta(seconds=1), [1, 2, 4, 5, 5]),
        (timedelta(milliseconds=200), [0.2, 0.4, 0.8, 1.6, 3.2, 5]),
        (timedelta(hours=1), [1, 2, 4, 8]),
        (timedelta(0), [1, 2, 4, 5, 5]),
    ],
    ids=str,
)
async def test_the_pause_after_errors_grows_within_bounds(
    every: timedelta, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that is back is used again within seconds; a loop that fails is no busy one."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await (sleep(0) if len(slept) < len(pauses) else asyncio.Event().wait())

    async def work() -> None:
        raise KeyError

    monkeypatch.setattr("orchestrator.infra.background.asyncio.sleep", note)
    task = Supervisor().start(Loop("cleaner", work, every))
    while len(slept) < len(pauses):
        await sleep(0)
    monkeypatch.undo()
    await end_task(task)

    assert slept == pauses


def test_a_loop_in_a_thread_goes_on_after_an_error() -> None:
    """The watchdog is a thread; it must not die of what it looks at."""
    supervisor, over = _supervisor(), threading.Event()
    rounds = itertools.count()

    def work() -> None:
        if next(rounds) == 0:
            raise KeyError
        over.set()

    supervisor.run_in_thread("watchdog", work, every=SOON, over=over)

    assert supervisor.failures == {"watchdog": 1}
    assert supervisor.failing == {}


def _holds(condition: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def holds() -> object:
        return condition()

    return holds


_COLLECTING = """
import gc, sys, weakref
from orchestrator.infra.background import TURN_S, YOUNG, keep_responsive

class Node:
    pass

def cycle():
    node = Node()
    node.self = node
    return weakref.ref(node)

keep_responsive()
born, rounds = cycle(), gc.get_stats()[0]["collections"]
held = [[] for _ in range(YOUNG // 2)]
seen_early = gc.get_stats()[0]["collections"] - rounds
held += [[] for _ in range(YOUNG)]
print(gc.get_freeze_count() > 1000, seen_early, born() is None)
print(sys.getswitchinterval() < TURN_S)
"""


def test_the_interpreter_leaves_time_to_the_event_loop_and_to_threads() -> None:
    """Collections are rare but free cycles; a thread waits less for the GIL than a turn takes.

    In a process of its own, since the interpreter is tuned for all of it.
    """
    done = subprocess.run(
        [sys.executable, "-c", _COLLECTING], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "0", "True", "True"]

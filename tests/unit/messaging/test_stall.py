"""When a worker counts as stalled."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.messaging import Look, Stall, StallClock

SECOND = timedelta(seconds=1)
IDLE = Look(SECOND, turned=True, waiting=frozenset(), received=0, has_room=True)
UNHEARD = replace(IDLE, waiting=frozenset({"pipeline"}))
BUSY = replace(UNHEARD, has_room=False)
AWAY = replace(IDLE, waiting=None)
BLOCKED = replace(IDLE, turned=False)


def verdicts(*looks: Look) -> list[Stall | None]:
    """Return what a clock with a patience of three seconds says after each look."""
    clock = StallClock(3 * SECOND, most=2 * SECOND)
    return [clock.see(look) for look in looks]


def test_messages_that_wait_while_there_is_room_are_a_stall_after_the_patience() -> None:
    """The look that first sees them proves no time; three seconds later patience is over."""
    assert verdicts(IDLE, *[UNHEARD] * 4) == [None, None, None, None, Stall.CONSUMER]


def test_a_loop_that_stands_still_is_a_stall() -> None:
    """Whether or not messages wait, or the broker answers."""
    assert verdicts(BLOCKED, BLOCKED, replace(BLOCKED, waiting=None))[-1] is Stall.LOOP


@pytest.mark.parametrize("look", [IDLE, BUSY, AWAY], ids=["idle", "busy", "broker unavailable"])
def test_whoever_cannot_receive_anything_is_not_stalled(look: Look) -> None:
    """However long it lasts."""
    assert set(verdicts(*[look] * 100)) == {None}


@pytest.mark.parametrize("look", [IDLE, BUSY, AWAY], ids=["idle", "busy", "broker unavailable"])
def test_time_begins_anew_after_any_good_reason(look: Look) -> None:
    """Time to connect again is given whole, after the broker was unavailable above all."""
    assert set(verdicts(*[UNHEARD] * 3, look, *[UNHEARD] * 3)) == {None}


def test_a_message_received_is_a_sign_of_life() -> None:
    """A queue that is never empty is no stall of the worker that takes from it."""
    looks = [replace(UNHEARD, received=number) for number in range(100)]

    assert set(verdicts(*looks)) == {None}


def test_queues_that_wait_by_turns_are_no_stall() -> None:
    """One and the same queue must have waited all the time."""
    other = replace(UNHEARD, waiting=frozenset({"refresh"}))

    assert set(verdicts(*[UNHEARD, other] * 50)) == {None}


def test_a_process_that_was_suspended_gets_its_time_to_catch_up() -> None:
    """An hour between two looks counts for two seconds."""
    late = replace(BLOCKED, passed=timedelta(hours=1))

    assert verdicts(late, IDLE, late, IDLE) == [None] * 4
    assert verdicts(late, late)[-1] is Stall.LOOP


def test_a_turn_of_the_loop_is_a_sign_of_life() -> None:
    """A loop that is slow is not blocked."""
    assert set(verdicts(*[BLOCKED, BLOCKED, IDLE] * 20)) == {None}

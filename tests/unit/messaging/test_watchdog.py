"""The watchdog's thread, over a process that is made up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event
from threading import enumerate as threads

import pytest

from orchestrator.infra.background import Supervisor
from orchestrator.messaging import Look, Stall, StallClock, Watchdog
from tests.support.waiting import wait_until

PATIENCE = timedelta(milliseconds=100)


class Process:
    """Is as its fields say; its loop turns at once, or never."""

    def __init__(self) -> None:
        self.turns = True
        self.queues: frozenset[str] | None = frozenset()
        self.fault: Exception | None = None
        self.looks = 0
        self.bites: list[tuple[Stall, frozenset[str]]] = []

    def pulse(self, answer: Callable[[], None]) -> None:
        """Take a turn."""
        if self.turns:
            answer()

    def waiting(self) -> frozenset[str] | None:
        """Return its queues with messages."""
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        return self.queues

    def received(self) -> int:
        """Return nothing."""
        return 0

    def has_room(self) -> bool:
        """Say so."""
        return True

    def bite(self, stall: Stall, queues: frozenset[str]) -> None:
        """Note that it was to end."""
        self.bites.append((stall, queues))

    def looked_at(self, times: int) -> None:
        """Wait until it was looked at so often since."""
        until = self.looks + times
        wait_until(lambda: self.looks >= until, description=f"{times} looks")


def watched(process: Process) -> Watchdog:
    """Begin to watch *process*."""
    watchdog = Watchdog(process, process.bite, patience=PATIENCE, supervisor=Supervisor())
    watchdog.start()
    return watchdog


def _threads() -> set[str]:
    return {thread.name for thread in threads()}


def test_it_bites_once_and_says_what_and_where() -> None:
    """A watchdog that continued would end a process that is already ending."""
    process = Process()
    process.queues = frozenset({"pipeline"})
    watchdog = watched(process)

    wait_until(lambda: bool(process.bites), description="it bites")

    assert process.bites == [(Stall.CONSUMER, process.queues)]
    assert watchdog.unheard_for >= PATIENCE


def test_a_loop_that_stops_turning_is_noticed() -> None:
    """Also if it has turned until then."""
    process = Process()
    watched(process)
    process.looked_at(20)
    assert process.bites == []

    process.turns = False
    wait_until(lambda: bool(process.bites), description="it bites")

    assert process.bites == [(Stall.LOOP, frozenset())]


def test_it_does_not_bite_whoever_is_shutting_down() -> None:
    """From the moment at which it is told."""
    process = Process()
    watchdog = watched(process)
    process.looked_at(2)
    process.turns = False
    watchdog.stop()

    wait_until(lambda: "emasai-watchdog" not in _threads(), description="it has gone")

    assert process.bites == []


class _Slow(Process):
    """Each look takes longer than counts for it, so that all count alike on any machine."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = False
        self.at_look: dict[int, Callable[[], None]] = {}

    def waiting(self) -> frozenset[str] | None:
        """Take the time, and do what is to be done during this look."""
        Event().wait(PATIENCE.total_seconds() / 2)
        super().waiting()
        self.at_look.get(self.looks, lambda: None)()
        return self.queues


class _Ending(Supervisor):
    """Says when the thread has seen its last look."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = Event()

    def run_in_thread(
        self, name: str, work: Callable[[], object], *, every: timedelta, over: Event
    ) -> None:
        super().run_in_thread(name, work, every=every, over=over)
        self.ended.set()


def test_it_does_not_bite_in_a_look_during_which_it_is_stopped() -> None:
    """The shutdown may begin at any moment, that of the last look included."""
    process = _Slow()
    watched(process)
    wait_until(lambda: bool(process.bites), description="it bites")
    stopped, supervisor = _Slow(), _Ending()
    watchdog = Watchdog(stopped, stopped.bite, patience=PATIENCE, supervisor=supervisor)
    stopped.at_look[process.looks] = watchdog.stop

    watchdog.start()

    assert supervisor.ended.wait(20)
    assert stopped.looks == process.looks
    assert stopped.bites == []


def test_a_look_that_fails_is_no_reason_to_stop_watching() -> None:
    """A fault of ours counts as a broker that does not say; then it watches on."""
    process = Process()
    process.fault = ZeroDivisionError()
    watched(process)
    process.looked_at(20)
    assert process.bites == []

    process.queues = frozenset({"refresh"})
    process.fault = None
    wait_until(lambda: bool(process.bites), description="it bites")

    assert process.bites == [(Stall.CONSUMER, frozenset({"refresh"}))]


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

"""The law of the gate, in virtual time: what leaves never exceeds what the service allows."""

import heapq
import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
import redis as blocking
import throttled
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.surfsense import Rate
from tests.support.valkey import running_valkey
from tests.support.virtual_pace import NOTHING, SECOND_US, US, FixedWindow, Held, VirtualGate

BEGIN_US = 1_800_000_000 * SECOND_US


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator["blocking.Redis"]:
    """Return a client of a server that writes nothing down; each example has a gate of its own."""
    with (
        running_valkey(tmp_path_factory.mktemp("virtual")) as server,
        blocking.Redis.from_url(f"{server.url}/3") as client,
    ):
        client.config_set("appendonly", "no")
        yield client


class Fleet:
    """Processes with one caller each, which wait, idle, give up, are late and stand still."""

    def __init__(self, gate: VirtualGate, rate: Rate, chance: random.Random, *, calm: bool) -> None:
        self._gate = gate
        self._rate = rate
        self._chance = chance
        self._calm = calm
        self.leaving: list[int] = []
        self.used: list[int] = []

    def run(self, processes: int, length_us: int) -> None:
        """Let them call for that long."""
        due = [(BEGIN_US + n, n, NOTHING) for n in range(processes)]
        while due:
            now_us, process, held = heapq.heappop(due)
            if now_us < BEGIN_US + length_us:
                heapq.heappush(due, self._step(now_us, process, held))

    def _step(self, now_us: int, process: int, held: Held) -> tuple[int, int, Held]:
        if not self._calm and self._chance.random() < 0.005:
            self._gate.limited(now_us, self._chance.randrange(5 * SECOND_US))
        is_urgent = self._chance.random() < process / 20
        match self._gate.turn(now_us, held, is_urgent=is_urgent):
            case [b"go", within_us, slot_us, *_]:
                assert 0 <= within_us <= self._rate.late // US
                self.leaving.append(now_us)
                self.used.append(slot_us)
                return now_us + self._idle_us(), process, NOTHING
            case [b"wait", wait_us, slot_us, epoch, is_lent]:
                if not self._calm and self._chance.random() < 0.05:
                    self._gate.free(now_us, (slot_us, epoch, is_lent))
                    return now_us + self._idle_us(), process, NOTHING
                return now_us + wait_us + self._delay_us(), process, (slot_us, epoch, is_lent)
            case reply:
                raise AssertionError(reply)

    def _idle_us(self) -> int:
        if self._calm or self._chance.random() < 0.85:
            return self._chance.randrange(3_000)
        return self._chance.randrange(30 * SECOND_US)

    def _delay_us(self) -> int:
        """Return how late a process looks at the gate again: some stand still for long."""
        longest_us = 5_000
        if not self._calm:
            kinds = (longest_us, self._rate.late // US, 2 * self._rate.late // US, 20 * SECOND_US)
            longest_us = self._chance.choices(kinds, (90, 5, 3, 2))[0]
        return self._chance.randrange(longest_us + 1)


@settings(max_examples=40)
@given(
    limit=st.sampled_from([3, 4, 10, 59, 60, 119, 120, 121, 180]),
    processes=st.integers(1, 12),
    seed=st.integers(0, 2**32),
)
def test_no_window_ever_has_more_calls_than_are_allowed(
    client: "blocking.Redis", limit: int, processes: int, seed: int
) -> None:
    """Whatever the callers do, and however long calls travel within the bound of `Rate.late`."""
    rate, chance = Rate(limit), random.Random(seed)  # noqa: S311 - a simulation
    fleet = Fleet(VirtualGate(client, rate), rate, chance, calm=False)

    fleet.run(processes, 200 * SECOND_US)

    travel_us = rate.late // US
    arrivals = sorted(time_us + chance.randint(0, travel_us) for time_us in fleet.leaving)
    window_us = rate.window // US
    crowded = [
        first
        for first, after in zip(arrivals, arrivals[limit:], strict=False)
        if after - first < window_us
    ]
    assert crowded == []
    assert len(set(fleet.used)) == len(fleet.used)
    assert FixedWindow(rate).refused(arrivals) == 0


@pytest.mark.parametrize("processes", [1, 8])
@pytest.mark.parametrize("travel_s", [0.0, 0.2, 1.0])
def test_demand_uses_98_percent_of_what_is_allowed(
    client: "blocking.Redis", processes: int, travel_s: float
) -> None:
    """While callers always wait, none is refused and hardly any allowed call is left unused."""
    rate, chance = Rate(120), random.Random(1)  # noqa: S311 - a simulation
    fleet = Fleet(VirtualGate(client, rate), rate, chance, calm=True)

    fleet.run(processes, 900 * SECOND_US)

    arrivals = [time_us + round(chance.uniform(0, travel_s) * 1e6) for time_us in fleet.leaving]
    assert FixedWindow(rate).refused(arrivals) == 0
    assert len(arrivals) >= 0.98 * 15 * rate.limit


@settings(max_examples=40)
@given(
    planned=st.sampled_from([1, 8, 60, 96, 100, 120, 150]),
    burst=st.integers(1, 2),
    gaps_us=st.lists(
        st.one_of(st.integers(0, 1_000_000), st.integers(0, 90_000_000)), min_size=1, max_size=40
    ),
)
def test_times_are_those_of_a_known_library(
    client: "blocking.Redis", planned: int, burst: int, gaps_us: list[int]
) -> None:
    """A caller that comes goes, or waits as long, as throttled-py says: both do GCRA."""
    rate = Rate(planned + 2, burst=burst)
    assert rate.spacing == timedelta(minutes=1) / planned  # without rounding
    gate, oracle = VirtualGate(client, rate), Oracle(planned, burst)
    now_us = BEGIN_US
    for gap_us in gaps_us:
        now_us += gap_us
        reply = gate.turn(now_us)
        refused_for_us = oracle.ask(now_us)
        if reply[0] == b"wait":
            _, wait_us, *held = reply
            assert abs(refused_for_us - wait_us) < 5
            now_us += wait_us
            reply = gate.turn(now_us, (held[0], held[1], held[2]))
            refused_for_us = oracle.ask(now_us)
        assert reply[0] == b"go"
        assert refused_for_us == 0


class Oracle:
    """throttled-py's GCRA, in memory, by the clock of the test."""

    def __init__(self, planned: int, burst: int) -> None:
        self._limiter = throttled.Throttled(
            key="any",
            using=throttled.RateLimiterType.GCRA.value,
            quota=throttled.per_min(planned, burst=burst),
            store=throttled.MemoryStore(),
        )

    def ask(self, now_us: int) -> float:
        """Return 0 if a call may leave now, and has left; else the microseconds to wait."""
        clock_s = (now_us - BEGIN_US) / 1e6 + 1_000
        wait_s = self._asked_at(clock_s)
        if 0 < wait_s < 1e-6:  # it counts in doubles: a call may come a rounding error too early
            return self._asked_at(clock_s + wait_s + 1e-9) * 1e6
        return wait_s * 1e6

    def _asked_at(self, clock_s: float) -> float:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(throttled.utils, "now_mono_f", lambda: clock_s)
            result = self._limiter.limit()
        return result.state.retry_after if result.limited else 0


def test_times_of_a_full_line_are_evenly_spaced(client: "blocking.Redis") -> None:
    """Many callers at once get times one spacing apart, not one that they all wait for."""
    rate = Rate(120)
    gate = VirtualGate(client, rate)
    replies = [gate.turn(BEGIN_US) for _ in range(50)]

    times = [reply[2] for reply in replies]
    assert {after - before for before, after in pairwise(times[1:])} == {rate.spacing // US}
    assert len({reply[3] for reply in replies}) == 1


def test_an_urgent_caller_takes_an_earlier_time_of_one_who_can_wait(
    client: "blocking.Redis",
) -> None:
    """It does not wait behind those of other processes, who are set back by one call."""
    rate = Rate(120)
    gate = VirtualGate(client, rate)
    held = [_held(gate.turn(BEGIN_US)) for _ in range(10)][2:]

    urgent = _held(gate.turn(BEGIN_US, is_urgent=True))
    second = _held(gate.turn(BEGIN_US, is_urgent=True))
    robbed = _held(gate.turn(BEGIN_US, held[0]))

    assert urgent[0] == held[0][0]
    assert robbed[0] > held[-1][0]
    assert second[0] > held[-1][0]  # a caller that can wait goes first, so that none starves
    assert gate.turn(urgent[0], urgent, is_urgent=True)[0] == b"go"
    assert gate.turn(held[1][0], held[1])[0] == b"go"
    assert _held(gate.turn(held[1][0], second, is_urgent=True))[0] == held[2][0]


def test_a_time_that_was_taken_is_not_given_back(client: "blocking.Redis") -> None:
    """The one who has it now uses it, and no other caller."""
    gate = VirtualGate(client, Rate(120))
    held = [_held(gate.turn(BEGIN_US)) for _ in range(4)][2:]
    urgent = _held(gate.turn(BEGIN_US, is_urgent=True))

    gate.free(BEGIN_US, held[0])

    assert urgent[0] == held[0][0]
    assert _held(gate.turn(BEGIN_US))[0] != urgent[0]


def _held(reply: list[int]) -> Held:
    """Return the time that a reply says to wait for, or to use."""
    return (reply[2], reply[3], reply[4])

"""Any interleaving of three flights against a model of what the scripts promise.

The model knows who leads, whose record lies there, and which generation it is. What it checks:
one leader at most; only the holder of the lease or of the record writes, in the current generation;
an invalidated entry stays away until it is loaded anew.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from orchestrator.embedded.stack import Valkey
from orchestrator.infra.redis_client import load_script, open_redis
from tests.support.loading import KEY
from tests.support.script_flight import FAILURE, KEYS, ScriptFlight, text_of

T = TypeVar("T")
FLIGHTS = st.sampled_from([0, 1, 2])


class Flights(RuleBasedStateMachine):
    """Three flights for one key on a real server."""

    runner: asyncio.Runner
    redis: Redis

    @initialize()
    def start(self) -> None:
        """Begin with nothing stored."""
        self.run(self.redis.flushdb())
        self.flights = [ScriptFlight(self.redis, str(number) * 24) for number in range(3)]
        self.renew = load_script(self.redis, "orchestrator.infra", "renew")
        self.generation = 0
        self.began_at: dict[int, int] = {}
        self.holder: int | None = None
        self.record_of: int | None = None
        self.entry_of: int | None = None
        self.failed = False

    def run(self, work: Awaitable[T]) -> T:
        """Wait for the server."""
        return self.runner.run(_awaited(work))

    @rule(flight=FLIGHTS)
    def begin(self, flight: int) -> None:
        """One leads at most; a leader that begins again leads again."""
        case = self.run(self.flights[flight].begin())[0]
        if self.entry_of is not None:
            assert case == b"entry"
        elif self.failed:
            assert case == b"failure"
        elif self.holder in (None, flight):
            assert case == b"leader"
            self.holder = flight
            self.began_at[flight] = self.generation
        else:
            assert case == b"follower"

    @rule(flight=FLIGHTS)
    def renew_lease(self, flight: int) -> None:
        """Only the holder extends a lease; one that ran out is not revived."""
        renewed = self.run(self.renew(keys=[KEYS.lease], args=[str(flight) * 24, 60_000]))
        assert bool(renewed) == (self.holder == flight)

    @rule(flight=FLIGHTS)
    def write_record(self, flight: int) -> None:
        """The leader writes; a former one only to its own record that was not replaced."""
        written = self.run(self.flights[flight].record("paid"))
        allowed = self.holder == flight or (self.holder is None and self.record_of == flight)
        assert bool(written) == allowed
        if allowed:
            self.record_of = flight

    @rule(flight=FLIGHTS)
    def commit(self, flight: int) -> None:
        """Only the current leader stores, or the one whose record was not replaced."""
        began_at = self.began_at.get(flight, self.generation)
        verdict = self.run(self.flights[flight].commit(began_at))
        has_ticket = self.entry_of is None and self.record_of == flight
        if self.holder == flight or has_ticket:
            fits = began_at == self.generation
            assert verdict == ("stored" if fits else "invalidated")
            self.holder, self.record_of, self.failed = None, None, False
            self.entry_of = flight if fits else self.entry_of
        else:
            assert verdict == ("stored" if self.entry_of == flight else "lost")

    @rule(flight=FLIGHTS, fails=st.booleans())
    def release(self, flight: int, fails: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Only the leader ends its flight; its failure is in force from then on."""
        released = self.run(self.flights[flight].release(FAILURE if fails else None))
        assert (released >= 0) == (self.holder == flight)
        if released >= 0:
            self.holder = None
            self.failed = self.failed or fails

    @rule(flight=FLIGHTS)
    def drop_record(self, flight: int) -> None:
        """Only the writer of a record removes it."""
        dropped = self.run(self.flights[flight].drop_record())
        assert bool(dropped) == (self.record_of == flight)
        if dropped:
            self.record_of = None

    @rule()
    def invalidate(self) -> None:
        """The entry and the failure go, and no flight that has begun may write any more."""
        removed = self.run(self.flights[0].invalidate())
        assert bool(removed) == (self.entry_of is not None)
        self.generation += 1
        self.entry_of, self.failed = None, False

    @precondition(lambda self: self.holder is not None)
    @rule()
    def lease_runs_out(self) -> None:
        """As when the leader stands still."""
        self.run(self.redis.delete(KEYS.lease))
        self.holder = None

    @invariant()
    def what_is_stored_is_what_the_model_says(self) -> None:
        """The entry is the one of the flight that was allowed to write last, or none."""
        stored = self.run(text_of(self.redis, KEY))
        if self.entry_of is None:
            assert stored == ""
        else:
            assert f'"by":"{str(self.entry_of) * 24}"' in stored


@pytest.fixture
def machine(shared_valkey: Valkey) -> Iterator[type[Flights]]:
    """Bind the machine to the server, on a loop of its own."""
    with asyncio.Runner() as runner:

        class Bound(Flights):
            pass

        Bound.runner, Bound.redis = runner, open_redis(f"{shared_valkey.url}/1")
        yield Bound
        runner.run(Bound.redis.aclose())
        runner.run(_clean(shared_valkey))


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def _clean(server: Valkey) -> None:
    async with open_redis(f"{server.url}/1") as redis:
        await redis.flushdb()


def test_any_interleaving_keeps_the_promises(machine: type[Flights]) -> None:
    """At most one leader, fenced writes, and no write from before an invalidation."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

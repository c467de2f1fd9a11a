"""Flights of one process, with a flight that does no I/O."""

import asyncio

from orchestrator.memo.abandonment import Abandonment
from orchestrator.memo.entry import Entry
from orchestrator.memo.errors import LeaseLost
from orchestrator.memo.flight import Flight, Loaded, Loader
from orchestrator.memo.flights import Flights
from orchestrator.memo.leader import FlightResult
from orchestrator.memo.outcome import Outcome, Source

LANDING = FlightResult(Outcome("k", Source.BOUGHT, Entry("found", {}, 1, 2), 0), stored=True)


async def _never(_: Flight) -> Loaded:
    raise AssertionError("the flights of this test load nothing")


async def test_a_caller_that_comes_as_a_flight_fails_begins_another() -> None:
    """Between a flight's end and its being struck off, a caller neither waits nor spins."""
    latecomers: list[asyncio.Task[Outcome]] = []

    async def fly(key: str, load: Loader, _: Abandonment) -> FlightResult:
        if latecomers:
            return LANDING
        # Runs in the very next step, which is before the callbacks of this flight's end.
        latecomers.append(asyncio.create_task(flights.lead_or_join(key, load)))
        raise LeaseLost(key)

    flights = Flights(fly)
    (failed,) = await asyncio.gather(flights.lead_or_join("k", _never), return_exceptions=True)

    assert isinstance(failed, LeaseLost)
    assert await latecomers[0] == LANDING.outcome
    await flights.landed()
    assert len(flights) == 0

"""Flights of one process, with a flight that does no I/O."""

import asyncio

import pytest

from orchestrator.infra.redis_client import open_redis
from orchestrator.memo import Entry, Flight, LeaseLost, Loaded, Memo, Outcome, Source
from orchestrator.memo.flight import FlightResult
from tests.support.loading import SoldOutCodec

RESULT = FlightResult(Outcome(Source.BOUGHT, Entry("found", {}, 1, 2)), stored=True)


def _any(entry: Entry) -> bool:
    return entry.status == "found"


async def _never(_: Flight) -> Loaded:
    raise AssertionError("the flights of this test load nothing")


async def test_a_caller_that_comes_as_a_flight_fails_begins_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between a flight's end and its removal from the list, a caller neither waits nor spins."""
    latecomers: list[asyncio.Task[Outcome]] = []
    redis = open_redis("redis://127.0.0.1:1/0")  # never asked
    memo = Memo(redis, failures=SoldOutCodec())
    look_up = memo._lead_or_join  # noqa: SLF001 - what follows the read

    async def fly(key: str, *_: object) -> FlightResult:
        if latecomers:
            return RESULT
        # Runs in the very next step, which is before the callbacks of this flight's end.
        latecomers.append(asyncio.create_task(look_up(key, _never, _any)))
        raise LeaseLost(key)

    monkeypatch.setattr(memo, "_fly", fly)
    (failed,) = await asyncio.gather(look_up("k", _never, _any), return_exceptions=True)

    assert isinstance(failed, LeaseLost)
    assert await latecomers[0] == RESULT.outcome
    await memo.aclose()
    assert repr(memo) == "<Memo 0 flights>"
    await redis.aclose()

"""Loaders and failures for tests of the memo; hand-written, typed against its ports."""

import asyncio
from datetime import timedelta
from typing import Any

from orchestrator.memo import Failure, Flight, Loaded

KEY = "surfsense:acme"
TTL = timedelta(minutes=1)
#: A test that fails before it opens a gate must not keep its flight.
GATE_S = 15


class SoldOut(Exception):
    """A loader's own error, known to `SoldOutCodec`."""


class SoldOutCodec:
    """Shares `SoldOut` with followers; no process tries again before *ttl* is over."""

    def __init__(self, ttl: timedelta = TTL) -> None:
        self.ttl = ttl
        self.retry_in: dict[str, timedelta] = {}

    def encode(self, error: Exception) -> Failure | None:
        """Return the shared form of `SoldOut`, None for others."""
        return Failure({"sold_out": str(error)}, self.ttl) if isinstance(error, SoldOut) else None

    def decode(self, encoded: dict[str, Any], retry_in: timedelta) -> Exception:
        """Return what `encode` was given, and remember for how long no process retries."""
        error = SoldOut(encoded["sold_out"])
        self.postponed(error, retry_in)
        return error

    def postponed(self, error: Exception, retry_in: timedelta) -> None:
        """Remember for how long no process retries after *error*."""
        self.retry_in[str(error)] = retry_in

    def may_serve_stale(self, error: Exception) -> bool:
        """Prefer what is stale to `SoldOut`."""
        return isinstance(error, SoldOut)


class Loader:
    """Counts its flights; waits for `gate`, then fails with *error* or returns *answer*."""

    def __init__(
        self,
        answer: object = "first",
        *,
        error: Exception | None = None,
        gated: bool = False,
        record: dict[str, Any] | None = None,
        drops_record: bool = False,
        ttl: timedelta = TTL,
    ) -> None:
        self.flights: list[Flight] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        if not gated:
            self.gate.set()
        self._answer, self._error, self._record, self._ttl = answer, error, record, ttl
        self._drops_record = drops_record

    async def __call__(self, flight: Flight) -> Loaded:
        """Lead *flight*."""
        self.flights.append(flight)
        if self._record is not None:
            await flight.write_record(self._record)
        self.started.set()
        async with asyncio.timeout(GATE_S):
            await self.gate.wait()
        if self._drops_record:
            await flight.drop_record()
        if self._error is not None:
            raise self._error
        return Loaded("found", {"answer": self._answer}, self._ttl, flight.now_ms())

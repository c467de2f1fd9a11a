"""A flight by hand, for what buys on its behalf: its record is a list, its clock the test's."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from orchestrator.infra.lease import LeaseClock
from orchestrator.memo import Flight, LeaseLost
from orchestrator.memo.contract import JsonObject

KEY = "surfsense:acme"


class WrittenRecords:
    """The record of one flight, whose lease is lost to another leader at the *lost_at*th write."""

    def __init__(self, lost_at: int | None = None) -> None:
        self.written: list[JsonObject] = []
        self.dropped = False
        self._lost_at = lost_at

    async def write(
        self, record: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
    ) -> None:
        """Keep *record*."""
        del durably, hold
        if self._lost_at is not None and len(self.written) + 1 >= self._lost_at:
            raise LeaseLost(KEY)
        self.written.append(record)

    async def mark(self, record: JsonObject, *, take: bool = False) -> None:
        """Keep *record*."""
        del take
        self.written.append(record)

    async def drop(self) -> bool:
        """Remember that it was dropped."""
        self.dropped = True
        return True


@dataclass(frozen=True)
class _Lease:
    """Stand in for `LeaseClock`: held as the test says."""

    is_certain: bool
    is_safe: bool


class FlightByHand(Flight):
    """A flight for `KEY` that has found *record* and writes down in *records*."""

    def __init__(
        self,
        records: WrittenRecords,
        now_ms: Callable[[], int],
        *,
        record: JsonObject | None = None,
        leads: bool = True,
        may_send: bool = True,
    ) -> None:
        """Show *now_ms* as the server's time."""
        self.key, self.token, self.record, self.generation = KEY, "t", record, 0
        self.abandonable = nullcontext
        self._by_hand, self._now_ms = records, now_ms
        self.lease = cast("LeaseClock", _Lease(is_certain=leads, is_safe=may_send))

    def now_ms(self) -> int:
        """Return the test's time."""
        return self._now_ms()

    past_ms = now_ms

    async def write_record(
        self, record: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
    ) -> None:
        """Keep *record*."""
        await self._by_hand.write(record, durably=durably, hold=hold)

    async def amend_record(self, record: JsonObject, *, take: bool = False) -> None:
        """Keep *record*."""
        await self._by_hand.mark(record, take=take)

    async def drop_record(self) -> bool:
        """Remember that it was dropped."""
        return await self._by_hand.drop()

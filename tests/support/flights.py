"""A flight by hand, for what buys on its behalf: its record is a list, its clock the test's."""

from collections.abc import Callable
from datetime import timedelta

from orchestrator.memo import Flight, LeaseLost
from orchestrator.memo.entry import JsonObject

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


def flight_of(
    records: WrittenRecords,
    now_ms: Callable[[], int],
    *,
    record: JsonObject | None = None,
    leads: bool = True,
    may_send: bool = True,
) -> Flight:
    """Return a flight for `KEY` that has found *record* and writes down in *records*."""
    return Flight(
        key=KEY,
        token="t",
        record=record,
        now_ms=now_ms,
        past_ms=now_ms,
        leads=lambda: leads,
        may_send=lambda: may_send,
        write_record=records.write,
        drop_record=records.drop,
        amend_record=records.mark,
    )

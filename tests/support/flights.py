"""A flight by hand, for what buys on its behalf: its note is a list, its clock the test's."""

from collections.abc import Callable
from datetime import timedelta

from orchestrator.memo import Flight, LeaseLost
from orchestrator.memo.entry import JsonObject

KEY = "surfsense:acme"


class WrittenNotes:
    """The note of one flight, whose lease is lost to another leader at the *lost_at*th write."""

    def __init__(self, lost_at: int | None = None) -> None:
        self.written: list[JsonObject] = []
        self.dropped = False
        self._lost_at = lost_at

    async def write(
        self, note: JsonObject, *, durably: bool = False, hold: timedelta = timedelta(0)
    ) -> None:
        """Keep *note*."""
        del durably, hold
        if self._lost_at is not None and len(self.written) + 1 >= self._lost_at:
            raise LeaseLost(KEY)
        self.written.append(note)

    async def mark(self, note: JsonObject, *, take: bool = False) -> None:
        """Keep *note*."""
        del take
        self.written.append(note)

    async def drop(self) -> bool:
        """Note that it was dropped."""
        self.dropped = True
        return True


def flight_of(
    notes: WrittenNotes,
    now_ms: Callable[[], int],
    *,
    note: JsonObject | None = None,
    leads: bool = True,
    may_pay: bool = True,
) -> Flight:
    """Return a flight for `KEY` that has found *note* and writes down in *notes*."""
    return Flight(
        key=KEY,
        token="t",
        note=note,
        now_ms=now_ms,
        past_ms=now_ms,
        leads=lambda: leads,
        may_pay=lambda: may_pay,
        write_note=notes.write,
        drop_note=notes.drop,
        mark_note=notes.mark,
    )

"""What items that were answered on their way in add to their job's tally. Pure, but for turns."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

from orchestrator.jobs.model import Report

#: Items that are counted without giving others a turn.
_AT_ONCE = 5_000

_Kind = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]


class Tallies:
    """Few items add something that none has added before, so each such thing is noted once."""

    def __init__(self) -> None:
        self._kinds: dict[_Kind, int] = {}
        # Of each item the number of its kind, counted from 1; 0 for those that need work.
        self._of_item = array("I")

    def __bool__(self) -> bool:
        """Say whether any item was answered."""
        return bool(self._kinds)

    def add(self, reports: Iterable[Report | None]) -> None:
        """Note the reports of the items that follow; None for those that need work."""
        for report in reports:
            self._of_item.append(0 if report is None else self._kind_of(report))

    async def total(self, row_counts: Sequence[int]) -> Counter[str]:
        """Return the tally of them all; *row_counts* says how many rows each item answers.

        There may be a million: now and then others have their turn.
        """
        items, rows = Counter[int](), Counter[int]()
        for number, (kind, count) in enumerate(zip(self._of_item, row_counts, strict=True)):
            items[kind] += 1
            rows[kind] += count
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        total = Counter[str]()
        for (tally, again), kind in self._kinds.items():
            report = Report({}, dict(tally), dict(again))
            total.update(report.tally_of(rows[kind], items=items[kind]))
        return total

    def _kind_of(self, report: Report) -> int:
        kind = tuple(report.tally.items()), tuple(report.again.items())
        return self._kinds.setdefault(kind, len(self._kinds) + 1)

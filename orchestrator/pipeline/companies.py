"""The companies of a job on their way in: repetitions are found, known companies answered.

What a list says twice is worked on once, and what the memo knows becomes no work at all.
"""

import asyncio
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.case import Localized
from orchestrator.enrichment import Enricher, Enrichment, EnrichmentStatus
from orchestrator.identity import InvalidCompanyName, parse_name
from orchestrator.jobs import SEGMENT_ROWS, Distinct, Part, Report, Segment, UnsealedJob
from orchestrator.pipeline.company import report_of, report_of_failure
from orchestrator.pipeline.result import ItemStatus
from orchestrator.pipeline.trouble import Explanation, explain

#: Names that are read without letting anybody else of the process have a turn.
_AT_ONCE = 250
#: Characters of a name; nobody's company has a longer one.
MAX_NAME = 1_000


@dataclass(frozen=True, slots=True)
class _New:
    """A name that no earlier row has: its key, or the reason why it has none."""

    name: str
    key: str
    distinctive: bool = True
    trouble: Explanation | None = None


class CompanyIntake:
    """Puts companies into an unsealed job. Not for concurrent callers.

    Memory: about 60 bytes for each distinct company, and 30 more for each that is known.
    """

    def __init__(self, enricher: Enricher, unsealed: UnsealedJob) -> None:
        self._enricher = enricher
        self._unsealed = unsealed
        self._spellings = Distinct()
        self._item_of_spelling = array("I")
        self._keys = Distinct()
        self._first_spelling = array("I")
        self._row: list[str] = []
        self._served: list[_Served] = []

    async def add(self, names: Sequence[str]) -> None:
        """Add rows.

        Raises:
            StoreUnavailable: Redis is away; discard the job.
        """
        self._row += names
        while len(self._row) >= SEGMENT_ROWS:
            rows, self._row = self._row[:SEGMENT_ROWS], self._row[SEGMENT_ROWS:]
            await self._add(rows)

    async def end(self) -> None:
        """Add what is left, so that the job can be sealed."""
        if self._row:
            rows, self._row = self._row, []
            await self._add(rows)

    async def count_served(self) -> None:
        """Count the lookups that were answered on the way in, once the job is sealed."""
        for served in self._served:
            await self._enricher.served(
                (purchase_id, price, self._unsealed.rows_of(item))
                for item, purchase_id, price in served.lookups()
            )

    async def _add(self, rows: Sequence[str]) -> None:
        items_before = len(self._keys)
        new: list[_New] = []
        items: list[int] = []
        spellings: dict[int, str] = {}
        for row, name in enumerate(rows):
            if row % _AT_ONCE == 0:
                await asyncio.sleep(0)
            spelling = self._spellings.number(name)
            if spelling == len(self._item_of_spelling):
                self._item_of_spelling.append(self._meet(name, spelling, new))
            item = self._item_of_spelling[spelling]
            items.append(item)
            if self._first_spelling[item] != spelling:
                spellings[row] = name
        answers = await self._answers(new, items_before)
        segment = Segment(items_before, items, spellings)
        await self._unsealed.add_part(Part(rows, segment, [each.name for each in new], answers))

    def _meet(self, name: str, spelling: int, new: list[_New]) -> int:
        """Return the item of a *name* that was not met before, perhaps a new one."""
        met = _read(name)
        item = self._keys.number(met.key)
        if item == len(self._first_spelling):
            self._first_spelling.append(spelling)
            new.append(met)
        return item

    async def _answers(self, new: Sequence[_New], first: int) -> dict[int, Report]:
        """Return the reports of those of *new* that need no work, by their index."""
        lookups = {n: each.key for n, each in enumerate(new) if each.distinctive}
        known = await self._enricher.known(list(lookups.values()))
        found = {n: each for n, each in zip(lookups, known, strict=True) if each is not None}
        self._served.append(_Served.of({first + n: each for n, each in found.items()}))
        answers = {}
        for n, each in enumerate(new):
            report = _report(each, found.get(n))
            if report is not None:
                answers[n] = report
        return answers


@dataclass(frozen=True, slots=True)
class _Served:
    """Which items of a segment were answered by which purchase, packed."""

    items: "array[int]"
    prices: "array[int]"
    purchase_ids: str

    @classmethod
    def of(cls, found: Mapping[int, Enrichment]) -> "_Served":
        bought = {item: each for item, each in found.items() if each.purchase_id is not None}
        return cls(
            array("I", bought),
            array("Q", (each.saved_micros for each in bought.values())),
            "\n".join(str(each.purchase_id) for each in bought.values()),
        )

    def lookups(self) -> Iterator[tuple[int, str, int]]:
        return zip(self.items, self.purchase_ids.splitlines(), self.prices, strict=True)


def _read(name: str) -> _New:
    if len(name) > MAX_NAME or "\0" in name:
        return _New(name, f"\0{name}", distinctive=False, trouble=_UNFIT)
    try:
        parsed = parse_name(name)
    except InvalidCompanyName as error:
        # No key has a NUL character, and two such names share nothing.
        return _New(name, f"\0{name}", distinctive=False, trouble=explain(error))
    return _New(name, parsed.key, parsed.distinctive)


_UNFIT = Explanation(
    ItemStatus.INVALID,
    "invalid_company_name",
    Localized(
        en=f"The name has more than {MAX_NAME:,} characters, or NUL characters; correct it.",
        es=f"El nombre tiene más de {MAX_NAME:,} letras, o signos NUL; corríjalo.",
    ),
)


def _report(new: _New, known: Enrichment | None) -> Report | None:
    if new.trouble is not None:
        return report_of_failure(new.name[:MAX_NAME], new.trouble)
    if not new.distinctive:
        return report_of(new.name, Enrichment(new.key, EnrichmentStatus.AMBIGUOUS))
    return None if known is None else report_of(new.name, known)

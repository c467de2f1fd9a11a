"""The companies of a job on their way in: rows that repeat are merged, known companies answered.

Rows that mean one company become one item, and what the memo knows becomes no work at all.
"""

import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from agents.case import Localized
from orchestrator.database import DatabaseUnavailable
from orchestrator.handlers.company import report_of, report_of_failure
from orchestrator.handlers.explanation import Explanation, explain
from orchestrator.handlers.result import ItemStatus
from orchestrator.identity import Identity, InvalidCompanyName, Mention
from orchestrator.identity.index import CompanyIndex
from orchestrator.identity.resolution import Resolved
from orchestrator.identity.writing import split_words
from orchestrator.infra.background import Turns
from orchestrator.infra.distinct import Distinct
from orchestrator.jobs import SEGMENT_ROWS, Part, Report, Segment, UnsealedJob
from orchestrator.purchasing import Enricher, Enrichment, ambiguous_outcome

log = structlog.get_logger(__name__)

#: Characters of a name; no company has a longer one.
MAX_NAME = 1_000


@dataclass(slots=True)
class _New:
    """A mention that no earlier row has: the company that is meant, or why there is none."""

    text: str
    mention: Mention
    identity: Identity | None = None
    company: Resolved | None = None
    trouble: Explanation | None = None

    @property
    def item(self) -> str:
        """What rows that are answered together have in common.

        Not the key alone: a mention without facts may mean another company by the time that it
        is looked up. No key has a NUL character.
        """
        if self.company is None:
            return f"\0{self.text}"
        if self.company.is_ambiguous:
            return f"\0{self.company.key}"
        identity = self.company.identity
        # Companies of one name in two towns are two, although they share a key.
        town = "_".join(split_words(identity.city or ""))
        return (
            f"{self.company.key}\0{town}" if town or any(identity.facts[:2]) else self.company.key
        )


class CompanyIntake:
    """Adds companies, each as the text of a `Mention`, to an unsealed job.

    Not for concurrent callers. Memory: about 60 bytes for each distinct company, and 30 more for
    each that is known.
    """

    def __init__(self, enricher: Enricher, index: CompanyIndex, unsealed: UnsealedJob) -> None:
        self._enricher = enricher
        self._index = index
        self._unsealed = unsealed
        self._spellings = Distinct()
        self._item_of_spelling = array("I")
        self._keys = Distinct()
        self._first_spelling = array("I")
        self._waiting: list[str] = []
        self._served: list[_Served] = []

    async def add(self, mentions: Sequence[str]) -> None:
        """Add rows.

        Raises:
            StoreUnavailable: Redis is unavailable; discard the job.
        """
        self._waiting += mentions
        while len(self._waiting) >= SEGMENT_ROWS:
            rows, self._waiting = self._waiting[:SEGMENT_ROWS], self._waiting[SEGMENT_ROWS:]
            await self._add(rows)

    async def end(self) -> None:
        """Add what is left, so that the job can be sealed."""
        if self._waiting:
            rows, self._waiting = self._waiting, []
            await self._add(rows)

    async def count_served(self) -> None:
        """Count the lookups that were answered on the way in, once the job is sealed."""
        for served in self._served:
            await self._enricher.count_known(
                (purchase_id, price, self._unsealed.rows_of(item))
                for item, purchase_id, price in served.lookups()
            )

    async def _add(self, rows: Sequence[str]) -> None:
        items_before = len(self._keys)
        first = len(self._spellings)
        numbers, met = await self._read(rows)
        new: list[_New] = []
        items: list[int] = []
        spellings: dict[int, str] = {}
        turns = Turns()
        for spelling, each in enumerate(met, start=first):
            await turns.give()
            item = self._keys.number(each.item)
            if item == len(self._first_spelling):
                self._first_spelling.append(spelling)
                new.append(each)
            self._item_of_spelling.append(item)
        for row, spelling in enumerate(numbers):
            await turns.give()
            item = self._item_of_spelling[spelling]
            items.append(item)
            if self._first_spelling[item] != spelling:
                spellings[row] = rows[row]
        answers = await self._answers(new, items_before)
        segment = Segment(items_before, items, spellings)
        await self._unsealed.add_part(Part(rows, segment, [each.text for each in new], answers))

    async def _read(self, rows: Sequence[str]) -> tuple[list[int], list[_New]]:
        """Return the number of each row's spelling, and the new spellings with their companies."""
        first = len(self._spellings)
        numbers: list[int] = []
        new: list[_New] = []
        turns = Turns()
        for text in rows:
            await turns.give()
            spelling = self._spellings.number(text)
            if spelling == first + len(new):
                new.append(_read(text))
            numbers.append(spelling)
        known = [each.identity for each in new if each.identity is not None]
        try:
            companies = iter(await self._index.resolve_all(known))
        except DatabaseUnavailable as error:
            # The work is accepted: workers identify its companies once the database answers.
            log.warning("intake.not_identified", error=str(error))
            return numbers, new
        for each in new:
            if each.identity is not None:
                each.company = next(companies)
        return numbers, new

    async def _answers(self, new: Sequence[_New], first: int) -> dict[int, Report]:
        """Return the reports of those of *new* that need no work, by their index."""
        lookups = {
            n: each.company
            for n, each in enumerate(new)
            if each.company is not None and not each.company.is_ambiguous
        }
        known = await self._enricher.known(list(lookups.values()))
        found = {n: each for n, each in zip(lookups, known, strict=True) if each is not None}
        self._served.append(_Served.of({first + n: each for n, each in found.items()}))
        reports = {n: _report(each, found.get(n)) for n, each in enumerate(new)}
        return {n: report for n, report in reports.items() if report is not None}


@dataclass(frozen=True, slots=True)
class _Served:
    """Which items of a segment were answered by which purchase, packed."""

    items: "array[int]"
    prices: "array[int]"
    purchase_ids: bytes

    @classmethod
    def of(cls, found: Mapping[int, Enrichment]) -> "_Served":
        bought = {item: each for item, each in found.items() if each.purchase_id is not None}
        return cls(
            array("I", bought),
            array("Q", (each.saved_micros for each in bought.values())),
            zlib.compress("\n".join(str(each.purchase_id) for each in bought.values()).encode()),
        )

    def lookups(self) -> Iterator[tuple[int, str, int]]:
        ids = zlib.decompress(self.purchase_ids).decode()
        return zip(self.items, ids.splitlines(), self.prices, strict=True)


_UNFIT = Explanation(
    ItemStatus.INVALID,
    "invalid_company_name",
    Localized(
        en=f"The name has more than {MAX_NAME:,} characters, or NUL characters; correct it.",
        es=f"El nombre tiene más de {MAX_NAME:,} letras, o signos NUL; corríjalo.",
    ),
)


def _read(text: str) -> _New:
    mention = Mention.of(text)
    if len(mention.name) > MAX_NAME or "\0" in mention.name:
        return _New(text, mention, trouble=_UNFIT)
    try:
        return _New(text, mention, mention.identify())
    except InvalidCompanyName as error:
        return _New(text, mention, trouble=explain(error))


def _report(new: _New, known: Enrichment | None) -> Report | None:
    if new.trouble is not None:
        return report_of_failure(Mention(new.mention.name[:MAX_NAME]), new.trouble)
    if new.company is not None and new.company.is_ambiguous:
        return report_of(new.mention, ambiguous_outcome(new.company))
    return None if known is None else report_of(new.mention, known)

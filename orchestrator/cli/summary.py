"""What a run comes to, counted from its results; as a table for people, as JSON for machines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from orchestrator.cli.console import Exit, dollars
from orchestrator.handlers import BOUGHT_AGAIN, ItemResult, ItemStatus
from orchestrator.infra.distinct import Distinct
from orchestrator.memo import Source

#: Discard reasons and statuses that count as a failure of the run, not as a judgement.
_INCOMPLETE = (ItemStatus.FAILED, ItemStatus.INVALID)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of one run.

    `invalid_rows` never became an item, `pending` ones have no result yet. `hit_rate` is the
    share of lookups that were served without a purchase. `lost` companies have no answer although
    they were charged, or may have been, in this run or before it; `lost_codes` are their reasons.
    `uncertain_micros` is what those may have cost in all of which that is not known.
    """

    rows: int
    invalid_rows: int
    items: int
    pending: int
    companies: int
    statuses: Counter[str]
    sources: Counter[str]
    discards: Counter[str]
    spent_micros: int
    saved_micros: int
    lost: int
    lost_codes: tuple[str, ...]
    uncertain_micros: int
    simulated: bool

    @property
    def purchases(self) -> int:
        """How many companies were bought."""
        return self.sources[Source.BOUGHT]

    @property
    def lookups(self) -> int:
        """For how many items evidence was looked up."""
        return self.sources.total()

    @property
    def hit_rate(self) -> float | None:
        """Share of lookups that cost nothing; None without any lookup."""
        return 1 - self.purchases / self.lookups if self.lookups else None

    @property
    def exit_code(self) -> Exit:
        """What the command ends with."""
        if self.statuses[ItemStatus.SKIPPED_BUDGET]:
            return Exit.BUDGET
        if self.invalid_rows or self.pending or any(self.statuses[s] for s in _INCOMPLETE):
            return Exit.PARTLY
        return Exit.DONE

    def as_json(self) -> dict[str, Any]:
        """Return the counts for `--json`."""
        return {
            "rows": self.rows,
            "invalid_rows": self.invalid_rows,
            "items": self.items,
            "pending": self.pending,
            "companies": self.companies,
            "purchases": self.purchases,
            "hits": self.sources[Source.HIT],
            "coalesced": self.sources[Source.COALESCED],
            "hit_rate": self.hit_rate,
            "spent_micros": self.spent_micros,
            "saved_micros": self.saved_micros,
            "answers_lost": self.lost,
            "uncertain_micros": self.uncertain_micros,
            "statuses": dict(self.statuses),
            "discards": dict(self.discards),
            "simulated": self.simulated,
        }


class Counting:
    """Counts results one by one; about 25 bytes for each distinct company."""

    def __init__(self) -> None:
        self._results = self._spent_micros = self._saved_micros = 0
        self._companies = Distinct()
        self._lost = Distinct()
        self._lost_codes = set[str]()
        self._uncertain_micros = 0
        self._statuses = Counter[str]()
        self._sources = Counter[str]()
        self._discards = Counter[str]()
        self._simulated = False

    def add(self, result: ItemResult) -> None:
        """Count *result*."""
        self._results += 1
        if result.company_key:
            self._companies.number(result.company_key)
        self._statuses[result.status.value] += 1
        if result.source:
            self._sources[result.source.value] += 1
        if result.status is ItemStatus.DISCARDED and result.code:
            self._discards[result.code] += 1
        self._spent_micros += result.cost_micros
        self._saved_micros += result.saved_micros
        if result.code in BOUGHT_AGAIN:
            self._lost_codes.add(result.code)
            company, known = result.company_key or result.company, len(self._lost)
            if self._lost.number(company) == known:
                self._uncertain_micros += result.uncertain_micros
        self._simulated = self._simulated or result.simulated

    def summary(self, *, rows: int, invalid_rows: int, items: int) -> Summary:
        """Return what a run over *items* distinct items from *rows* rows comes to so far."""
        return Summary(
            rows=rows,
            invalid_rows=invalid_rows,
            items=items,
            pending=items - self._results,
            companies=len(self._companies),
            statuses=self._statuses,
            sources=self._sources,
            discards=self._discards,
            spent_micros=self._spent_micros,
            saved_micros=self._saved_micros,
            lost=len(self._lost),
            lost_codes=tuple(sorted(self._lost_codes)),
            uncertain_micros=self._uncertain_micros,
            simulated=self._simulated,
        )


def summarize(
    results: Iterable[ItemResult], *, rows: int, invalid_rows: int, items: int
) -> Summary:
    """Count *results* of a run over *items* distinct items from *rows* rows."""
    counting = Counting()
    for result in results:
        counting.add(result)
    return counting.summary(rows=rows, invalid_rows=invalid_rows, items=items)


def summary_table(summary: Summary, *, items: str) -> Table:
    """Return the closing table of a run; *items* is what an item is called."""
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, value, remark in _lines(summary, items):
        table.add_row(name, value, remark)
    return table


def verdict(summary: Summary) -> str:
    """Return the sentence under the table."""
    served = summary.sources[Source.HIT] + summary.sources[Source.COALESCED]
    failed = summary.pending or summary.statuses[ItemStatus.FAILED]
    if summary.lookups and served == summary.lookups and not failed:
        return f"Nothing was bought: all {summary.companies} companies were known already."
    if summary.lost:
        return (
            f"Companies whose answer was lost: {summary.lost}. They may have been charged, and are "
            "not bought again in their freshness window unless you ask for it: emasai jobs requeue "
            f"{' '.join(f'--reason {code}' for code in summary.lost_codes)}."
        )
    return ""


def _lines(summary: Summary, items: str) -> Iterable[tuple[str, str, str]]:
    rate = "-" if summary.hit_rate is None else f"{summary.hit_rate:.0%}"
    yield "rows", str(summary.rows), _remark(summary.invalid_rows, "could not be used")
    yield items, str(summary.items), _remark(summary.pending, "not finished")
    yield "distinct companies", str(summary.companies), ""
    yield "purchases", str(summary.purchases), ""
    yield "hits", str(summary.sources[Source.HIT]), "fresh in the memo"
    yield "coalesced", str(summary.sources[Source.COALESCED]), "shared a purchase under way"
    yield "hit rate", rate, "lookups that cost nothing"
    yield "spent", dollars(summary.spent_micros), "simulated" if summary.simulated else ""
    if summary.uncertain_micros:
        yield "uncertain", dollars(summary.uncertain_micros), "may have been charged, not answered"
    yield "saved", dollars(summary.saved_micros), "what those lookups would have cost"
    for status, count in sorted(summary.statuses.items(), key=_by_status):
        yield _PLURAL.get(status, status), str(count), ""
        if status == ItemStatus.DISCARDED:
            for code, discarded in summary.discards.most_common():
                yield f"  {code}", str(discarded), ""


def _remark(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""


_PLURAL: dict[str, str] = {
    ItemStatus.OPPORTUNITY: "opportunities",
    ItemStatus.SKIPPED_BUDGET: "skipped: budget",
}


def _by_status(pair: tuple[str, int]) -> int:
    return list(ItemStatus).index(ItemStatus(pair[0]))

"""What a run would buy, and its counts afterwards: as a table for people, as JSON for programs."""

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Any, Final

from rich.table import Table

from orchestrator.app import Runtime
from orchestrator.cli.console import Exit, dollars, figures, number, out, percent, print_json
from orchestrator.cli.spanish import translate
from orchestrator.handlers import BOUGHT_AGAIN, ItemResult, ItemStatus
from orchestrator.handlers.lead import WantedCompany
from orchestrator.infra.distinct import Distinct
from orchestrator.leads import ImportReport
from orchestrator.memo import Source
from orchestrator.purchasing import Preview

#: Companies that an estimate looks at together.
AT_ONCE: Final = 2_000
#: Statuses that are failures of the run, not judgements.
_INCOMPLETE = (ItemStatus.FAILED, ItemStatus.INVALID)


@dataclass(slots=True)
class Summary:
    """Counts of one run, about 25 bytes for each distinct company.

    `rows` and `items` are known before; `invalid_rows` never became an item. Results are added
    one by one. `imported` counts the leads by what their import changed, None where none were
    imported. `spent_micros` and `saved_micros` are sums over results; `uncertain_micros` is what
    lost answers may have cost, once for each company.
    """

    rows: int
    invalid_rows: int
    items: int
    imported: ImportReport | None = None
    warned_rows: int = 0
    spent_micros: int = 0
    saved_micros: int = 0
    uncertain_micros: int = 0
    simulated: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    discards: Counter[str] = field(default_factory=Counter)
    lost_codes: set[str] = field(default_factory=set)
    _results: int = 0
    _companies: Distinct = field(default_factory=Distinct)
    _lost: Distinct = field(default_factory=Distinct)

    def add(self, result: ItemResult) -> None:
        """Count *result*."""
        self._results += 1
        if result.company_key:
            self._companies.number(result.company_key)
        self.statuses[result.status.value] += 1
        if result.source:
            self.sources[result.source.value] += 1
        if result.status is ItemStatus.DISCARDED and result.code:
            self.discards[result.code] += 1
        self.spent_micros += result.cost_micros
        self.saved_micros += result.saved_micros
        if result.code in BOUGHT_AGAIN:
            self.lost_codes.add(result.code)
            company, known = result.company_key or result.company, len(self._lost)
            if self._lost.number(company) == known:
                self.uncertain_micros += result.uncertain_micros
        self.simulated = self.simulated or result.simulated

    @property
    def repeated(self) -> int:
        """Number of rows whose lead an earlier row has."""
        return self.rows - self.invalid_rows - self.items

    @property
    def pending(self) -> int:
        """Number of items without a result."""
        return self.items - self._results

    @property
    def companies(self) -> int:
        """Number of distinct companies."""
        return len(self._companies)

    @property
    def lost(self) -> int:
        """Number of companies without a usable answer that were, or may have been, charged.

        Their purchase belongs to this run or to an earlier one; `lost_codes` are the reasons.
        """
        return len(self._lost)

    @property
    def purchases(self) -> int:
        """Number of companies that were bought."""
        return self.sources[Source.BOUGHT]

    @property
    def lookups(self) -> int:
        """Number of items for which evidence was looked up."""
        return self.sources.total()

    @property
    def hit_rate(self) -> float | None:
        """Share of lookups that were served without a purchase; None without any lookup."""
        return 1 - self.purchases / self.lookups if self.lookups else None

    @property
    def exit_code(self) -> Exit:
        """The exit code of the command."""
        if self.statuses[ItemStatus.SKIPPED_BUDGET]:
            return Exit.BUDGET
        if self.invalid_rows or self.pending or any(self.statuses[s] for s in _INCOMPLETE):
            return Exit.PARTLY
        return Exit.DONE

    def as_json(self) -> dict[str, Any]:
        """Return the counts for `--json`."""
        return {
            **{name: getattr(self, name) for name in _JSON},
            **_import_counts(self.imported),
            "hits": self.sources[Source.HIT],
            "coalesced": self.sources[Source.COALESCED],
            "answers_lost": self.lost,
            "statuses": dict(self.statuses),
            "discards": dict(self.discards),
        }


_JSON: Final = (
    *("rows", "invalid_rows", "warned_rows", "repeated", "items", "pending"),
    *("companies", "purchases", "hit_rate"),
    *("spent_micros", "saved_micros", "uncertain_micros", "simulated"),
)


def summarize(results: Iterable[ItemResult], *, rows: int, items: int) -> Summary:
    """Count *results* of a run over *items* distinct items from *rows* rows."""
    summary = Summary(rows, 0, items)
    for result in results:
        summary.add(result)
    return summary


def verdict(summary: Summary) -> str:
    """Return the sentence under the table; empty if there is nothing to add."""
    served = summary.sources[Source.HIT] + summary.sources[Source.COALESCED]
    failed = summary.pending or summary.statuses[ItemStatus.FAILED]
    if summary.lookups and served == summary.lookups and not failed:
        known = number(summary.companies)
        return translate("Nothing was bought: all {} companies were known already.", known)
    if summary.lost:
        lost = number(summary.lost)
        reasons = " ".join(f"--reason {code}" for code in sorted(summary.lost_codes))
        return translate(
            "Companies without a usable answer: {}. They may have been charged, and are not bought "
            "again in their freshness window unless you ask for it: emasai jobs requeue {}.",
            lost,
            reasons,
        )
    return ""


def summary_lines(summary: Summary, items: str) -> Iterator[tuple[str, str, str]]:
    """Yield the figures of a run: a name in English, a number, and a remark in the user's language.

    *items* names the items.
    """
    unusable = (
        (summary.invalid_rows, "could not be used"),
        (summary.repeated, "repeated"),
        (summary.warned_rows, "with warnings"),
    )
    yield "rows", number(summary.rows), _counted(*unusable)
    imported = ((count, name) for name, count in _import_counts(summary.imported).items())
    remark = _counted(*imported, (summary.pending, "not finished"))
    yield items, number(summary.items), remark
    yield "distinct companies", number(summary.companies), ""
    yield "purchases", number(summary.purchases), ""
    yield "hits", number(summary.sources[Source.HIT]), translate("fresh in the memo")
    shared = translate("shared a purchase in flight")
    yield "coalesced", number(summary.sources[Source.COALESCED]), shared
    rate = "-" if summary.hit_rate is None else percent(summary.hit_rate)
    yield "hit rate", rate, translate("lookups that cost nothing")
    yield (
        "spent",
        dollars(summary.spent_micros),
        translate("simulated") if summary.simulated else "",
    )
    if summary.uncertain_micros:
        uncertain = translate("may have been charged, unanswered")
        yield "uncertain", dollars(summary.uncertain_micros), uncertain
    saved = translate("what those lookups would have cost")
    yield "saved", dollars(summary.saved_micros), saved
    for status in ItemStatus:
        if count := summary.statuses[status]:
            yield _PLURAL.get(status, status), number(count), ""
        if status is ItemStatus.DISCARDED:
            for code, discarded in summary.discards.most_common():
                yield f"  {translate(code)}", number(discarded), ""


def _counted(*counts: tuple[int, str]) -> str:
    """Return what there are any of, each with its number, in the user's language."""
    return ", ".join(f"{number(count)} {translate(what)}" for count, what in counts if count)


def _import_counts(report: ImportReport | None) -> dict[str, int]:
    return {} if report is None else asdict(report)


_PLURAL: dict[str, str] = {
    ItemStatus.OPPORTUNITY: "opportunities",
    ItemStatus.SKIPPED_BUDGET: "skipped: budget",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Numbers of distinct companies, by what would happen to them.

    `again` are those among the ones to buy that SurfSense is asked for twice if their name alone
    means several companies to it: once more with their domain.
    """

    rows: int
    items: int
    companies: int
    fresh: int
    ambiguous: int
    unneeded: int
    price_micros: int
    max_cost_micros: int | None
    again: int = 0
    imported: ImportReport | None = None

    @property
    def to_buy(self) -> int:
        """How many companies have to be bought."""
        return self.companies - self.fresh - self.ambiguous - self.unneeded

    @property
    def questions(self) -> int:
        """How many times the price one company costs at most."""
        return 2 if self.again else 1

    @property
    def affordable(self) -> int:
        """How many of the companies to buy the cap allows at the list price, each asked once."""
        return self._within_cap(self.to_buy)

    @property
    def cost_micros(self) -> int:
        """The cost of all that the cap allows at the list price: the worst case."""
        return self._within_cap(self.to_buy + self.again) * self.price_micros

    def _within_cap(self, prices: int) -> int:
        if self.max_cost_micros is None or not self.price_micros:
            return prices
        return min(prices, self.max_cost_micros // self.price_micros)

    def as_json(self) -> dict[str, Any]:
        """Return the estimate for `--json`."""
        names = ("rows", "items", "companies", "fresh", "ambiguous", "unneeded", "to_buy", "again")
        counts = {name: getattr(self, name) for name in (*names, "affordable", "price_micros")}
        return {**counts, "cost_micros_at_most": self.cost_micros, **_import_counts(self.imported)}


async def in_parts(asked: Iterable[WantedCompany]) -> AsyncIterator[Sequence[WantedCompany]]:
    """Yield what is *asked* some at a time."""
    iterator = iter(asked)
    while some := list(islice(iterator, AT_ONCE)):
        yield some


class _Found(IntEnum):
    """What becomes of a company; of several leads of one, the last of these counts."""

    UNNEEDED = 0
    AMBIGUOUS = 1
    FRESH = 2
    TO_BUY = 3
    TO_BUY_TWICE = 4

    @classmethod
    def by(cls, preview: Preview) -> "_Found":
        if preview.buys:
            return cls.TO_BUY if preview.most_prices == 1 else cls.TO_BUY_TWICE
        if preview.is_ambiguous:
            return cls.AMBIGUOUS
        return cls.FRESH if preview.fresh else cls.UNNEEDED


async def estimate(
    runtime: Runtime,
    asked: AsyncIterable[Sequence[WantedCompany]],
    *,
    rows: int,
    max_cost_micros: int | None,
) -> Estimate:
    """Look at the companies that are *asked* for, one for each item, without buying.

    Args:
        runtime: Whose memo is looked at.
        asked: Parts of them, each company with what is wanted of it.
        rows: How many rows the items come from.
        max_cost_micros: The cap of the run.
    """
    companies, found, items = Distinct(), bytearray(), 0
    async for some in asked:
        items += len(some)
        for preview in await runtime.purchasing.enricher.preview(some):
            # An ambiguous name has the key of one of its companies.
            number = companies.number(f"{preview.company_key}\0{preview.is_ambiguous}")
            if number == len(found):
                found.append(_Found.UNNEEDED)
            found[number] = max(found[number], _Found.by(preview))
    return Estimate(
        rows,
        items,
        len(companies),
        fresh=found.count(_Found.FRESH),
        ambiguous=found.count(_Found.AMBIGUOUS),
        unneeded=found.count(_Found.UNNEEDED),
        again=found.count(_Found.TO_BUY_TWICE),
        price_micros=runtime.purchasing.price_micros,
        max_cost_micros=max_cost_micros,
    )


def show_estimate(found: Estimate, *, as_json: bool) -> None:
    """Print the estimate, for programs or for people."""
    if as_json:
        print_json(found.as_json())
    else:
        out.print(_estimate_table(found))


def _estimate_table(found: Estimate) -> Table:
    is_capped, has_unneeded = found.affordable < found.to_buy, found.unneeded > 0
    imported = ((count, name) for name, count in _import_counts(found.imported).items())
    usable = _counted((found.items, "distinct and usable"), *imported)
    again = translate("at most, with the domain, if ambiguous")
    at_most = translate("{} each at most", dollars(found.price_micros))
    unneeded, skipped = translate("by the lead's domain"), translate("the rest is skipped")
    return figures(
        [
            ("rows", number(found.rows), usable),
            ("distinct companies", number(found.companies), ""),
            ("fresh in the memo", number(found.fresh), translate("cost nothing")),
            ("ambiguous names", number(found.ambiguous), translate("nothing is bought for them")),
            *([("decided without", number(found.unneeded), unneeded)] * has_unneeded),
            ("to buy", number(found.to_buy), at_most),
            *([("asked again", number(found.again), again)] * (found.again > 0)),
            *([("within the cap", number(found.affordable), skipped)] * is_capped),
            ("cost at most", dollars(found.cost_micros), ""),
        ]
    )

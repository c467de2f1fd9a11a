"""`emasai run FILE --sample N`: some leads are bought and judged, and the file is extrapolated.

One rule makes every range: Wilson's interval of 95 %. What is counted (advanced, discarded) is a
share of the sample. What is summed (money, calls) counts as its share of the most that it could
have been: of all sums with that mean, one that is all or nothing spreads most, so the range is
rather too wide than too narrow.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor, sqrt
from typing import Any, Final

import typer
from rich.table import Table

from agents.cdao import AssessmentCode
from orchestrator.app import Runtime
from orchestrator.dispatch import submit_stream
from orchestrator.evidence.model import Step
from orchestrator.handlers import ItemResult, ItemStatus, LeadResult
from orchestrator.jobs import Job, Origin
from orchestrator.leadfile import LeadFields

from .batch import Batch, Reading, preview
from .console import (
    Exit,
    dollars,
    figures,
    number,
    out,
    print_json,
    print_sentence,
    span,
    table,
)
from .installation import WORKERS
from .session import Patience, follow, patiently, with_runtime
from .spanish import language, translate
from .summary import Estimate

#: Standard deviations of a normal distribution that 95 % lie within.
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is expected, and the least and the most that it may be."""

    expected: float
    low: float
    high: float

    def times(self, count: int, known: int = 0) -> "Range":
        """Return the sum over *count* more, beside *known*, in whole numbers."""
        return Range(
            known + round(self.expected * count),
            known + floor(self.low * count),
            known + ceil(self.high * count),
        )

    def as_json(self) -> dict[str, float]:
        """Return it for `--json`."""
        return {"expected": self.expected, "low": self.low, "high": self.high}


def sample_positions(total: int, size: int) -> list[int]:
    """Return which of *total* leads are sampled: the middle ones of *size* parts of equal length.

    >>> sample_positions(10, 3), sample_positions(3, 20)
    ([1, 5, 8], [0, 1, 2])
    """
    size = min(size, total)
    return [(2 * number + 1) * total // (2 * size) for number in range(size)]


def wilson(share: float, sampled: int) -> Range:
    """Return Wilson's interval of a *share*, 0 to 1, of *sampled*; anything where none was.

    >>> wilson(0.5, 20)
    Range(expected=0.5, low=0.299..., high=0.700...)
    >>> wilson(0.0, 20).low, round(wilson(0.0, 20).high, 3)
    (0.0, 0.161)
    """
    if not sampled:
        return Range(share, 0.0, 1.0)
    weight = _Z**2 / sampled
    center = (share + weight / 2) / (1 + weight)
    spread = _Z / (1 + weight) * sqrt(share * (1 - share) / sampled + weight / (4 * sampled))
    return Range(
        share, max(0.0, min(share, center - spread)), min(1.0, max(share, center + spread))
    )


def mean_of(values: Sequence[int], most: int) -> Range:
    """Return the range of the mean of *values*, none of which can be above *most* or below 0."""
    most = max([most, *values])
    mean = sum(values) / len(values) if values else 0.0
    if not most:
        return Range(0.0, 0.0, 0.0)
    share = wilson(mean / most, len(values))
    return Range(mean, share.low * most, share.high * most)


@dataclass(frozen=True, slots=True)
class Projection:
    """What the file would come to.

    Attributes:
        leads: Of the file, those of the sample too.
        sampled: Leads of the sample that have a result.
        outcomes: How many of them ended how.
        to_buy: Companies that are not known yet.
        price: Micro-USD that a company costs.
        calls: Purchases that a company takes.
    """

    leads: int
    sampled: int
    outcomes: Mapping[str, int]
    to_buy: int
    price: Range
    calls: Range

    def outcome(self, name: str) -> Range:
        """Return how many leads of the file end as *name*."""
        known = self.outcomes.get(name, 0)
        share = wilson(known / self.sampled if self.sampled else 0.0, self.sampled)
        return share.times(self.leads - self.sampled, known)

    @property
    def cost(self) -> Range:
        """What the rest of the file costs, in micro-USD."""
        return self.price.times(self.to_buy)

    @property
    def purchases(self) -> Range:
        """How many purchases the rest of the file takes."""
        return self.calls.times(self.to_buy)

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "leads": self.leads,
            "sampled": self.sampled,
            "to_buy": self.to_buy,
            "yield": {
                name: {"sampled": count, **self.outcome(name).as_json()}
                for name, count in self.outcomes.items()
            },
            "price_micros": self.price.times(1).as_json(),
            "cost_micros": self.cost.as_json(),
            "purchases": self.purchases.as_json(),
            "range": "wilson, 95 %",
        }


_ADVANCED: Final = "advanced"
_DISCARDED: Final = "otherwise_discarded"
_INSUFFICIENT: Final = "insufficient_evidence"
_NOT_JUDGED: Final = "not_judged"
_OUTCOMES: Final = (_ADVANCED, _DISCARDED, _INSUFFICIENT, _NOT_JUDGED)

#: Sampled rows that are listed; the JSON has all.
_LISTED: Final = 50

_SMALL: Final = (
    "{} leads are few: each range is Wilson's 95 % interval, for money and purchases of their "
    "share of the most that they can be. The rest of the file is untouched."
)


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A lead of the sample: the line that its row starts on, and its result if it has one."""

    line: int
    lead: LeadFields
    result: ItemResult | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        found = self.result and self.result.model_dump(mode="json")
        return {"line": self.line, "company": self.lead.company, "result": found}


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled rows, and what the whole file would come to.

    `time` is None where nothing is known to measure it by; `per_minute` is the rate of the gate
    that it is measured by, None without one.
    """

    job: Job
    rows: Sequence[SampledRow]
    known: Estimate
    projection: Projection
    time: Range | None
    per_minute: float | None

    @property
    def results(self) -> list[ItemResult]:
        """The results of the sampled rows."""
        return [row.result for row in self.rows if row.result is not None]

    @property
    def exit_code(self) -> Exit:
        """Of the command: the file is not done, and need not be."""
        if any(result.status is ItemStatus.SKIPPED_BUDGET for result in self.results):
            return Exit.BUDGET
        return Exit.DONE if len(self.results) == len(self.rows) else Exit.PARTLY

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "job_id": self.job.job_id,
            "rows": self.known.rows,
            "companies": self.known.companies,
            "known_companies": self.known.fresh,
            "spent_micros": sum(result.cost_micros for result in self.results),
            "simulated": any(result.simulated for result in self.results),
            **self.projection.as_json(),
            "time_s": self.time and self.time.as_json(),
            "purchases_per_minute": self.per_minute,
            "sample": [row.as_json() for row in self.rows],
        }


def run_sample(batch: Batch, size: int, *, as_json: bool) -> None:
    """Buy and judge *size* leads of *batch*, print what the file would come to, and exit."""

    async def work(runtime: Runtime) -> Sample | None:
        return await take_sample(runtime, batch, size, quiet=as_json)

    sample = with_runtime(work, workers=WORKERS)
    if sample is None:
        raise typer.BadParameter("no row of the file makes a lead")
    if as_json:
        print_json(sample.as_json())
    else:
        _show(sample)
    raise typer.Exit(sample.exit_code)


async def take_sample(runtime: Runtime, batch: Batch, size: int, *, quiet: bool) -> Sample | None:
    """Return what a sample of *size* leads says of the file; None if it has no lead.

    After Ctrl-C the sample is what has a result by then.
    """
    patience, reading = Patience(), Reading(batch.lead_file, quiet=quiet)
    leads = sum(1 for _ in reading.read())
    reading.show_problems()
    rows = _rows_at(batch, sample_positions(leads, size)) if leads else []
    if not rows:
        return None
    job = await patiently(lambda: _submit(runtime, batch, rows), patience)
    job = await follow(runtime, job, quiet=quiet)
    rows = await patiently(lambda: _with_results(runtime, job, rows), patience)
    known = await patiently(lambda: _estimate(runtime, batch), patience)
    by_steps = runtime.settings.surfsense_protocol == "workspace"
    projection = project(
        rows,
        leads,
        known.to_buy,
        price_micros=known.price_micros * known.questions,
        most_calls=len(Step) if by_steps else known.questions,
    )
    time, per_minute = await patiently(lambda: _time(runtime, job, projection), patience)
    return Sample(job, rows, known, projection, time, per_minute)


def _rows_at(batch: Batch, positions: Sequence[int]) -> list[SampledRow]:
    wanted = set(positions)
    return [
        SampledRow(row.number, row.lead)
        for row in batch.lead_file.rows()
        if row.lead is not None and not row.is_repetition and row.lead_number in wanted
    ]


async def _submit(runtime: Runtime, batch: Batch, rows: Sequence[SampledRow]) -> Job:
    async def items() -> AsyncIterator[list[str]]:
        if batch.leads is not None:
            imported = await batch.leads.store(runtime, [row.lead for row in rows])
            yield list(map(str, imported.ids))

    about = f"{batch.lead_file.path.name}: {len(rows)} sampled"
    new = batch.terms.new_job(runtime, batch.kind, origin=Origin.CLI, about=about)
    return await submit_stream(runtime, new, items())


async def _with_results(runtime: Runtime, job: Job, rows: Sequence[SampledRow]) -> list[SampledRow]:
    numbers = range(len(rows))
    found = await runtime.jobs.results.some(job, numbers, with_evidence=False)
    return [
        SampledRow(
            row.line,
            row.lead,
            LeadResult.model_validate(found[number]) if number in found else None,
        )
        for number, row in enumerate(rows)
    ]


async def _estimate(runtime: Runtime, batch: Batch) -> Estimate:
    """Look at all companies of the file; those of the sample are known by now."""
    reading = Reading(batch.lead_file, quiet=True)
    return await preview(runtime, batch, reading, max_cost_micros=None)


async def _time(
    runtime: Runtime, job: Job, projection: Projection
) -> tuple[Range | None, float | None]:
    """Return how long the rest takes, in seconds, and the purchases a minute that limit it."""
    purchases, pace = projection.purchases, runtime.purchasing.pace
    state = None if pace is None else await pace.state()
    if state is not None:
        expected, low, high = (
            state.time_for(int(calls)).total_seconds()
            for calls in (purchases.expected, purchases.low, purchases.high)
        )
        return Range(expected, low, high), state.per_minute
    bought = job.tally.get("source:bought", 0)
    if job.started_at is None or job.finished_at is None or not bought:
        return None, None
    # Without a gate more companies are bought side by side than a sample has: an upper bound.
    each = (job.finished_at - job.started_at) / timedelta(seconds=bought)
    return Range(each * projection.to_buy, 0.0, each * projection.to_buy), None


def project(
    rows: Sequence[SampledRow], leads: int, to_buy: int, *, price_micros: int, most_calls: int
) -> Projection:
    """Return what *rows* say of a file of *leads*, of whose companies *to_buy* are unknown. Pure.

    A company that was known already counts with the price that was paid for it before.

    Args:
        rows: The sample.
        leads: How many leads the file has.
        to_buy: How many companies have to be bought.
        price_micros: What one company costs at most.
        most_calls: How many purchases one company takes at most.
    """
    results = [row.result for row in rows if row.result is not None]
    counts = dict.fromkeys(_OUTCOMES, 0)
    prices: dict[str, int] = {}
    calls: dict[str, int] = {}
    for result in results:
        counts[_outcome_of(result)] += 1
        if result.source is None or result.company_key is None:
            continue
        key, price = result.company_key, result.cost_micros + result.saved_micros
        prices[key] = max(price, prices.get(key, 0))
        calls[key] = max(_purchases_of(result), calls.get(key, 0))
    return Projection(
        leads,
        len(results),
        counts,
        to_buy,
        mean_of([*prices.values()], price_micros),
        mean_of([*calls.values()], most_calls),
    )


def _outcome_of(result: ItemResult) -> str:
    if result.status is ItemStatus.OPPORTUNITY:
        return _ADVANCED
    if result.status is not ItemStatus.DISCARDED:
        return _NOT_JUDGED
    is_insufficient = result.code == AssessmentCode.INSUFFICIENT_EVIDENCE
    return _INSUFFICIENT if is_insufficient else _DISCARDED


def _purchases_of(result: ItemResult) -> int:
    ids = result.purchase_id if isinstance(result, LeadResult) else None
    return len(ids.split("+")) if ids else 0


def _show(sample: Sample) -> None:
    out.print(_rows_table(sample))
    if len(sample.rows) > _LISTED:
        more = number(len(sample.rows) - _LISTED)
        print_sentence("... and {} more; the JSON has all of them.", more)
    out.print(figures(_lines(sample)))
    is_whole = sample.projection.leads == sample.projection.sampled
    if is_whole:
        print_sentence("The sample is the whole file.")
    else:
        print_sentence(_SMALL, number(sample.projection.sampled))


def _rows_table(sample: Sample) -> Table:
    columns = ("line", "company", "status", "score", "cost", "reason")
    rows = table(*columns, right=("line", "score"))
    for row in sample.rows[:_LISTED]:
        result = row.result
        score = result.score if isinstance(result, LeadResult) else None
        reason = None if result is None else result.reason
        rows.add_row(
            str(row.line),
            row.lead.company,
            translate("pending") if result is None else result.status.value,
            "" if score is None else str(score),
            "" if result is None else dollars(result.cost_micros + result.saved_micros),
            "" if reason is None else reason.in_language(language()),
        )
    return rows


def _lines(sample: Sample) -> Iterator[tuple[str, str, str]]:
    projection, known = sample.projection, sample.known
    yield (
        "leads",
        number(projection.leads),
        translate("{} of them sampled", number(projection.sampled)),
    )
    for name, count in projection.outcomes.items():
        words = name.replace("_", " ")
        yield words, _count(projection.outcome(name)), translate("{} in the sample", number(count))
    companies = number(known.companies), number(known.fresh)
    remark = translate("of {} companies, {} are known", *companies)
    yield "companies to buy", number(projection.to_buy), remark
    price = projection.price
    most = dollars(known.price_micros * known.questions)
    yield "price of each", _money(price), translate("{} at most", most)
    yield "cost of the rest", _money(projection.cost), ""
    calls = number(projection.calls.expected, 1)
    yield "purchases", _count(projection.purchases), translate("{} a company", calls)
    if sample.time is not None:
        rate = sample.per_minute
        remark = translate("at the sample's speed, at most")
        if rate is not None:
            remark = translate("at {} a minute", number(rate))
        yield "time for the rest", _span(sample.time), remark


def _count(found: Range) -> str:
    return f"{number(found.expected)} ({number(found.low)} - {number(found.high)})"


def _money(found: Range) -> str:
    return f"{_dollars(found.expected)} ({_dollars(found.low)} - {_dollars(found.high)})"


def _dollars(micros: float) -> str:
    return dollars(round(micros))


def _span(found: Range) -> str:
    spans = [span(timedelta(seconds=each)) for each in (found.expected, found.low, found.high)]
    return f"{spans[0]} ({spans[1]} - {spans[2]})"

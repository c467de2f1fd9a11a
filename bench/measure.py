"""Timing several ways of doing one thing against each other: interleaved, repeated, medians."""

import gc
import statistics
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from rich.console import Console
from rich.table import Table

console = Console()

#: Rounds in which every contender runs once, and those that `--quick` leaves.
REPEATS, QUICK_REPEATS = 5, 2

Contender = Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender needed, seconds: median and spread over the rounds."""

    name: str
    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run."""
        return statistics.median(self.runs)


def rounds(names: Collection[str], repeats: int) -> Iterator[str]:
    """Yield every name once a round. The order rotates, so that none is always first."""
    order = list(names)
    for turn in range(repeats):
        shift = turn % len(order)
        yield from order[shift:] + order[:shift]


async def race(contenders: Mapping[str, Contender], *, repeats: int) -> list[Figure]:
    """Run every contender once a round; each returns the seconds that it took."""
    runs: dict[str, list[float]] = {name: [] for name in contenders}
    for name in rounds(contenders, repeats):
        gc.collect()
        runs[name].append(await contenders[name]())
    return [Figure(name, tuple(times)) for name, times in runs.items()]


async def timed(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the seconds that one call of *work* takes, over *times* calls in a row."""
    began = perf_counter()
    for _ in range(times):
        await work()
    return (perf_counter() - began) / times


def show(title: str, figures: Sequence[Figure], *, base: str, per_second: bool = False) -> None:
    """Print the figures beside their ratio to *base*: of times, or of rates."""
    unit = "per second" if per_second else "microseconds"
    table = grid(title, ("what", unit, "spread", f"x {base}"))
    for figure in figures:
        shown = [1 / run if per_second else run * 1e6 for run in figure.runs]
        ratio = times_of(figures, figure.name, base)
        table.add_row(
            figure.name,
            f"{statistics.median(shown):,.0f}",
            f"{min(shown):,.0f} - {max(shown):,.0f}",
            f"{1 / ratio if per_second else ratio:.2f}",
        )
    console.print(table)


def times_of(figures: Sequence[Figure], name: str, base: str) -> float:
    """Return how many times the median seconds of *base* the ones of *name* are."""
    medians = {figure.name: figure.median for figure in figures}
    return medians[name] / medians[base]


def grid(title: str, columns: Sequence[str]) -> Table:
    """Return an empty table: names to the left, figures to the right."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def summary(runs: Sequence[float], form: str = "{:,.0f}") -> str:
    """Return the median of *runs*, and their spread if there is one."""
    middle, low, high = (form.format(x) for x in (statistics.median(runs), min(runs), max(runs)))
    return middle if low == high else f"{middle} ({low} - {high})"


def judge(target: str, met: Sequence[bool]) -> None:
    """Say in how many of the runs *target* was met."""
    verdict = "met" if all(met) else "MISSED"
    console.print(f"{verdict}: {target} ({sum(met)} of {len(met)})", highlight=False)

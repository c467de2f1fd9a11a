"""Timing several ways of doing one thing against each other: interleaved, repeated, medians."""

import gc
import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from rich.console import Console
from rich.table import Table

console = Console()

#: Rounds in which every contender runs once. The order rotates, so that none is always first.
REPEATS = 7

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


async def race(contenders: Mapping[str, Contender], *, repeats: int = REPEATS) -> list[Figure]:
    """Run every contender once a round; each returns the seconds that it took."""
    runs: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(repeats):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            gc.collect()
            runs[name].append(await contenders[name]())
    return [Figure(name, tuple(times)) for name, times in runs.items()]


async def timed(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the seconds that one call of *work* takes, over *times* calls in a row."""
    began = perf_counter()
    for _ in range(times):
        await work()
    return (perf_counter() - began) / times


def show(title: str, figures: list[Figure], *, base: str, per_second: bool = False) -> None:
    """Print the figures beside their ratio to *base*: of times, or of rates."""
    reference = next(figure.median for figure in figures if figure.name == base)
    unit = "per second" if per_second else "microseconds"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in (unit, "spread", f"x {base}"):
        table.add_column(column, justify="right")
    for figure in figures:
        low, high = sorted(_shown(run, per_second=per_second) for run in _ends(figure.runs))
        ratio = reference / figure.median if per_second else figure.median / reference
        table.add_row(
            figure.name,
            f"{_shown(figure.median, per_second=per_second):,.0f}",
            f"{low:,.0f} - {high:,.0f}",
            f"{ratio:.2f}",
        )
    console.print(table)


def _ends(runs: tuple[float, ...]) -> tuple[float, float]:
    return min(runs), max(runs)


def _shown(seconds: float, *, per_second: bool) -> float:
    return 1 / seconds if per_second else seconds * 1e6

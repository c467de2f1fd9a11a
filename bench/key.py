"""The company key: speed on generated names, and quality where a folder of real ones is given."""

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import process_time

from bench.key_contenders import CONTENDERS, Key, generated_names
from bench.key_placement import show_placement
from bench.key_quality import show_quality
from bench.measure import console, judge, race, show, summary
from orchestrator.identity import company_key

#: Distinct names, so that no cache of results can help; cleanco gets a share of them.
NAMES, SLOW_NAMES = 20_000, 1_000
_SLOW = frozenset({"cleanco"})
_LONG_UNITS = ("S.A. ", "&amp;", "x y ", "ПАО ", "a\u0301", '"x" ')
_LONG = 100_000
#: What the project promises of one core: names a second, and milliseconds.
NAMES_A_SECOND, LONG_MS, IMPORT_MS = 50_000, 20.0, 50.0


async def main(repeats: int, folder: Path | None = None, equities: Path | None = None) -> None:
    """Measure keys of names met for the first time, of one hostile name, and the import.

    In seconds of the processor, since all of it runs on one core and other work must not count.
    """
    names = generated_names(NAMES)
    figures = await race(
        {what: _over(key, names[: _share(what)]) for what, key in CONTENDERS.items()},
        repeats=repeats,
    )
    show(f"{NAMES:,} distinct names", figures, base="company_key", per_second=True)
    ours = next(figure for figure in figures if figure.name == "company_key")
    judge(f">= {NAMES_A_SECOND:,} names a second", [1 / run >= NAMES_A_SECOND for run in ours.runs])
    _judge_ms(f"one name of {_LONG:,} characters", [_long_ms() for _ in range(repeats)], LONG_MS)
    _judge_ms("import", [_import_ms() for _ in range(repeats)], IMPORT_MS)
    if folder is None:
        console.print("quality: give a folder of real names with --names")
    else:
        show_quality(folder, CONTENDERS)
    await show_placement(folder, equities)


def _share(what: str) -> int:
    return SLOW_NAMES if what in _SLOW else NAMES


def _over(key: Key, names: list[str]) -> Callable[[], Awaitable[float]]:
    async def seconds_a_name() -> float:
        began = process_time()
        for name in names:
            key(name)
        return (process_time() - began) / len(names)

    return seconds_a_name


def _judge_ms(what: str, runs: list[float], most: float) -> None:
    console.print(f"{what}: {summary(runs, '{:.1f}')} ms", highlight=False)
    judge(f"{what} <= {most:g} ms", [run <= most for run in runs])


def _long_ms() -> float:
    """Return what the worst of the hostile names costs."""

    def cost(name: str) -> float:
        began = process_time()
        company_key(name)
        return (process_time() - began) * 1e3

    return max(cost(unit * (_LONG // len(unit))) for unit in _LONG_UNITS)


def _import_ms() -> float:
    code = (
        "from time import process_time as t; a = t(); import orchestrator.identity; print(t() - a)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return float(done.stdout) * 1e3

"""How fast the demo's job goes: companies per second, with what the waiting alone would take."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import orjson
from rich.table import Table

from bench.measure import console

EXAMPLE = Path(__file__).parents[1] / "examples" / "leads.csv"
#: Runs at most, each on a stack of its own: they last longer than all else together.
MOST_RUNS = 3


async def main(repeats: int) -> None:
    """Run the example cold and again, and print what each phase took."""
    table = Table(title="The demo's job: two worker processes, sandbox answers in 0.2-0.8 s")
    for column in ("run", "seconds", "spread", "companies/s", "leads/s", "purchases"):
        table.add_column(column, justify="left" if column == "run" else "right")
    runs = [_cold_and_warm() for _ in range(min(repeats, MOST_RUNS))]
    for name, phase in (("cold, all bought", 0), ("again, all hits", 1)):
        seconds = [run[phase][0] for run in runs]
        summary = runs[0][phase][1]
        table.add_row(
            name,
            f"{median(seconds):.1f}",
            f"{min(seconds):.1f} - {max(seconds):.1f}",
            f"{summary['companies'] / median(seconds):.0f}",
            f"{summary['items'] / median(seconds):.0f}",
            str(summary["purchases"]),
        )
    console.print(table)
    console.print("Seconds are those of the whole command: servers and workers start and end too.")


def _cold_and_warm() -> list[tuple[float, dict[str, int]]]:
    with tempfile.TemporaryDirectory() as home:
        return [_run(home), _run(home)]


def _run(home: str) -> tuple[float, dict[str, int]]:
    command = [
        *(sys.executable, "-m", "orchestrator.cli", "run", str(EXAMPLE)),
        *("-o", f"{home}/out.csv", "--json"),
    ]
    began = perf_counter()
    ended = subprocess.run(
        command, env={**os.environ, "EMASAI_HOME": home}, capture_output=True, check=False
    )
    return perf_counter() - began, orjson.loads(ended.stdout)

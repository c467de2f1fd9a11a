"""`emasai enrich FILE` with ten thousand to a million rows: its peak memory, and its speed.

All companies are known, so that no worker takes part: the command reads, hands over, is answered,
and writes the file with its results.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.lists import REPEATED, names
from bench.measure import console, grid, judge
from orchestrator.database import upgrade

SIZES = (10_000, 100_000, 1_000_000)
#: What is promised: so much memory at most, and hardly more for a hundred times the rows.
MOST_MB, MOST_GROWTH = 150.0, 1.3


@dataclass(frozen=True, slots=True)
class _Ran:
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


async def measure(redis_url: str) -> None:
    """Run the command on lists whose companies the memo of *redis_url* knows."""
    with tempfile.TemporaryDirectory() as folder:
        database_url = f"sqlite:///{folder}/emasai.db"
        await upgrade(database_url)  # as an installation's is
        variables = {
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            "SURFSENSE_URL": "http://127.0.0.1:1",
        }
        ran = [_run(Path(folder), rows, variables) for rows in SIZES]
    table = grid(
        f"emasai enrich FILE, each company {REPEATED} times and known",
        ("rows", "rows/s", "CPU, us a row", "peak MB"),
    )
    for run in ran:
        table.add_row(
            f"{run.rows:,}",
            f"{run.rows / run.seconds:,.0f}",
            f"{run.cpu_seconds / run.rows * 1e6:.0f}",
            f"{run.peak_mb:.0f}",
        )
    console.print(table)
    judge(f"at most {MOST_MB:.0f} MB of the command", [run.peak_mb <= MOST_MB for run in ran])
    judge(
        f"at most {MOST_GROWTH}x the memory for a hundred times the rows",
        [ran[-1].peak_mb <= MOST_GROWTH * ran[0].peak_mb],
    )


def _run(folder: Path, rows: int, variables: dict[str, str]) -> _Ran:
    listing = folder / f"{rows}.csv"
    with listing.open("w", encoding="utf-8") as file:
        file.write("company\n")
        for part in names(rows):
            file.writelines(f'"{name}"\n' for name in part)
    command = [sys.executable, "-m", "bench.measured_command", "enrich", str(listing), "--json"]
    began = perf_counter()
    ended = subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, **variables}, text=True
    )
    seconds = perf_counter() - began
    peak_kb, cpu_seconds = ended.stderr.splitlines()[-1].split()
    return _Ran(rows, seconds, float(cpu_seconds), int(peak_kb) / 1000)

"""A lead file of a million rows, as CSV and as workbook: rows a second, and peak memory.

Each reader is a process of its own. What a child of it takes at most is added to its own peak.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter, process_time

import xlsxwriter
from python_calamine import CalamineWorkbook

from bench.measure import REPEATS, console, grid, judge
from orchestrator.leadfile import read_lead_file
from tests.support.measured_command import peak_kb

ROWS, QUICK_ROWS = 1_000_000, 150_000
#: What is promised of both formats.
MOST_MB = 200.0
_HEADER = ("company", "contact", "email", "website", "country", "phone", "id")


def _row(number: int) -> tuple[str | int, ...]:
    name = f"hornosduero{number}"
    return (
        f"Hornos Duero {number} S.L.",
        f"Rosa Vidal {number % 5_000}",
        f"rosa@{name}.test",
        f"{name}.test",
        "España",
        f"+34 983 {number % 1_000_000:06}",
        number,
    )


def _write_csv(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows(map(_row, range(rows)))


def _write_workbook(path: Path, rows: int) -> None:
    """Write a workbook with a table of shared texts, as spreadsheet programs do."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        sheet.write_row(0, 0, _HEADER)
        for number in range(rows):
            sheet.write_row(number + 1, 0, _row(number))


def _csv(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def _calamine(path: Path) -> Iterator[object]:
    with CalamineWorkbook.from_path(path) as book:
        yield from book.get_sheet_by_index(0).iter_rows()


def _records(path: Path) -> Iterator[object]:
    yield from read_lead_file(path).records()


def _leads(path: Path) -> Iterator[object]:
    yield from read_lead_file(path).rows()


READERS: dict[str, Callable[[Path], Iterator[object]]] = {
    "csv": _csv,
    "calamine": _calamine,
    "records": _records,
    "leads": _leads,
}
#: What is read by which reader, the baseline of each file first.
_READ = (
    ("leads.csv", "csv", "`csv` alone"),
    ("leads.csv", "records", "opened, cells of all rows"),
    ("leads.csv", "leads", "opened, checked leads"),
    ("leads.xlsx", "calamine", "calamine alone"),
    ("leads.xlsx", "records", "opened, cells of all rows"),
    ("leads.xlsx", "leads", "opened, checked leads"),
)


@dataclass(frozen=True, slots=True)
class _Ran:
    seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: int


async def main(repeats: int) -> None:
    """Read both files by each reader."""
    rows = ROWS if repeats >= REPEATS else QUICK_ROWS
    with tempfile.TemporaryDirectory() as folder:
        _write_csv(Path(folder, "leads.csv"), rows)
        _write_workbook(Path(folder, "leads.xlsx"), rows)
        ran = [_run(Path(folder, name), reader) for name, reader, _ in _READ]
    table = grid(
        f"a lead file of {rows:,} rows", ("file", "read by", "rows/s", "CPU s", "peak MB, all")
    )
    for (name, _, title), each in zip(_READ, ran, strict=True):
        table.add_row(
            name,
            title,
            f"{each.rows / each.seconds:,.0f}",
            f"{each.cpu_seconds:.1f}",
            f"{each.peak_mb:.0f}",
        )
    console.print(table)
    ours = [
        each.peak_mb
        for (_, reader, _), each in zip(_READ, ran, strict=True)
        if reader in {"records", "leads"}
    ]
    judge(f"at most {MOST_MB:.0f} MB", [peak <= MOST_MB for peak in ours])


def _run(path: Path, reader: str) -> _Ran:
    command = [sys.executable, "-m", "bench.lead_files", reader, str(path)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, cpu_seconds, peak_kilobytes, rows = ended.stdout.split()
    return _Ran(float(seconds), float(cpu_seconds), float(peak_kilobytes) / 1000, int(rows))


def _read(reader: str, path: Path) -> None:
    began = perf_counter()
    rows = sum(1 for _ in READERS[reader](path))
    seconds = perf_counter() - began
    children = getrusage(RUSAGE_CHILDREN)
    cpu_seconds = process_time() + children.ru_utime + children.ru_stime
    print(seconds, cpu_seconds, peak_kb() + children.ru_maxrss, rows)


if __name__ == "__main__":
    _read(sys.argv[1], Path(sys.argv[2]))

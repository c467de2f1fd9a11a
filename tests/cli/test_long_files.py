"""Files with many rows: read and written row by row."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.embedded.stack import EmbeddedStack
from tests.cli.conftest import Emasai
from tests.support.sandbox import new_name

#: Companies of the long lists, which name them again and again.
COMPANIES = 20


def _list(path: Path, names: list[str], rows: int) -> Path:
    lines = (f'"{names[row % len(names)]}",{row}\n' for row in range(rows))
    path.write_text("empresa,fila\n" + "".join(lines), encoding="utf-8")
    return path


def _peak_kb(stack: EmbeddedStack, report: Path, *arguments: str | Path) -> int:
    """Return the largest resident memory of `emasai` with *arguments*, in a process of its own."""
    command = [sys.executable, "-m", "tests.support.measured_command", str(report)]
    subprocess.run(
        [*command, *map(str, arguments)],
        check=True,
        env={**os.environ, "EMASAI_HOME": str(stack.home)},
        stdout=subprocess.DEVNULL,
    )
    return int(report.read_text("utf-8"))


@pytest.mark.timeout(400)
def test_memory_does_not_grow_with_the_rows_of_a_file(
    emasai: Emasai, stack: EmbeddedStack, tmp_path: Path
) -> None:
    """Ten times the rows take hardly more memory, and each of them has its result."""
    names = [new_name("Larga") for _ in range(COMPANIES)]
    emasai("enrich", _list(tmp_path / "known.csv", names, COMPANIES))
    short, long = (_list(tmp_path / f"{n}.csv", names, n) for n in (5_000, 50_000))

    few = _peak_kb(stack, tmp_path / "peak", "enrich", short, "--json")
    many = _peak_kb(stack, tmp_path / "peak", "enrich", long, "--json")

    assert many < 1.07 * few
    with (tmp_path / "50000.out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["fila"], row["emasai_status"]) for row in csv.DictReader(file)]
    assert [number for number, _ in rows] == list(map(str, range(50_000)))
    assert {status for _, status in rows} <= {"enriched", "not_found", "ambiguous"}


def test_a_company_named_twice_is_one_purchase_on_two_rows(emasai: Emasai, tmp_path: Path) -> None:
    """Each row of a list has a result under its own spelling; the second one costs nothing."""
    name = new_name("Gemela")
    listing, output = tmp_path / "companies.csv", tmp_path / "out.csv"
    listing.write_text(f"empresa\n{name}\n???\n{name.upper()} S.A.\n", encoding="utf-8")

    ended = emasai("enrich", listing, "-o", output, "--json")

    summary = json.loads(ended.out)
    assert ended.code == 3  # for the row between them
    assert (summary["items"], summary["companies"], summary["purchases"]) == (2, 1, 1)
    with output.open(encoding="utf-8-sig", newline="") as file:
        first, bad, second = csv.DictReader(file)
    assert first["emasai_status"] == second["emasai_status"] != bad["emasai_status"] == "invalid"
    assert first["emasai_company_key"] == second["emasai_company_key"]
    assert float(first["emasai_cost_usd"]) > 0
    assert float(second["emasai_cost_usd"]) == 0

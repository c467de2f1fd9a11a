"""`emasai run FILE --sample N`: some leads are bought, and the file is extrapolated."""

import csv
import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Emasai


def _leads(path: Path, count: int) -> Path:
    lines = [f"Compañía x{uuid4().hex[:12]},Ana,ana{n}@x.example\n" for n in range(count)]
    path.write_text("company,contact,email\n,Eva,eva@x.example\n" + "".join(lines), "utf-8")
    return path


def test_a_sample_buys_for_its_leads_alone_and_extrapolates(emasai: Emasai, tmp_path: Path) -> None:
    """The same rows each time; a later run of the whole file finds them known."""
    leads = _leads(tmp_path / "leads.csv", 12)

    first = emasai("run", leads, "--sample", "3", "--json")
    again = json.loads(emasai("run", leads, "--sample", "3", "--json").out)
    whole = json.loads(emasai("run", leads, "--json").out)

    said = json.loads(first.out)
    assert first.code == 0
    assert [each["line"] for each in said["sample"]] == [5, 9, 13]
    assert (said["rows"], said["leads"], said["sampled"], said["to_buy"]) == (13, 12, 3, 9)
    assert said["spent_micros"] > 0
    assert said["price_micros"]["low"] <= said["price_micros"]["expected"]
    assert said["cost_micros"]["expected"] == pytest.approx(said["spent_micros"] * 3, abs=9)
    assert sum(each["sampled"] for each in said["yield"].values()) == 3
    assert again["spent_micros"] == 0
    assert again["cost_micros"] == said["cost_micros"]
    assert [each["line"] for each in again["sample"]] == [5, 9, 13]
    assert whole["purchases"] == 9


def test_a_sample_is_shown_with_its_ranges_and_writes_no_file(
    emasai: Emasai, tmp_path: Path
) -> None:
    """For people: which rows, how they ended, and what the file would come to."""
    leads = _leads(tmp_path / "leads.csv", 5)

    ended = emasai("run", leads, "--sample", "2")

    assert ended.code == 0
    assert "cost of the rest" in ended.out
    assert "Wilson" in ended.out
    assert [path.name for path in tmp_path.iterdir()] == ["leads.csv"]
    with leads.open(encoding="utf-8", newline="") as file:
        names = [line["company"] for line in csv.DictReader(file)]
    assert [name in ended.out for name in names[1:]].count(True) == 2


def test_a_sample_needs_a_file_with_leads(emasai: Emasai, tmp_path: Path) -> None:
    """And goes with nothing that it would not do."""
    empty = _leads(tmp_path / "empty.csv", 0)

    nothing = emasai("run", empty, "--sample", "2")
    dry = emasai("run", empty, "--sample", "2", "--dry-run")

    assert (nothing.code, dry.code) == (2, 2)
    assert "no row of the file makes a lead" in nothing.err
    assert "--sample is for a lead file" in dry.err

"""Several lead files, or a folder of them, as one run."""

import json
from pathlib import Path
from uuid import uuid4

from tests.cli.conftest import Emasai

HEADER = "company,contact,email\n"


def _file(path: Path) -> Path:
    """Write a lead file with one lead, of a company that is not known yet."""
    name = f"x{uuid4().hex[:12]}"
    path.write_text(f"{HEADER}Compañía {name},Ana,{name}@zara.test\n", encoding="utf-8")
    return path


def test_a_folder_is_run_file_by_file(emasai: Emasai, tmp_path: Path) -> None:
    """Each has its own results; one that cannot be used costs nothing but itself."""
    first, second = _file(tmp_path / "a.csv"), _file(tmp_path / "b.tsv")
    bad = tmp_path / "c.csv"
    bad.write_text("nothing\n", encoding="utf-8")
    (tmp_path / ".hidden.csv").write_text("not read", encoding="utf-8")

    ended = emasai("run", tmp_path, "--json")
    again = json.loads(emasai("run", tmp_path, "--json").out)

    ran = json.loads(ended.out)
    assert ended.code == 3
    assert [each["file"] for each in ran["files"]] == [str(first), str(second)]
    assert [each["file"] for each in ran["unusable"]] == [str(bad)]
    assert ended.err.count(f"emasai: {bad} has a header but no rows") == 1
    assert (tmp_path / "a.out.csv").exists()
    assert (tmp_path / "b.out.tsv").exists()
    # What the first run wrote is no lead file of the second.
    assert [each["new"] for each in again["files"]] == [0, 0]


def test_a_cap_is_for_all_files_together(emasai: Emasai, tmp_path: Path) -> None:
    """What one file has spent, another cannot; a file that nothing is left for is not begun."""
    files = [_file(tmp_path / f"{name}.csv") for name in "abc"]

    ended = emasai("run", *files, "--max-cost", "0.05", "--json")

    ran = json.loads(ended.out)
    spent = sum(each["spent_micros"] + each["uncertain_micros"] for each in ran["files"])
    assert ended.code == 4
    assert 0 < spent <= 50_000


def test_results_of_several_files_go_to_a_folder(emasai: Emasai, tmp_path: Path) -> None:
    """Not to one file; and no file takes the place of another."""
    (tmp_path / "x").mkdir()
    (tmp_path / "out").mkdir()
    files = [_file(tmp_path / "a.csv"), _file(tmp_path / "x" / "a.csv")]

    refused = emasai("run", *files, "-o", tmp_path / "one.csv")
    ended = emasai("run", *files, "-o", tmp_path / "out")

    assert refused.code == 2
    assert "--output is a folder that exists" in refused.err
    assert ended.code == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.out.csv"]
    assert "has the results of another of the files" in ended.err


def test_a_dry_run_of_several_files_shows_each(emasai: Emasai, tmp_path: Path) -> None:
    """It changes nothing, and one that cannot be used hides no other."""
    files = [_file(tmp_path / "a.csv"), tmp_path / "b.xls", _file(tmp_path / "c.csv")]
    files[1].write_bytes(b"\xd0\xcf\x11\xe0 an old workbook")

    ended = emasai("run", tmp_path, "--dry-run", "--json")

    seen = json.loads(ended.out)
    assert ended.code == 3
    assert [each["new"] for each in seen["files"]] == [1, 1]
    assert [each["file"] for each in seen["unusable"]] == [str(files[1])]
    assert sorted(tmp_path.iterdir()) == files

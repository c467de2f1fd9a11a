"""The calibration's table counts answers by their marks, and leaves the holdout alone."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tools.evidence_calibration import TASKS, main, surely_above

_SECTORS = [
    *(
        {
            "id": f"s{n}",
            "text": "Fabricamos piezas de acero y calderería para la industria metalúrgica.",
            "lang": "es",
            "sector": "manufacturing" if n % 2 else "tourism",
            "also": "",
            "company": "Acme",
        }
        for n in range(40)
    ),
    {"id": "s", "text": "Hola.", "lang": "es", "sector": "retail", "also": "", "company": "Acme"},
]
_CATEGORIES = [
    {"category": f"Hotel {n}", "lang": "es", "sector": "tourism", "also": "", "label": "rule"}
    for n in range(10)
]
_PAIRS = [
    {
        "id": f"p{n}",
        "company": "Talleres Arriaga SL",
        "city": "Bilbao",
        "country": "ES",
        "place_title": "Talleres Arriaga",
        "place_city": "Bilbao",
        "place_website": "",
        "same": "1",
        "kind": "branch, same website" if n % 2 else "same",
    }
    for n in range(20)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with invented rows in the form of the evidence set."""
    _write_table(tmp_path / "sector.dev.csv", _SECTORS)
    _write_table(tmp_path / "maps_category.dev.csv", _CATEGORIES)
    _write_table(tmp_path / "pairs.dev.csv", _PAIRS)
    page = {
        "id": "g",
        "text": "CIF B58818501, info@acme.example, Fax +34 944 000 112, +34 944 000 111",
        "country": "ES",
        "emails": ["info@acme.example"],
        "phones": ["+34944000111"],
        "fax": ["+34944000112"],
        "tax_ids": [{"type": "CIF", "value": "B-58818501"}],
    }
    hit = {"title": "Talleres Arriaga", "url": "https://talleresarriaga.example/", "position": 1}
    serp = {
        "id": "w",
        "company": "Talleres Arriaga SL",
        "city": "Bilbao",
        "country": "ES",
        "domain": "talleresarriaga.example",
        "accept": [],
        "item": {"organicResults": [hit | {"siteLinks": [{"title": "Contacto"}]}]},
    }
    (tmp_path / "pages.dev.jsonl").write_text(json.dumps(page) + "\n", "utf-8")
    (tmp_path / "serp.dev.jsonl").write_text(json.dumps(serp) + "\n", "utf-8")
    return tmp_path


def _write_table(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, next(iter(rows)).keys())
        writer.writeheader()
        writer.writerows(rows)


def _table(folder: Path, capsys: pytest.CaptureFixture[str], part: str) -> dict[str, list[str]]:
    """Return the last line of each task."""
    main([str(folder), "--part", part])
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    return {line[0]: line[1:] for line in lines}


def test_answers_are_counted_with_their_truth(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the sectors are right; a text without an answer and a further branch do not count."""
    table = _table(folder, capsys, "all")

    _, answers, right, above, given = table["sector of a text"]
    assert (answers, right) == ("40", "0.500")
    assert float(above) < 0.5 < float(given)
    assert table["place on Maps"][1:3] == ["10", "1.000"]
    assert table["phone numbers"][1:3] == ["1", "1.000"]
    assert table["tax ids"][1:3] == ["1", "1.000"]
    assert table["e-mail addresses"][1:3] == ["1", "1.000"]
    assert table["website among search results"][2] == "1.000"
    assert "the same, labelled by hand" not in table


def test_the_holdout_is_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two parts have every row once, and the holdout is the smaller one."""
    counts = {
        part: int(_table(folder, capsys, part)["sector of a text"][1])
        for part in ("dev", "holdout", "all")
    }

    assert counts["dev"] + counts["holdout"] == counts["all"] == 40
    assert 0 < counts["holdout"] < counts["dev"]


def test_every_task_has_data() -> None:
    """Each reads a file of the evidence set, under a name of its own."""
    assert len({task.name for task in TASKS}) == len(TASKS)


def test_few_answers_prove_little() -> None:
    """Ten right answers of ten do not prove that all are right."""
    assert 0.7 < surely_above(10, 10) < 0.75
    assert surely_above(0, 10) == 0

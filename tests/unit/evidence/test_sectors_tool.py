"""How `tools/sectors` parts the labelled rows, and what it needs."""

from pathlib import Path

import pytest

from tools.sectors.__main__ import main
from tools.sectors.data import Row, folds, part_of, read_categories, read_texts

ROWS = [Row(f"x{n}", "text", "en", "Acme", "retail", frozenset({"textile"})) for n in range(200)]


def test_the_parts_are_fixed_and_complete() -> None:
    """A row is in one part, whatever else is in the file; about a fifth is held out."""
    known, held = part_of(ROWS, "four_fifths"), part_of(ROWS, "holdout")

    assert sorted(known + held) == sorted(ROWS)
    assert part_of(ROWS, "all") == ROWS
    assert held == [row for row in ROWS if part_of([row], "holdout")]
    assert 20 < len(held) < 60


def test_no_fold_is_tried_on_what_it_has_learned_from() -> None:
    """Every row is tried once, by weights from other rows."""
    pairs = folds(ROWS, 5)

    assert sorted(row for _, tried in pairs for row in tried) == sorted(ROWS)
    assert all(not set(seen) & set(tried) and len(seen) > len(tried) > 0 for seen, tried in pairs)


def test_a_second_label_is_as_right() -> None:
    """What a label accepts beside itself counts as right; anything else does not."""
    assert [ROWS[0].accepts(label) for label in ("retail", "textile", "media")] == [
        True,
        True,
        False,
    ]


def test_the_files_are_read(tmp_path: Path) -> None:
    """Of the categories only those that were labelled by hand count."""
    (tmp_path / "sector.dev.csv").write_text(
        "id,text,lang,company,sector,also\nx1,Un texto,es,Acme,retail,textile|media\n", "utf-8"
    )
    (tmp_path / "maps_category.dev.csv").write_text(
        "category,lang,sector,also,label\nBazar,es,retail,,manual\nCine,es,,tourism,rule\n", "utf-8"
    )

    assert read_texts(tmp_path) == [
        Row("x1", "Un texto", "es", "Acme", "retail", frozenset({"textile", "media"}))
    ]
    assert [(row.key, row.also) for row in read_categories(tmp_path)] == [("Bazar|es", frozenset())]


def test_the_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The data is not in this project: without a folder the tool says so."""
    with pytest.raises(SystemExit):
        main(["measure"])

    assert "--data" in capsys.readouterr().err
